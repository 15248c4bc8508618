-- name: expect_many_rows
-- A cursor is planned for its first tenth of the rows, unless it is told that all are wanted.
SELECT set_config('enable_nestloop', 'off', true), set_config('cursor_tuple_fraction', '1', true)

-- name: lock_categories
-- From here on no edit of the merchant's categories is committed before this transaction ends.
SELECT pg_advisory_xact_lock_shared(mx.categories_lock(:merchant_id))

-- name: categories_to_derive
-- The version of the merchant's categories, where not everything was derived for it yet.
SELECT version FROM mx.category_books WHERE merchant_id = :merchant_id AND derived_version <> version

-- name: keep_derived_version
UPDATE mx.category_books SET derived_version = :version WHERE merchant_id = :merchant_id

-- name: stale_payments
-- Payments whose link or product may have changed since the watermark: they changed themselves, or an
-- invoice that they could belong to did, or something about them is still open; and the returns of those.
WITH moved_invoices AS MATERIALIZED (
    SELECT mx_invoice_id, invoice_number
      FROM mx.invoice_documents
     WHERE merchant_id = :merchant_id AND changed_at >= :since
), moved AS (
    SELECT mx_payment_id FROM mx.payments WHERE merchant_id = :merchant_id AND changed_at >= :since
     UNION
    SELECT payment.mx_payment_id
      FROM moved_invoices
      JOIN mx.payments AS payment
        ON payment.merchant_id = :merchant_id AND payment.invoice_number = moved_invoices.invoice_number
     UNION
    SELECT named.mx_payment_id
      FROM moved_invoices
      JOIN mx.invoice_payments AS named
        ON named.merchant_id = :merchant_id AND named.mx_invoice_id = moved_invoices.mx_invoice_id
      JOIN mx.payments AS payment
        ON payment.merchant_id = :merchant_id AND payment.mx_payment_id = named.mx_payment_id
     UNION
    SELECT link.mx_payment_id
      FROM moved_invoices
      JOIN mx.payment_invoices AS link
        ON link.merchant_id = :merchant_id AND link.mx_invoice_id = moved_invoices.mx_invoice_id
     UNION
    SELECT mx_payment_id
      FROM mx.enriched_transactions
     WHERE merchant_id = :merchant_id AND unlinked_reason IS NOT NULL
)
SELECT mx_payment_id FROM moved
 UNION
SELECT given_back.mx_payment_id
  FROM moved
  JOIN mx.payments AS given_back
    ON given_back.merchant_id = :merchant_id AND given_back.original_payment_id = moved.mx_payment_id

-- name: numbers_to_map
-- All-digit references that no invoice is known for, newest payment first.
SELECT payment.invoice_number
  FROM mx.payments AS payment
 WHERE payment.merchant_id = :merchant_id
   AND (CAST(:ids AS bigint[]) IS NULL OR payment.mx_payment_id = ANY (CAST(:ids AS bigint[])))
   AND payment.invoice_number IS NOT NULL
   AND payment.source IS DISTINCT FROM 'QuickPay'
   AND payment.invoice_ids IS NULL
   AND payment.detail_observed_at IS NULL
   AND NOT EXISTS (SELECT FROM mx.invoice_map AS map
                    WHERE map.merchant_id = :merchant_id AND map.invoice_number = payment.invoice_number)
   AND NOT EXISTS (SELECT FROM mx.invoice_map_misses AS miss
                    WHERE miss.merchant_id = :merchant_id AND miss.invoice_number = payment.invoice_number)
 GROUP BY payment.invoice_number
 ORDER BY max(payment.created) DESC

-- name: invoices_of_page_to_fetch
-- Of one page of the invoice list: those never read that alone carry a number which MX itself wrote into a
-- payment. `invoices_to_fetch` says the same of them, and more, but looks at all of a merchant's payments.
-- OFFSET 0 makes Postgres look each number up, where it would read all of the merchant's rows for each page. The
-- invoices that were read are found once a page: looked up one by one, and before there are statistics, each look-up
-- may read all of the merchant's (500 invoices: 45 ms; so: 5 ms).
SELECT map.mx_invoice_id
  FROM unnest(CAST(:numbers AS bigint[])) AS page (invoice_number)
 CROSS JOIN LATERAL (SELECT min(mx_invoice_id) AS mx_invoice_id
                       FROM mx.invoice_map
                      WHERE merchant_id = :merchant_id AND invoice_number = page.invoice_number
                     HAVING count(*) = 1
                     OFFSET 0) AS map
 WHERE EXISTS (SELECT FROM mx.payments
                WHERE merchant_id = :merchant_id
                  AND invoice_number = page.invoice_number
                  AND invoice_reference = invoice_number::text
                  AND source IN ('Recurring', 'Invoice')
                  AND invoice_ids IS NULL
                  AND detail_observed_at IS NULL
               OFFSET 0)
   AND map.mx_invoice_id NOT IN (SELECT mx_invoice_id
                                   FROM mx.invoice_documents
                                  WHERE merchant_id = :merchant_id
                                    AND detail_observed_at IS NOT NULL
                                    AND mx_invoice_id = ANY (CAST(:ids AS bigint[])))
 ORDER BY map.mx_invoice_id DESC

