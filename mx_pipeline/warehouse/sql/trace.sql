-- name: merchants_having
-- At which of these merchants is this payment stored, or held in quarantine?
SELECT mx.merchants_having(:payment_id, CAST(:merchants AS bigint[]))

-- name: payment
-- The payment as it stands, and what was derived for it (all empty where nothing was yet); no person, and of its
-- reference only the number.
SELECT payment.created, payment.amount::numeric AS amount, payment.status, payment.type, payment.source,
       payment.tender_type, payment.refunded_amount::numeric AS refunded_amount,
       payment.settled_amount::numeric AS settled_amount, payment.surcharge_amount::numeric AS surcharge_amount,
       payment.invoice_number, payment.invoice_ids, payment.original_payment_id, payment.first_seen_at,
       payment.observed_at, payment.detail_observed_at, payment.changed_at, payment.vanished_at,
       enriched.has_invoice, enriched.link_basis, enriched.unlinked_reason, enriched.product_name,
       enriched.product_category, enriched.category_source, enriched.category_rule_id,
       enriched.category_confidence, enriched.category_decided_by, enriched.category_decided_at
  FROM mx.payments AS payment
  LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
 WHERE payment.merchant_id = :merchant_id AND payment.mx_payment_id = :payment_id

-- name: history
SELECT changed_at, observed_at, amount_before::numeric AS amount_before, amount::numeric AS amount, status_before,
       status, refunded_amount_before::numeric AS refunded_amount_before, refunded_amount::numeric AS refunded_amount,
       settled_amount_before::numeric AS settled_amount_before, settled_amount::numeric AS settled_amount
  FROM mx.payment_history
 WHERE merchant_id = :merchant_id AND mx_payment_id = :payment_id
 ORDER BY change_id

-- name: runs_at
-- Which run wrote at each of these moments. One sync of a merchant runs at a time and nobody else writes, so it is
-- the one that had begun last; no row has to remember its run. A request's reason is a person's free text, which
-- may name a customer, so it stays behind.
SELECT moment.at, run.run_id, run.mode, run.outcome, run.message, run.started_at, run.finished_at,
       run.dagster_run_id, run.request_id, request.asked_through, request.asked_by
  FROM unnest(CAST(:moments AS timestamptz[])) AS moment (at)
 CROSS JOIN LATERAL (SELECT *
                       FROM mx.sync_runs
                      WHERE merchant_id = :merchant_id AND started_at <= moment.at
                      ORDER BY started_at DESC, run_id DESC
                      LIMIT 1) AS run
  LEFT JOIN mx.sync_requests AS request
    ON request.merchant_id = :merchant_id AND request.request_id = run.request_id
 ORDER BY moment.at

-- name: pages_kept
-- The pages that a run kept: a page is one transaction, so its rows share the moment of it.
SELECT written.at, count(*) FILTER (WHERE written.is_new) AS new_payments,
       count(*) FILTER (WHERE NOT written.is_new) AS changed_payments,
       min(payment.created) AS oldest, max(payment.created) AS newest,
       bool_or(payment.mx_payment_id = :payment_id) AS has_this_payment
  FROM (SELECT first_seen_at AS at, mx_payment_id, true AS is_new
          FROM mx.payments
         WHERE merchant_id = :merchant_id
         UNION ALL
        SELECT changed_at, mx_payment_id, false
          FROM mx.payment_history
         WHERE merchant_id = :merchant_id) AS written
  JOIN mx.payments AS payment ON payment.merchant_id = :merchant_id AND payment.mx_payment_id = written.mx_payment_id
 WHERE written.at >= :started_at
   AND written.at < coalesce((SELECT min(later.started_at)
                                FROM mx.sync_runs AS later
                               WHERE later.merchant_id = :merchant_id AND later.started_at > :started_at), 'infinity')
 GROUP BY written.at
 ORDER BY written.at

-- name: invoices
-- The invoices that it paid, with what speaks for each.
SELECT link.mx_invoice_id, link.basis, invoice.invoice_number, invoice.status,
       invoice.total_amount::numeric AS total_amount, invoice.detail_observed_at, invoice.vanished_at,
       EXISTS (SELECT FROM mx.invoice_payments AS named
                WHERE named.merchant_id = :merchant_id
                  AND named.mx_invoice_id = link.mx_invoice_id
                  AND named.mx_payment_id = :payment_id) AS names_the_payment
  FROM mx.payment_invoices AS link
  JOIN mx.invoice_documents AS invoice USING (merchant_id, mx_invoice_id)
 WHERE link.merchant_id = :merchant_id AND link.mx_payment_id = :payment_id
 ORDER BY link.position

-- name: evidence
-- What its number is worth; no row where it is not looked at.
SELECT candidates, is_worth_reading, suffices
  FROM mx.number_evidence
 WHERE merchant_id = :merchant_id AND mx_payment_id = :payment_id

-- name: lines
-- The product lines of those invoices, in the order of the rule: the first names the product.
SELECT link.mx_invoice_id, line.line, line.product_name, line.quantity::numeric AS quantity,
       line.total_amount::numeric AS total_amount
  FROM mx.payment_invoices AS link
  JOIN mx.invoice_purchases AS line USING (merchant_id, mx_invoice_id)
 WHERE link.merchant_id = :merchant_id AND link.mx_payment_id = :payment_id
 ORDER BY coalesce(line.total_amount, 0) DESC, link.position, line.line

-- name: categories
-- Every change of its category.
SELECT changed_at, category_before, source_before, category, source, rule_id, confidence, decided_by
  FROM mx.category_history
 WHERE merchant_id = :merchant_id AND mx_payment_id = :payment_id
 ORDER BY changed_at

-- name: set_aside
SELECT stream, reason, attempts, first_seen_at, last_seen_at, released_at
  FROM mx.quarantine
 WHERE merchant_id = :merchant_id AND stream IN ('payments', 'payment_details') AND mx_id = :payment_id
 ORDER BY first_seen_at, quarantine_id
