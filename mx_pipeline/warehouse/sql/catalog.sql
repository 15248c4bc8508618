-- What the catalog shows of one merchant: how many rows, and the newest few, without names, references or
-- anything that a person wrote.

-- name: row_counts
SELECT (SELECT count(*) FROM mx.payments WHERE merchant_id = :merchant_id) AS payments,
       (SELECT count(*) FROM mx.invoice_map WHERE merchant_id = :merchant_id) AS invoice_map,
       (SELECT count(*) FROM mx.invoice_documents WHERE merchant_id = :merchant_id) AS invoice_details,
       (SELECT count(*) FROM mx.enriched_transactions WHERE merchant_id = :merchant_id) AS enriched_transactions

-- name: preview_payments
SELECT mx_payment_id, created, amount, status, type, source, tender_type, refunded_amount
  FROM mx.payments
 WHERE merchant_id = :merchant_id
 ORDER BY created DESC, mx_payment_id DESC
 LIMIT :most

-- name: preview_invoice_map
SELECT invoice_number, mx_invoice_id
  FROM mx.invoice_map
 WHERE merchant_id = :merchant_id
 ORDER BY invoice_number DESC, mx_invoice_id DESC
 LIMIT :most

-- name: preview_invoice_details
SELECT invoice.mx_invoice_id, invoice.invoice_number, invoice.status, invoice.total_amount, purchase.line,
       purchase.product_name, purchase.quantity, purchase.total_amount AS line_total
  FROM (SELECT *
          FROM mx.invoice_documents
         WHERE merchant_id = :merchant_id AND raw_data IS NOT NULL
         ORDER BY mx_invoice_id DESC
         LIMIT :most) AS invoice
  LEFT JOIN mx.invoice_purchases AS purchase USING (merchant_id, mx_invoice_id)
 ORDER BY invoice.mx_invoice_id DESC, purchase.line
 LIMIT :most

-- name: preview_enriched_transactions
SELECT enriched.mx_payment_id, payment.created, payment.amount, payment.status, enriched.has_invoice,
       enriched.link_basis, enriched.product_name, enriched.product_category
  FROM mx.payments AS payment
  JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
 WHERE payment.merchant_id = :merchant_id
 ORDER BY payment.created DESC, payment.mx_payment_id DESC
 LIMIT :most

-- name: newest_transactions
-- As whoever queries the view sees them, but for names, references and anything that a person wrote.
SELECT mx_payment_id, transaction_date, amount, status, source, transaction_type, mx_invoice_number, link_basis,
       product_name, product_category
  FROM mx.transactions
 WHERE merchant_id = :merchant_id
 ORDER BY transaction_date DESC, mx_payment_id DESC
 LIMIT :most
