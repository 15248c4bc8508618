-- name: unchanged_payments
-- Which of these payments are stored with this very content, so that they need not travel again. `lowest` and `highest`: of the ids.
-- With them a table that nobody has analyzed yet is not read whole for each row (16 ms for 500, and growing); OFFSET 0
-- keeps the merchant's rows from being read for each page.
SELECT page.mx_payment_id
  FROM unnest(CAST(:ids AS bigint[]), CAST(:hashes AS bigint[])) AS page (mx_payment_id, content_hash)
  JOIN (SELECT mx_payment_id, list_hash
          FROM mx.payments
         WHERE merchant_id = :merchant_id
           AND mx_payment_id BETWEEN :lowest AND :highest
           AND mx_payment_id = ANY (CAST(:ids AS bigint[]))
           AND vanished_at IS NULL
        OFFSET 0) AS stored USING (mx_payment_id)
 WHERE stored.list_hash = page.content_hash

-- name: merge_payments
-- Insert new payments and refresh changed ones, with the people in them, in one round trip. News that
-- was asked for later always wins, so a slow page cannot undo what a faster sync has written. The list
-- never tells invoice ids, the original or the batch id, so what a detail told of them stays.
DISCARD PLANS;
WITH page AS MATERIALIZED (
    SELECT *
      FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS payment (
           id bigint, hash bigint, created timestamptz, amount numeric, status text, type text, source text,
           "tenderType" text, invoice text, "invoiceIds" bigint[], "refundedAmount" numeric,
           "settledAmount" numeric, "surchargeAmount" numeric, tax numeric, payload jsonb,
           "customerName" text, "customerCode" text)
), merged AS (
    INSERT INTO mx.payments AS stored
           (merchant_id, mx_payment_id, created, amount, status, type, source, tender_type, invoice_reference,
            invoice_ids, refunded_amount, settled_amount, surcharge_amount, tax_amount, payload, list_hash,
            observed_at)
    SELECT :merchant_id, id, created, amount, status, type, source, "tenderType", invoice, "invoiceIds",
           "refundedAmount", "settledAmount", "surchargeAmount", tax, payload, hash, :observed_at
      FROM page
     ORDER BY id
        ON CONFLICT (merchant_id, mx_payment_id) DO UPDATE
       SET created = excluded.created,
           amount = excluded.amount,
           status = excluded.status,
           type = excluded.type,
           source = excluded.source,
           tender_type = excluded.tender_type,
           invoice_reference = excluded.invoice_reference,
           invoice_ids = coalesce(excluded.invoice_ids, stored.invoice_ids),
           refunded_amount = excluded.refunded_amount,
           settled_amount = excluded.settled_amount,
           surcharge_amount = excluded.surcharge_amount,
           tax_amount = excluded.tax_amount,
           payload = excluded.payload,
           list_hash = excluded.list_hash,
           observed_at = excluded.observed_at,
           vanished_at = NULL,
           changed_at = now()
     WHERE stored.observed_at <= excluded.observed_at
       AND (stored.list_hash IS DISTINCT FROM excluded.list_hash OR stored.vanished_at IS NOT NULL)
    RETURNING stored.mx_payment_id, (stored.first_seen_at = now()) AS is_new
), people AS (
    INSERT INTO mx.payment_people AS stored (merchant_id, mx_payment_id, customer_name, customer_code)
    SELECT :merchant_id, page.id, page."customerName", page."customerCode"
      FROM page
      JOIN merged ON merged.mx_payment_id = page.id
     WHERE NOT merged.is_new OR page."customerName" IS NOT NULL OR page."customerCode" IS NOT NULL
     ORDER BY page.id
        ON CONFLICT (merchant_id, mx_payment_id) DO UPDATE
       SET customer_name = excluded.customer_name,
           customer_code = excluded.customer_code
     WHERE (stored.customer_name, stored.customer_code)
           IS DISTINCT FROM (excluded.customer_name, excluded.customer_code)
)
SELECT count(*) FILTER (WHERE is_new) AS inserted, count(*) FILTER (WHERE NOT is_new) AS updated
  FROM merged

