-- name: unchanged_invoices
-- Which of these list rows are stored with this very content. `lowest` and `highest`: of the ids.
-- With them a table that nobody has analyzed yet is not read whole for each row (16 ms for 500, and growing); OFFSET 0
-- keeps the merchant's rows from being read for each page.
SELECT page.mx_invoice_id
  FROM unnest(CAST(:ids AS bigint[]), CAST(:hashes AS bigint[])) AS page (mx_invoice_id, content_hash)
  JOIN (SELECT mx_invoice_id, list_hash
          FROM mx.invoice_documents
         WHERE merchant_id = :merchant_id
           AND mx_invoice_id BETWEEN :lowest AND :highest
           AND mx_invoice_id = ANY (CAST(:ids AS bigint[]))
           AND vanished_at IS NULL
        OFFSET 0) AS stored USING (mx_invoice_id)
 WHERE stored.list_hash = page.content_hash

-- name: merge_invoices
-- Insert and refresh invoices from their list rows, with the people in them and the map from number to
-- id. What only the detail tells (product lines, the customer's id) stays as it is.
DISCARD PLANS;
WITH page AS MATERIALIZED (
    SELECT *
      FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS invoice (
           id bigint, hash bigint, "invoiceNumber" bigint, status text, type text, "receiptNumber" text,
           "totalAmount" numeric, "subTotalAmount" numeric, "discountAmount" numeric, "taxAmount" numeric,
           balance numeric, "paidAmount" numeric, quantity numeric, "returnQuantity" numeric,
           "returnStatus" text, "invoiceDate" timestamptz, "dueDate" timestamptz, created timestamptz,
           "sourceType" text, terms text, currency text, "isTaxExempt" boolean,
           "customerName" text, "customerNumber" text, memo text)
), merged AS (
    INSERT INTO mx.invoice_documents AS stored
           (merchant_id, mx_invoice_id, invoice_number, status, type, receipt_number, total_amount,
            subtotal_amount, discount_amount, tax_amount, balance, paid_amount, quantity, return_quantity,
            return_status, invoice_date, due_date, api_created, source_type, terms, currency, is_tax_exempt,
            list_hash, listed_total, listed_quantity, observed_at)
    SELECT :merchant_id, id, "invoiceNumber", status, type, "receiptNumber", "totalAmount", "subTotalAmount",
           "discountAmount", "taxAmount", balance, "paidAmount", quantity, "returnQuantity", "returnStatus",
           "invoiceDate", "dueDate", created, "sourceType", terms, currency, "isTaxExempt",
           hash, "totalAmount", quantity, :observed_at
      FROM page
     ORDER BY id
        ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
       SET invoice_number = excluded.invoice_number,
           status = excluded.status,
           type = excluded.type,
           receipt_number = excluded.receipt_number,
           total_amount = excluded.total_amount,
           subtotal_amount = excluded.subtotal_amount,
           discount_amount = excluded.discount_amount,
           tax_amount = coalesce(excluded.tax_amount, stored.tax_amount),
           balance = excluded.balance,
           paid_amount = excluded.paid_amount,
           quantity = excluded.quantity,
           return_quantity = excluded.return_quantity,
           return_status = excluded.return_status,
           invoice_date = excluded.invoice_date,
           due_date = excluded.due_date,
           api_created = excluded.api_created,
           source_type = excluded.source_type,
           terms = excluded.terms,
           currency = coalesce(excluded.currency, stored.currency),
           is_tax_exempt = excluded.is_tax_exempt,
           list_hash = excluded.list_hash,
           listed_total = excluded.listed_total,
           listed_quantity = excluded.listed_quantity,
           observed_at = excluded.observed_at,
           vanished_at = NULL,
           changed_at = now()
     WHERE stored.observed_at <= excluded.observed_at
       AND (stored.list_hash IS DISTINCT FROM excluded.list_hash OR stored.vanished_at IS NOT NULL)
    RETURNING stored.mx_invoice_id, stored.invoice_number, (stored.first_seen_at = now()) AS is_new
), mapped AS (
    INSERT INTO mx.invoice_map (merchant_id, invoice_number, mx_invoice_id)
    SELECT :merchant_id, invoice_number, mx_invoice_id
      FROM merged
     ORDER BY invoice_number, mx_invoice_id
        ON CONFLICT DO NOTHING
), found AS (
    DELETE FROM mx.invoice_map_misses AS miss
     USING merged
     WHERE miss.merchant_id = :merchant_id
       AND miss.invoice_number = merged.invoice_number
), people AS (
    INSERT INTO mx.invoice_people AS stored (merchant_id, mx_invoice_id, customer_name, customer_number, memo)
    SELECT :merchant_id, page.id, page."customerName", page."customerNumber", page.memo
      FROM page
      JOIN merged ON merged.mx_invoice_id = page.id
     WHERE NOT merged.is_new OR coalesce(page."customerName", page."customerNumber", page.memo) IS NOT NULL
     ORDER BY page.id
        ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
       SET customer_name = coalesce(excluded.customer_name, stored.customer_name),
           customer_number = coalesce(excluded.customer_number, stored.customer_number),
           memo = excluded.memo
)
SELECT count(*) FILTER (WHERE is_new) AS inserted, count(*) FILTER (WHERE NOT is_new) AS updated
  FROM merged

-- name: merge_invoice_details
-- Invoices asked for alone, with their product lines and the payments that they name: see schema.sql, section 3.
SELECT inserted, updated FROM mx.merge_invoice_details(:merchant_id, CAST(:page AS jsonb))

-- name: mark_vanished
-- MX denied these invoices, twice. What is known of them stays.
UPDATE mx.invoice_documents
   SET vanished_at = now(), changed_at = now()
 WHERE merchant_id = :merchant_id
   AND mx_invoice_id = ANY (CAST(:ids AS bigint[]))
   AND vanished_at IS NULL

-- name: invoices_held
-- How many invoices we hold for the merchant, and the sum of their totals; of these ids where given.
SELECT count(*) AS held, coalesce(sum(total_amount), 0) AS total
  FROM mx.invoice_documents
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
   AND (CAST(:ids AS bigint[]) IS NULL OR mx_invoice_id = ANY (CAST(:ids AS bigint[])))

-- name: invoice_ids_held
-- Every invoice id that we hold for the merchant.
SELECT mx_invoice_id
  FROM mx.invoice_documents
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
 ORDER BY mx_invoice_id

-- name: remember_misses
-- These numbers are not in the invoice list, which was read to its end and held that many records.
INSERT INTO mx.invoice_map_misses AS stored (merchant_id, invoice_number, record_count)
SELECT :merchant_id, number, :record_count
  FROM unnest(CAST(:numbers AS bigint[])) AS number
 ORDER BY number
    ON CONFLICT (merchant_id, invoice_number) DO UPDATE
   SET record_count = excluded.record_count, sought_at = now()
 WHERE stored.record_count <> excluded.record_count

-- name: invoices_vanished
-- MX lists them no more. They stay, and so do the product lines that payments got from them.
UPDATE mx.invoice_documents
   SET vanished_at = now(), changed_at = now()
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
   AND mx_invoice_id = ANY (CAST(:ids AS bigint[]))

-- name: stored_invoices
-- Which of these are here, whatever they say.
SELECT mx_invoice_id
  FROM mx.invoice_documents
 WHERE merchant_id = :merchant_id AND mx_invoice_id = ANY (CAST(:ids AS bigint[]))

-- name: invoices_of_numbers
-- For each of these numbers what is known: its invoice; or that MX has none, which an empty id says.
SELECT map.invoice_number, map.mx_invoice_id
  FROM mx.invoice_map AS map
 WHERE map.merchant_id = :merchant_id AND map.invoice_number = ANY (CAST(:numbers AS bigint[]))
 UNION ALL
SELECT miss.invoice_number, NULL
  FROM mx.invoice_map_misses AS miss
 WHERE miss.merchant_id = :merchant_id AND miss.invoice_number = ANY (CAST(:numbers AS bigint[]))

-- name: read_alone
-- Which of these invoices have been asked for alone, so that their product lines are here.
SELECT mx_invoice_id
  FROM mx.invoice_documents
 WHERE merchant_id = :merchant_id
   AND mx_invoice_id = ANY (CAST(:ids AS bigint[]))
   AND detail_observed_at IS NOT NULL
