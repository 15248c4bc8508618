-- What the first release's loader ran for each page of payments, word for word, so that a migration is tried against it.
-- Frozen, as migration 0001 is.

-- name: enter
SELECT set_config('mx.merchant_id', %(merchant)s, true), set_config('TimeZone', 'UTC', true),
       set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '10s', true),
       set_config('statement_timeout', '120s', true), set_config('jit', 'off', true)

-- name: merge_payments
WITH page AS MATERIALIZED (
    SELECT *
      FROM jsonb_to_recordset(CAST(%(page)s AS jsonb)) AS payment (
           id bigint, hash bigint, created timestamptz, amount numeric, status text, type text, source text,
           "tenderType" text, invoice text, "invoiceIds" bigint[], "refundedAmount" numeric,
           "settledAmount" numeric, "surchargeAmount" numeric, tax numeric, payload jsonb,
           "customerName" text, "customerCode" text)
), merged AS (
    INSERT INTO mx.payments AS stored
           (merchant_id, mx_payment_id, created, amount, status, type, source, tender_type, invoice_reference,
            invoice_ids, refunded_amount, settled_amount, surcharge_amount, tax_amount, payload, list_hash,
            observed_at)
    SELECT %(merchant_id)s, id, created, amount, status, type, source, "tenderType", invoice, "invoiceIds",
           "refundedAmount", "settledAmount", "surchargeAmount", tax, payload, hash, %(observed_at)s
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
    RETURNING stored.mx_payment_id, (xmax = 0) AS is_new
), people AS (
    INSERT INTO mx.payment_people AS stored (merchant_id, mx_payment_id, customer_name, customer_code)
    SELECT %(merchant_id)s, page.id, page."customerName", page."customerCode"
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