-- name: payments_of_numbers
-- One payment for each of these numbers: the newest, which the vendor can be asked about directly.
SELECT DISTINCT ON (invoice_number) invoice_number, mx_payment_id
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND (CAST(:ids AS bigint[]) IS NULL OR mx_payment_id = ANY (CAST(:ids AS bigint[])))
   AND invoice_number = ANY (CAST(:numbers AS bigint[]))
   AND source IS DISTINCT FROM 'QuickPay'
   AND invoice_ids IS NULL
   AND detail_observed_at IS NULL
 ORDER BY invoice_number, created DESC, mx_payment_id DESC

-- name: payments_to_ask
-- Payments that only their own page can settle: a number that proposes but does not suffice, a number
-- that MX wrote and no invoice carries, a return that names nothing. The sums are made once for all
-- payments: one by one, each would be joined with all of the merchant's invoices. What a number is worth is
-- asked of those payments alone that no invoice's sum settles; the invoices that carry it are looked up (OFFSET 0),
-- where Postgres would read all of the merchant's for each payment. Not asked is a payment
-- whose number MX did not write itself, where every invoice of that number has told its payments since, and
-- this one is not among them: its own page could only say the same.
WITH named AS MATERIALIZED (
    SELECT named.mx_payment_id, sum(invoice.total_amount) AS total_amount
      FROM mx.invoice_payments AS named
      JOIN mx.invoice_documents AS invoice USING (merchant_id, mx_invoice_id)
     WHERE named.merchant_id = :merchant_id
       AND (CAST(:ids AS bigint[]) IS NULL OR named.mx_payment_id = ANY (CAST(:ids AS bigint[])))
     GROUP BY named.mx_payment_id
), open AS MATERIALIZED (
    SELECT payment.mx_payment_id, payment.type, payment.source, payment.created, payment.invoice_number
      FROM mx.payments AS payment
      LEFT JOIN named USING (mx_payment_id)
     WHERE payment.merchant_id = :merchant_id
       AND (CAST(:ids AS bigint[]) IS NULL OR payment.mx_payment_id = ANY (CAST(:ids AS bigint[])))
       AND payment.source IS DISTINCT FROM 'QuickPay'
       AND payment.detail_observed_at IS NULL
       AND payment.invoice_ids IS NULL
       -- An invoice that names the payment suffices, unless it is smaller: then the payment paid others, too.
       AND (named.total_amount >= payment.amount - coalesce(payment.surcharge_amount, 0)) IS NOT TRUE
), evidence AS MATERIALIZED (
    SELECT evidence.mx_payment_id, evidence.candidates, evidence.suffices
      FROM open
      JOIN mx.number_evidence AS evidence
        ON evidence.merchant_id = :merchant_id AND evidence.mx_payment_id = open.mx_payment_id
)
SELECT payment.mx_payment_id
  FROM open AS payment
  LEFT JOIN evidence USING (mx_payment_id)
 WHERE CASE
           WHEN evidence.candidates > 0 THEN
               NOT evidence.suffices
               AND (payment.source IN ('Recurring', 'Invoice')
                    OR payment.type = 'Return'
                    OR EXISTS (SELECT
                                 FROM mx.invoice_map AS map
                                CROSS JOIN LATERAL (SELECT detail_observed_at
                                                      FROM mx.invoice_documents AS stored
                                                     WHERE stored.merchant_id = :merchant_id
                                                       AND stored.mx_invoice_id = map.mx_invoice_id
                                                    OFFSET 0) AS invoice
                                WHERE map.merchant_id = :merchant_id
                                  AND map.invoice_number = payment.invoice_number
                                  AND ((payment.created < invoice.detail_observed_at) IS NOT TRUE
                                       OR NOT EXISTS (SELECT FROM mx.invoice_payments AS other
                                                       WHERE other.merchant_id = :merchant_id
                                                         AND other.mx_invoice_id = map.mx_invoice_id))))
           WHEN evidence.candidates = 0 THEN
               payment.source IN ('Recurring', 'Invoice')
               AND EXISTS (SELECT FROM mx.invoice_map_misses AS miss
                            WHERE miss.merchant_id = :merchant_id
                              AND miss.invoice_number = payment.invoice_number)
           ELSE payment.type = 'Return'
       END
 ORDER BY payment.mx_payment_id