-- name: merge_payment_details
-- What a payment's own page tells: the same fields as the list but the refunded amount, and its
-- invoices and its original besides.
DISCARD PLANS;
WITH page AS MATERIALIZED (
    SELECT *
      FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS payment (
           id bigint, hash bigint, created timestamptz, amount numeric, status text, type text, source text,
           "tenderType" text, invoice text, "invoiceIds" bigint[], "originalId" bigint,
           "settledAmount" numeric, "surchargeAmount" numeric, tax numeric, payload jsonb, detail jsonb,
           observed_at timestamptz, "customerName" text, "customerCode" text)
), merged AS (
    INSERT INTO mx.payments AS stored
           (merchant_id, mx_payment_id, created, amount, status, type, source, tender_type, invoice_reference,
            invoice_ids, original_payment_id, settled_amount, surcharge_amount, tax_amount, payload, detail,
            detail_hash, observed_at, detail_observed_at)
    SELECT :merchant_id, id, created, amount, status, type, source, "tenderType", invoice, "invoiceIds",
           "originalId", "settledAmount", "surchargeAmount", tax, payload, detail, hash, observed_at, observed_at
      FROM page
     ORDER BY id
        ON CONFLICT (merchant_id, mx_payment_id) DO UPDATE
       SET created = excluded.created,
           amount = excluded.amount,
           status = excluded.status,
           type = excluded.type,
           source = excluded.source,
           tender_type = excluded.tender_type,
           invoice_reference = excluded.invoice_reference,
           invoice_ids = excluded.invoice_ids,
           original_payment_id = excluded.original_payment_id,
           settled_amount = excluded.settled_amount,
           surcharge_amount = excluded.surcharge_amount,
           tax_amount = excluded.tax_amount,
           payload = excluded.payload,
           detail = excluded.detail,
           detail_hash = excluded.detail_hash,
           observed_at = excluded.observed_at,
           detail_observed_at = excluded.detail_observed_at,
           changed_at = now()
     WHERE stored.observed_at <= excluded.observed_at
       AND (stored.detail_observed_at IS NULL OR stored.detail_hash IS DISTINCT FROM excluded.detail_hash)
    RETURNING stored.mx_payment_id, (stored.first_seen_at = now()) AS is_new
), people AS (
    INSERT INTO mx.payment_people AS stored (merchant_id, mx_payment_id, customer_name, customer_code)
    SELECT :merchant_id, page.id, page."customerName", page."customerCode"
      FROM page
      JOIN merged ON merged.mx_payment_id = page.id
     WHERE NOT merged.is_new OR page."customerName" IS NOT NULL OR page."customerCode" IS NOT NULL
     ORDER BY page.id
        ON CONFLICT (merchant_id, mx_payment_id) DO UPDATE
       SET customer_name = excluded.customer_name,
           customer_code = excluded.customer_code
     WHERE (stored.customer_name, stored.customer_code)
           IS DISTINCT FROM (excluded.customer_name, excluded.customer_code)
)
SELECT count(*) FILTER (WHERE is_new) AS inserted, count(*) FILTER (WHERE NOT is_new) AS updated
  FROM merged

-- name: payments_held
-- How many of these payments we hold, and their sum; all of the merchant's where no ids are given.
SELECT count(*) AS held, coalesce(sum(amount), 0) AS total
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
   AND (CAST(:ids AS bigint[]) IS NULL OR mx_payment_id = ANY (CAST(:ids AS bigint[])))

-- name: payments_of_days
-- The payments that we hold in [since, until).
SELECT mx_payment_id
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
   AND (CAST(:since AS timestamptz) IS NULL OR created >= CAST(:since AS timestamptz))
   AND (CAST(:until AS timestamptz) IS NULL OR created < CAST(:until AS timestamptz))
 ORDER BY mx_payment_id

-- name: payment_ids_held
-- Every payment id that we hold for the merchant and MX still lists.
SELECT mx_payment_id
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
 ORDER BY mx_payment_id

-- name: payment_at
-- Which payment stands at this place of our list, newest first.
SELECT mx_payment_id
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
 ORDER BY created DESC, mx_payment_id DESC
OFFSET :place
 LIMIT 1

-- name: payments_set_aside
-- Payments that are in quarantine and nowhere else.
SELECT quarantined.mx_id
  FROM mx.quarantine AS quarantined
 WHERE quarantined.merchant_id = :merchant_id
   AND quarantined.stream = 'payments'
   AND quarantined.released_at IS NULL
   AND NOT EXISTS (SELECT FROM mx.payments AS payment
                    WHERE payment.merchant_id = :merchant_id
                      AND payment.vanished_at IS NULL
                      AND payment.mx_payment_id = quarantined.mx_id)

-- name: payments_out_of_date
-- Payments that are here as they were, because their latest row could not be taken in.
SELECT quarantined.mx_id
  FROM mx.quarantine AS quarantined
  JOIN mx.payments AS payment
    ON payment.merchant_id = :merchant_id
   AND payment.mx_payment_id = quarantined.mx_id
   AND payment.vanished_at IS NULL
 WHERE quarantined.merchant_id = :merchant_id
   AND quarantined.stream = 'payments'
   AND quarantined.released_at IS NULL
 ORDER BY quarantined.mx_id

-- name: payments_vanished
-- MX lists them no more. They stay, with their history; nothing counts or shows them.
UPDATE mx.payments
   SET vanished_at = now(), changed_at = now()
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
   AND mx_payment_id = ANY (CAST(:ids AS bigint[]))

-- name: open_payments
-- Payments that can still change though they are older than the look-back: not settled, not ended. With
-- how many rows of the newest-first list one must read to meet the oldest of them.
SELECT array_agg(mx_payment_id ORDER BY mx_payment_id) AS ids,
       min(created) AS oldest,
       (SELECT count(*) FROM mx.payments AS newer
         WHERE newer.merchant_id = :merchant_id AND newer.vanished_at IS NULL
           AND newer.created >= min(payment.created)) AS rows_to_oldest,
       (SELECT count(*) FROM mx.payments AS newer
         WHERE newer.merchant_id = :merchant_id AND newer.vanished_at IS NULL
           AND newer.created >= :look_back_to) AS rows_in_look_back
  FROM mx.payments AS payment
 WHERE merchant_id = :merchant_id
   AND created < :look_back_to
   AND created >= :no_older_than
   AND vanished_at IS NULL
   AND status NOT IN ('Settled', 'Voided', 'Declined', 'Chargedback')

-- name: stored_payments
-- Which of these are here, whatever they say.
SELECT mx_payment_id FROM mx.payments WHERE merchant_id = :merchant_id AND mx_payment_id = ANY (CAST(:ids AS bigint[]))
