-- name: doubled_payments
-- Payments that stand more than once; the primary key forbids it, so a row here means that someone dropped it.
SELECT count(*) FROM (SELECT FROM mx.payments WHERE merchant_id = :merchant_id
                       GROUP BY mx_payment_id HAVING count(*) > 1) AS doubled

-- name: orphans
-- Payments without their derived row, and links to invoices that are not here.
SELECT (SELECT count(*)
          FROM mx.payments AS payment
          LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
         WHERE payment.merchant_id = :merchant_id AND enriched.mx_payment_id IS NULL) AS payments_not_derived,
       (SELECT count(*)
          FROM mx.enriched_transactions AS enriched
          LEFT JOIN mx.payments AS payment USING (merchant_id, mx_payment_id)
         WHERE enriched.merchant_id = :merchant_id AND payment.mx_payment_id IS NULL) AS derived_without_payment,
       (SELECT count(*)
          FROM mx.enriched_transactions AS enriched
          LEFT JOIN mx.invoice_documents AS invoice USING (merchant_id, mx_invoice_id)
         WHERE enriched.merchant_id = :merchant_id
           AND enriched.mx_invoice_id IS NOT NULL
           AND invoice.mx_invoice_id IS NULL) AS links_without_invoice

-- name: sums
-- What the payments come to, and what those of them come to that the derived rows lead to.
SELECT (SELECT coalesce(sum(amount), 0)
          FROM mx.payments
         WHERE merchant_id = :merchant_id AND vanished_at IS NULL) AS of_payments,
       (SELECT coalesce(sum(payment.amount), 0)
          FROM mx.enriched_transactions AS enriched
          JOIN mx.payments AS payment USING (merchant_id, mx_payment_id)
         WHERE enriched.merchant_id = :merchant_id AND payment.vanished_at IS NULL) AS of_enriched