-- name: invoices_to_fetch
-- Invoices that a payment is known, or likely, to belong to, and whose own page was never read, or shows
-- another total or quantity in the list since. Where several invoices carry a number, and no fewer payments
-- of MX's own writing do, the invoices' pages tell what as many payments would have to be asked for.
-- A number is looked at only where an invoice that carries it is unread; where some payments are meant, theirs are.
WITH unread AS MATERIALIZED (
    SELECT mx_invoice_id
      FROM mx.invoice_documents
     WHERE merchant_id = :merchant_id
       AND CAST(:ids AS bigint[]) IS NULL
       AND (detail_observed_at IS NULL
            OR (listed_total IS NOT NULL AND listed_total IS DISTINCT FROM detail_of_total)
            OR (listed_quantity IS NOT NULL AND listed_quantity IS DISTINCT FROM detail_of_quantity))
), number AS MATERIALIZED (
    SELECT map.invoice_number, count(*) AS candidates, min(map.mx_invoice_id) AS mx_invoice_id
      FROM (SELECT map.invoice_number
              FROM unread
              JOIN mx.invoice_map AS map ON map.merchant_id = :merchant_id AND map.mx_invoice_id = unread.mx_invoice_id
             UNION
            SELECT invoice_number
              FROM mx.payments
             WHERE merchant_id = :merchant_id
               AND mx_payment_id = ANY (CAST(:ids AS bigint[]))
               AND invoice_number IS NOT NULL) AS carried
      JOIN mx.invoice_map AS map ON map.merchant_id = :merchant_id AND map.invoice_number = carried.invoice_number
     GROUP BY map.invoice_number
), numbered AS MATERIALIZED (
    -- Payments into which MX itself wrote such a number.
    SELECT payment.mx_payment_id, payment.detail_observed_at, number.invoice_number, number.candidates,
           number.mx_invoice_id
      FROM number
      JOIN mx.payments AS payment
        ON payment.merchant_id = :merchant_id AND payment.invoice_number = number.invoice_number
     WHERE payment.invoice_reference = payment.invoice_number::text
       AND payment.source IN ('Recurring', 'Invoice')
       AND payment.invoice_ids IS NULL
       AND (CAST(:ids AS bigint[]) IS NULL OR payment.mx_payment_id = ANY (CAST(:ids AS bigint[])))
), contested AS (
    SELECT invoice_number
      FROM numbered
     WHERE detail_observed_at IS NULL
     GROUP BY invoice_number, candidates
    HAVING candidates BETWEEN 2 AND count(*)
), proposed AS (
    SELECT unnest(invoice_ids) AS mx_invoice_id
      FROM mx.payments
     WHERE merchant_id = :merchant_id
       AND invoice_ids IS NOT NULL
       AND (CAST(:ids AS bigint[]) IS NULL OR mx_payment_id = ANY (CAST(:ids AS bigint[])))
     UNION
    SELECT mx_invoice_id FROM numbered WHERE candidates = 1 AND detail_observed_at IS NULL
     UNION
    SELECT numbered.mx_invoice_id
      FROM numbered
     CROSS JOIN LATERAL (SELECT suffices
                           FROM mx.number_evidence
                          WHERE merchant_id = :merchant_id AND mx_payment_id = numbered.mx_payment_id
                         OFFSET 0) AS evidence
     WHERE numbered.candidates = 1 AND numbered.detail_observed_at IS NOT NULL AND evidence.suffices
     UNION
    SELECT link.mx_invoice_id
      FROM unread
      JOIN mx.payment_invoices AS link ON link.merchant_id = :merchant_id AND link.mx_invoice_id = unread.mx_invoice_id
     UNION
    SELECT mx_invoice_id
      FROM mx.payment_invoices
     WHERE merchant_id = :merchant_id
       AND mx_payment_id = ANY (CAST(:ids AS bigint[]))
     UNION
    SELECT map.mx_invoice_id
      FROM contested
      JOIN mx.invoice_map AS map
        ON map.merchant_id = :merchant_id AND map.invoice_number = contested.invoice_number
)
SELECT proposed.mx_invoice_id
  FROM proposed
  LEFT JOIN mx.invoice_documents AS invoice
    ON invoice.merchant_id = :merchant_id AND invoice.mx_invoice_id = proposed.mx_invoice_id
 WHERE invoice.detail_observed_at IS NULL
    OR (invoice.listed_total IS NOT NULL AND invoice.listed_total IS DISTINCT FROM invoice.detail_of_total)
    OR (invoice.listed_quantity IS NOT NULL
        AND invoice.listed_quantity IS DISTINCT FROM invoice.detail_of_quantity)
 ORDER BY proposed.mx_invoice_id DESC

-- name: derive_links
-- From what is stored, and nothing else: which invoices each payment paid, on the strongest evidence
-- there is. A return without invoices of its own has those of its original payment.
WITH scope AS MATERIALIZED (
    SELECT mx_payment_id, type, original_payment_id
      FROM mx.payments
     WHERE merchant_id = :merchant_id
       AND (CAST(:ids AS bigint[]) IS NULL OR mx_payment_id = ANY (CAST(:ids AS bigint[])))
), reach AS MATERIALIZED (
    SELECT mx_payment_id FROM scope
     UNION
    SELECT original_payment_id FROM scope WHERE original_payment_id IS NOT NULL
), unnamed AS MATERIALIZED (
    -- What a number is worth costs most to find out, and it is worth nothing where an invoice names the payment.
    SELECT mx_payment_id
      FROM reach
     WHERE NOT EXISTS (SELECT FROM mx.invoice_payments AS named
                        WHERE named.merchant_id = :merchant_id AND named.mx_payment_id = reach.mx_payment_id)
), claims AS (
    SELECT payment.mx_payment_id, claimed.position, claimed.mx_invoice_id, 'invoice_ids' AS basis, 1 AS strength
      FROM reach
      JOIN mx.payments AS payment
        ON payment.merchant_id = :merchant_id AND payment.mx_payment_id = reach.mx_payment_id
     CROSS JOIN LATERAL (SELECT mx_invoice_id, min(place) AS position
                           FROM unnest(payment.invoice_ids) WITH ORDINALITY AS listed (mx_invoice_id, place)
                          GROUP BY mx_invoice_id) AS claimed
     UNION ALL
    SELECT named.mx_payment_id,
           row_number() OVER (PARTITION BY named.mx_payment_id ORDER BY named.mx_invoice_id),
           named.mx_invoice_id, 'invoice_payments', 2
      FROM reach
      JOIN mx.invoice_payments AS named
        ON named.merchant_id = :merchant_id AND named.mx_payment_id = reach.mx_payment_id
     UNION ALL
    SELECT evidence.mx_payment_id, 1, evidence.mx_invoice_id, 'number', 4
      FROM unnamed
      JOIN mx.number_evidence AS evidence
        ON evidence.merchant_id = :merchant_id
       AND evidence.mx_payment_id = unnamed.mx_payment_id
       AND evidence.suffices
), held AS (
    SELECT claims.*, min(claims.strength) OVER (PARTITION BY claims.mx_payment_id) AS strongest
      FROM claims
      JOIN mx.invoice_documents AS invoice
        ON invoice.merchant_id = :merchant_id AND invoice.mx_invoice_id = claims.mx_invoice_id
), own AS MATERIALIZED (
    SELECT mx_payment_id, mx_invoice_id, basis, strength,
           row_number() OVER (PARTITION BY mx_payment_id ORDER BY position) AS position
      FROM held
     WHERE strength = strongest
), inherited AS (
    SELECT scope.mx_payment_id, own.mx_invoice_id, 'original_payment' AS basis, 3 AS strength, own.position
      FROM scope
      JOIN own ON own.mx_payment_id = scope.original_payment_id
     WHERE scope.type = 'Return'
), desired AS MATERIALIZED (
    SELECT mx_payment_id, mx_invoice_id, basis, position
      FROM (SELECT *, min(strength) OVER (PARTITION BY mx_payment_id) AS strongest
              FROM (SELECT own.mx_payment_id, own.mx_invoice_id, own.basis, own.strength, own.position
                      FROM own
                      JOIN scope USING (mx_payment_id)
                     UNION ALL
                    SELECT mx_payment_id, mx_invoice_id, basis, strength, position FROM inherited) AS either)
           AS ranked
     WHERE strength = strongest
), dropped AS (
    DELETE FROM mx.payment_invoices AS stored
     USING scope
     WHERE stored.merchant_id = :merchant_id
       AND stored.mx_payment_id = scope.mx_payment_id
       AND NOT EXISTS (SELECT FROM desired
                        WHERE desired.mx_payment_id = stored.mx_payment_id
                          AND desired.position = stored.position)
)
INSERT INTO mx.payment_invoices AS stored (merchant_id, mx_payment_id, position, mx_invoice_id, basis)
SELECT :merchant_id, mx_payment_id, position, mx_invoice_id, basis
  FROM desired
 ORDER BY mx_payment_id, position
    ON CONFLICT (merchant_id, mx_payment_id, position) DO UPDATE
   SET mx_invoice_id = excluded.mx_invoice_id, basis = excluded.basis
 WHERE (stored.mx_invoice_id, stored.basis) IS DISTINCT FROM (excluded.mx_invoice_id, excluded.basis)

-- part: derived
-- One row per payment: its invoice, its main product (the purchase with the strictly greatest total, the
-- first wins ties, white space trimmed as the vendor's own client trims it) and its category; or why
-- there is no invoice. Standalone payments have none of it, and no reason either. A category is the human's
-- override, else that of the exact name (trimmed, else as MX sent it), else of the first rule that fits, else
-- of a suggestion that is sure or accepted. `:trial` is what is only tried: rules, suggestions, rules left out.
WITH scope AS MATERIALIZED (
    SELECT payment.mx_payment_id, payment.type, payment.source, payment.invoice_number, payment.invoice_ids,
           payment.original_payment_id, payment.detail_observed_at IS NOT NULL AS was_asked, payment.created
      FROM mx.payments AS payment
     WHERE payment.merchant_id = :merchant_id
       AND (CAST(:ids AS bigint[]) IS NULL OR payment.mx_payment_id = ANY (CAST(:ids AS bigint[])))
), main_purchase AS (
    SELECT DISTINCT ON (link.mx_payment_id) link.mx_payment_id, line.product_name AS sent_name, line.price
      FROM scope
      JOIN mx.payment_invoices AS link
        ON link.merchant_id = :merchant_id AND link.mx_payment_id = scope.mx_payment_id
      JOIN mx.invoice_purchases AS line
        ON line.merchant_id = :merchant_id AND line.mx_invoice_id = link.mx_invoice_id
     ORDER BY link.mx_payment_id, coalesce(line.total_amount, 0) DESC, link.position, line.line
), main_product AS MATERIALIZED (
    SELECT mx_payment_id, sent_name, price,
           nullif(btrim(sent_name, E' \t\n\r\f\v\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
               '\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'), '') AS product_name
      FROM main_purchase
), product AS MATERIALIZED (
    SELECT DISTINCT sent_name, product_name FROM main_product WHERE product_name IS NOT NULL
), rule AS (
    SELECT one
      FROM mx.category_rules AS one
     WHERE one.merchant_id = :merchant_id
       AND one.withdrawn_at IS NULL
       AND NOT coalesce(CAST(:trial AS jsonb) -> 'without' @> to_jsonb(one.rule_id), false)
     UNION ALL
    SELECT one FROM jsonb_populate_recordset(NULL::mx.category_rules, CAST(:trial AS jsonb) -> 'rules') AS one
), fitting AS (
    SELECT named.product_name, array_agg(rule.one ORDER BY (rule.one).priority, (rule.one).rule_id) AS rules
      FROM rule
     CROSS JOIN LATERAL (SELECT DISTINCT product.product_name
                           FROM product
                          WHERE CASE (rule.one).kind
                                WHEN 'contains' THEN strpos(lower(product_name), lower((rule.one).pattern)) > 0
                                WHEN 'starts_with' THEN starts_with(lower(product_name), lower((rule.one).pattern))
                                WHEN 'regex' THEN product_name ~* (rule.one).pattern
                                ELSE true END) AS named
     GROUP BY named.product_name
), suggestion AS (
    SELECT own.product_name, own.category, CASE WHEN own.model_category IS NULL THEN own.confidence END AS confidence,
           own.active_from, own.active_until,
           coalesce(own.decided_by, own.model) AS decided_by, coalesce(own.decided_at, own.suggested_at) AS decided_at
      FROM mx.category_suggestions AS own
      LEFT JOIN mx.category_books AS book ON book.merchant_id = :merchant_id
     WHERE own.merchant_id = :merchant_id
       AND (own.decision = 'accepted'
            OR own.decision IS NULL AND own.confidence >= coalesce(book.apply_from, 0.9)
               AND CAST(:trial AS jsonb) -> 'suggestions' IS NULL)
     UNION ALL
    SELECT tried.product_name, tried.category, tried.confidence, NULL, NULL, 'trial', NULL
      FROM jsonb_to_recordset(CAST(:trial AS jsonb) -> 'suggestions')
           AS tried (product_name text, category text, confidence numeric)
), known AS MATERIALIZED (
    SELECT product.sent_name, fitting.rules,
           by_hand.category AS override, by_hand.made_by AS override_by, by_hand.made_at AS override_at,
           named.category AS named, named.made_by AS named_by, named.updated_at AS named_at,
           suggestion.category AS suggested, suggestion.confidence, suggestion.decided_by AS suggested_by,
           suggestion.decided_at AS suggested_at, suggestion.active_from, suggestion.active_until
      FROM product
      LEFT JOIN mx.category_overrides AS by_hand
        ON by_hand.merchant_id = :merchant_id
       AND by_hand.product_name = product.product_name
       AND by_hand.withdrawn_at IS NULL
      LEFT JOIN LATERAL (SELECT *
                           FROM mx.product_categories AS category
                          WHERE category.merchant_id = :merchant_id
                            AND category.product_name IN (product.product_name, product.sent_name)
                            AND category.is_active
                          ORDER BY category.product_name = product.product_name DESC
                          LIMIT 1) AS named ON true
      LEFT JOIN fitting ON fitting.product_name = product.product_name
      LEFT JOIN suggestion ON suggestion.product_name = product.product_name
), overridden_sale AS (
    -- Of an invoice that was paid once: a return that does not name its original can only be of that sale.
    SELECT link.mx_invoice_id, by_hand.override_id
      FROM mx.category_overrides AS by_hand
      JOIN mx.payment_invoices AS link
        ON link.merchant_id = :merchant_id AND link.mx_payment_id = by_hand.mx_payment_id AND link.position = 1
     WHERE by_hand.merchant_id = :merchant_id
       AND by_hand.withdrawn_at IS NULL
       AND (SELECT min(paid.mx_payment_id) = by_hand.mx_payment_id AND count(*) = 1
              FROM mx.payment_invoices AS other
              JOIN mx.payments AS paid
                ON paid.merchant_id = :merchant_id AND paid.mx_payment_id = other.mx_payment_id
             WHERE other.merchant_id = :merchant_id
               AND other.mx_invoice_id = link.mx_invoice_id
               AND paid.type IS DISTINCT FROM 'Return'
               AND paid.status IN ('Approved', 'Settled'))
), joined AS (
    SELECT scope.mx_payment_id,
           link.mx_invoice_id,
           link.basis,
           CASE
               WHEN link.mx_invoice_id IS NOT NULL THEN NULL
               WHEN cardinality(scope.invoice_ids) > 0 THEN 'invoice_not_read'
               WHEN scope.original_payment_id IS NOT NULL AND scope.type = 'Return' AND original.mx_payment_id IS NULL
                   THEN 'original_not_here'
               WHEN scope.original_payment_id IS NOT NULL AND scope.type = 'Return' THEN NULL
               WHEN scope.source = 'QuickPay' THEN NULL
               WHEN scope.type = 'Return' AND scope.was_asked THEN 'return_names_nothing'
               WHEN scope.type = 'Return' AND scope.invoice_number IS NULL THEN 'original_not_sought'
               WHEN scope.invoice_number IS NULL THEN NULL
               WHEN scope.was_asked THEN 'payment_names_no_invoice'
               WHEN evidence.candidates > 1 THEN 'number_not_unique'
               WHEN evidence.candidates = 1 THEN 'number_proves_nothing'
               WHEN miss.invoice_number IS NOT NULL THEN 'number_not_in_invoice_list'
               ELSE 'number_not_sought'
           END AS unlinked_reason,
           main_product.product_name,
           main_product.price,
           coalesce(original.created,
                    CASE scope.type WHEN 'Return' THEN coalesce(invoice.invoice_date, invoice.api_created) END,
                    scope.created) AS sold_at,
           link.mx_invoice_id IS NOT NULL AND invoice.detail_observed_at IS NOT NULL AS has_product_lines,
           coalesce(own.override_id, of_original.override_id, of_sale.override_id) AS override_id,
           known.*
      FROM scope
      LEFT JOIN mx.payment_invoices AS link
        ON link.merchant_id = :merchant_id AND link.mx_payment_id = scope.mx_payment_id AND link.position = 1
      LEFT JOIN mx.invoice_documents AS invoice
        ON invoice.merchant_id = :merchant_id AND invoice.mx_invoice_id = link.mx_invoice_id
      LEFT JOIN main_product ON main_product.mx_payment_id = scope.mx_payment_id
      LEFT JOIN known ON known.sent_name = main_product.sent_name
      LEFT JOIN mx.number_evidence AS evidence
        ON evidence.merchant_id = :merchant_id
       AND evidence.mx_payment_id = scope.mx_payment_id
       AND link.mx_invoice_id IS NULL
      LEFT JOIN mx.invoice_map_misses AS miss
        ON miss.merchant_id = :merchant_id AND miss.invoice_number = scope.invoice_number
      LEFT JOIN mx.payments AS original
        ON original.merchant_id = :merchant_id
       AND original.mx_payment_id = scope.original_payment_id
       AND scope.type = 'Return'
      LEFT JOIN mx.category_overrides AS own
        ON own.merchant_id = :merchant_id AND own.mx_payment_id = scope.mx_payment_id AND own.withdrawn_at IS NULL
      LEFT JOIN mx.category_overrides AS of_original
        ON of_original.merchant_id = :merchant_id
       AND of_original.mx_payment_id = original.mx_payment_id
       AND of_original.withdrawn_at IS NULL
      LEFT JOIN overridden_sale AS of_sale
        ON of_sale.mx_invoice_id = link.mx_invoice_id
       AND scope.type = 'Return'
       AND scope.original_payment_id IS NULL
), decided AS (
    SELECT joined.*, rule.rule_id, rule.category AS ruled, rule.made_by AS ruled_by, rule.made_at AS ruled_at,
           CASE
               WHEN joined.override_id IS NOT NULL OR (has_product_lines AND override IS NOT NULL) THEN 'override'
               WHEN NOT has_product_lines THEN NULL
               WHEN named IS NOT NULL THEN 'exact_name'
               WHEN rule.rule_id IS NOT NULL THEN 'rule'
               WHEN suggested IS NOT NULL AND (joined.active_from IS NULL OR sold_on >= joined.active_from)
                    AND (joined.active_until IS NULL OR sold_on < joined.active_until)
                   THEN 'suggestion'
               ELSE 'none'
           END AS category_source
      FROM joined
     CROSS JOIN (SELECT timezone FROM mx.mx_merchant_configs WHERE merchant_id = :merchant_id) AS merchant
     CROSS JOIN LATERAL (SELECT (joined.sold_at AT TIME ZONE merchant.timezone)::date AS sold_on) AS sale
      LEFT JOIN LATERAL (SELECT one.*
                           FROM unnest(joined.rules) AS one
                          WHERE (one.min_price IS NULL OR joined.price >= one.min_price)
                            AND (one.max_price IS NULL OR joined.price <= one.max_price)
                            AND (one.active_from IS NULL OR sold_on >= one.active_from)
                            AND (one.active_until IS NULL OR sold_on < one.active_until)
                          ORDER BY one.priority, one.rule_id
                          LIMIT 1) AS rule ON joined.rules IS NOT NULL
), derived AS (
    SELECT decided.mx_payment_id, mx_invoice_id, basis, unlinked_reason, decided.product_name, category_source,
           CASE category_source WHEN 'override' THEN coalesce(by_hand.category, override)
                                WHEN 'exact_name' THEN named
                                WHEN 'rule' THEN ruled
                                WHEN 'suggestion' THEN suggested
                                WHEN 'none' THEN 'Uncategorized' END AS product_category,
           CASE category_source WHEN 'rule' THEN rule_id END AS category_rule_id,
           CASE category_source WHEN 'suggestion' THEN confidence END AS category_confidence,
           CASE category_source WHEN 'override' THEN coalesce(by_hand.made_by, override_by)
                                WHEN 'exact_name' THEN named_by
                                WHEN 'rule' THEN ruled_by
                                WHEN 'suggestion' THEN suggested_by END AS category_decided_by,
           CASE category_source WHEN 'override' THEN coalesce(by_hand.made_at, override_at)
                                WHEN 'exact_name' THEN named_at
                                WHEN 'rule' THEN ruled_at
                                WHEN 'suggestion' THEN suggested_at END AS category_decided_at
      FROM decided
      LEFT JOIN mx.category_overrides AS by_hand
        ON by_hand.merchant_id = :merchant_id AND by_hand.override_id = decided.override_id
)

-- name: derive_enriched_transactions
-- Rows that come out as they were are not written.
-- with: derived
, merged AS (
    INSERT INTO mx.enriched_transactions AS stored
           (merchant_id, mx_payment_id, has_invoice, mx_invoice_id, link_basis, unlinked_reason,
            product_name, product_category, category_source, category_rule_id, category_confidence,
            category_decided_by, category_decided_at)
    SELECT :merchant_id, mx_payment_id, mx_invoice_id IS NOT NULL, mx_invoice_id, basis, unlinked_reason,
           product_name, product_category, category_source, category_rule_id, category_confidence,
           category_decided_by, category_decided_at
      FROM derived
     ORDER BY mx_payment_id
        ON CONFLICT (merchant_id, mx_payment_id) DO UPDATE
       SET has_invoice = excluded.has_invoice,
           mx_invoice_id = excluded.mx_invoice_id,
           link_basis = excluded.link_basis,
           unlinked_reason = excluded.unlinked_reason,
           product_name = excluded.product_name,
           product_category = excluded.product_category,
           category_source = excluded.category_source,
           category_rule_id = excluded.category_rule_id,
           category_confidence = excluded.category_confidence,
           category_decided_by = excluded.category_decided_by,
           category_decided_at = excluded.category_decided_at
     WHERE (stored.has_invoice, stored.mx_invoice_id, stored.link_basis, stored.unlinked_reason,
            stored.product_name, stored.product_category, stored.category_source, stored.category_rule_id,
            stored.category_confidence, stored.category_decided_by, stored.category_decided_at)
           IS DISTINCT FROM
           (excluded.has_invoice, excluded.mx_invoice_id, excluded.link_basis, excluded.unlinked_reason,
            excluded.product_name, excluded.product_category, excluded.category_source, excluded.category_rule_id,
            excluded.category_confidence, excluded.category_decided_by, excluded.category_decided_at)
    RETURNING stored.mx_payment_id
)
-- The table is seen as it was before this statement.
SELECT count(*) FILTER (WHERE before.mx_payment_id IS NULL) AS inserted, count(before.mx_payment_id) AS updated
  FROM merged
  LEFT JOIN mx.enriched_transactions AS before
    ON before.merchant_id = :merchant_id AND before.mx_payment_id = merged.mx_payment_id

-- name: compare_derived
-- What deriving would change, by category before and after; the examples name payments and products, no person.
-- with: derived
, change AS (
    SELECT before.product_category AS category_before, before.category_source AS source_before,
           derived.product_category AS category, derived.category_source AS source,
           derived.product_name, derived.mx_payment_id, payment.amount
      FROM derived
      JOIN mx.payments AS payment
        ON payment.merchant_id = :merchant_id AND payment.mx_payment_id = derived.mx_payment_id
      LEFT JOIN mx.enriched_transactions AS before
        ON before.merchant_id = :merchant_id AND before.mx_payment_id = derived.mx_payment_id
     WHERE (derived.product_category, derived.category_source)
           IS DISTINCT FROM (before.product_category, before.category_source)
)
SELECT category_before, source_before, category, source, count(*) AS payments, sum(amount)::numeric AS amount,
       coalesce((array_agg(DISTINCT product_name) FILTER (WHERE product_name IS NOT NULL))[\:5], '{}') AS products,
       (array_agg(mx_payment_id ORDER BY mx_payment_id DESC))[\:5] AS newest
  FROM change
 GROUP BY category_before, source_before, category, source
 ORDER BY count(*) DESC, category_before, category

-- name: enriched_facts
-- What the statistics say of these payments; of all of the merchant's where no ids are given.
SELECT count(*) AS payments,
       count(*) FILTER (WHERE enriched.has_invoice) AS linked,
       count(DISTINCT enriched.mx_invoice_id) AS invoices,
       count(*) FILTER (WHERE enriched.product_name IS NOT NULL) AS with_products,
       count(*) FILTER (WHERE NOT enriched.has_invoice AND enriched.unlinked_reason IS NULL) AS standalone,
       count(*) FILTER (WHERE enriched.unlinked_reason IS NOT NULL) AS unlinked,
       count(*) FILTER (WHERE payment.invoice_number IS NOT NULL
                          AND payment.source IS DISTINCT FROM 'QuickPay') AS with_reference,
       count(*) FILTER (WHERE payment.invoice_number IS NOT NULL
                          AND payment.source IS DISTINCT FROM 'QuickPay'
                          AND enriched.has_invoice) AS with_reference_linked
  FROM mx.payments AS payment
  LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
 WHERE payment.merchant_id = :merchant_id
   AND (CAST(:ids AS bigint[]) IS NULL OR payment.mx_payment_id = ANY (CAST(:ids AS bigint[])))

-- name: unlinked_reasons
-- How many payments have no invoice though something points to one, by reason.
SELECT unlinked_reason, count(*) AS payments
  FROM mx.enriched_transactions
 WHERE merchant_id = :merchant_id
   AND unlinked_reason IS NOT NULL
   AND (CAST(:ids AS bigint[]) IS NULL OR mx_payment_id = ANY (CAST(:ids AS bigint[])))
 GROUP BY unlinked_reason
 ORDER BY unlinked_reason
