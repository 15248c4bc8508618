-- What one person may see of one merchant, a page at a time, newest first. Columns that may hold a secret, or a whole
-- document, are not among them; names are empty where the person may not see them.

-- name: merchant_seen
-- The merchant, and when anything that this person may see of it last moved.
SELECT merchant.merchant_id, merchant.name, merchant.environment, merchant.timezone, merchant.is_active,
       greatest((SELECT max(changed_at) FROM mx.payments WHERE merchant_id = :merchant_id),
                (SELECT max(changed_at) FROM mx.invoice_documents WHERE merchant_id = :merchant_id),
                (SELECT max(updated_at) FROM mx.invoice_workflow WHERE merchant_id = :merchant_id),
                (SELECT max(updated_at) FROM mx.transaction_workflow WHERE merchant_id = :merchant_id)) AS moved_at
  FROM mx.mx_merchant_configs AS merchant
 WHERE merchant.merchant_id = :merchant_id

-- name: transactions
SELECT mx_payment_id, transaction_date, amount, status, refunded_amount, settled_amount, tax_amount, surcharge_amount,
       surcharge_label, currency, transaction_type, source, tender_type, card_type, card_last4, auth_code,
       auth_message, reference_number, client_reference, batch, original_payment_id, invoice_reference,
       mx_invoice_number, mx_invoice_id, has_invoice, link_basis, unlinked_reason, product_name, product_category,
       category_source, customer_name, customer_code, membership_status, fulfillment_type, ordered_by_provider,
       ordered_by_provider_at, synced_at
  FROM mx.transactions
 WHERE merchant_id = :merchant_id
   AND (CAST(:before_at AS timestamptz) IS NULL
        OR (transaction_date, mx_payment_id) < (CAST(:before_at AS timestamptz), CAST(:before_id AS bigint)))
   AND (CAST(:since AS timestamptz) IS NULL OR transaction_date >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR transaction_date < :until)
   AND (CAST(:status AS text) IS NULL OR status = :status)
   AND (CAST(:category AS text) IS NULL OR product_category = :category)
   AND (CAST(:has_invoice AS boolean) IS NULL OR has_invoice = :has_invoice)
 ORDER BY transaction_date DESC, mx_payment_id DESC
 LIMIT :most

-- name: invoices
SELECT mx_invoice_id, invoice_number, status, total_amount, subtotal_amount, discount_amount, tax_amount, balance,
       paid_amount, invoice_date, due_date, api_created, currency, receipt_number, quantity, return_quantity,
       return_status, source_type, type, terms, customer_id, customer_name, customer_number, data_sent_status,
       data_sent_at, data_sent_notes, ordered_by_provider_at
  FROM mx.invoices
 WHERE merchant_id = :merchant_id
   AND (CAST(:before_id AS bigint) IS NULL OR mx_invoice_id < :before_id)
   AND (CAST(:since AS date) IS NULL OR invoice_date >= :since)
   AND (CAST(:until AS date) IS NULL OR invoice_date < :until)
   AND (CAST(:status AS text) IS NULL OR status = :status)
   AND (CAST(:number AS bigint) IS NULL OR invoice_number = :number)
   AND (CAST(:data_sent AS text) IS NULL OR data_sent_status = :data_sent)
 ORDER BY mx_invoice_id DESC
 LIMIT :most

-- name: set_data_sent
-- When it was sent is when somebody says so.
UPDATE mx.invoices
   SET data_sent_status = :status,
       data_sent_at = CASE WHEN :status = 'yes' THEN now() END,
       data_sent_notes = coalesce(:notes, data_sent_notes)
 WHERE merchant_id = :merchant_id AND mx_invoice_id = :invoice_id
RETURNING mx_invoice_id, data_sent_status, data_sent_at, data_sent_notes

-- name: revenue_by_day
-- Sales of the merchant's own days; what was given back is told beside them, not taken off.
SELECT day, sum(gross) AS revenue, count(*) FILTER (WHERE kind = 'sale') AS payments, sum(refunded) AS refunded
  FROM mx.payment_money
 WHERE merchant_id = :merchant_id
   AND kind IN ('sale', 'refund')
   AND transaction_date >= :since
   AND transaction_date < :until
 GROUP BY day
 ORDER BY day

-- name: revenue_by_month
SELECT month, sum(gross) AS revenue, count(*) FILTER (WHERE kind = 'sale') AS payments, sum(refunded) AS refunded
  FROM mx.payment_money
 WHERE merchant_id = :merchant_id
   AND kind IN ('sale', 'refund')
   AND transaction_date >= :since
   AND transaction_date < :until
 GROUP BY month
 ORDER BY month

-- name: investors_revenue_by_month
SELECT month, revenue, payments, average_ticket
  FROM mx.investor_revenue_by_month WHERE merchant_id = :merchant_id ORDER BY month

-- name: investors_revenue_by_category
SELECT month, product_category, revenue, payments, average_ticket
  FROM mx.investor_revenue_by_category WHERE merchant_id = :merchant_id ORDER BY month, product_category

-- name: investors_revenue_by_product
SELECT month, product_category, product_name, revenue, payments, average_ticket
  FROM mx.investor_revenue_by_product WHERE merchant_id = :merchant_id ORDER BY month, product_category, product_name

-- name: investors_payments_by_month
SELECT month, kind, payments, amount
  FROM mx.investor_payments_by_month WHERE merchant_id = :merchant_id ORDER BY month, kind

-- name: investors_memberships
SELECT membership_status, members
  FROM mx.investor_memberships WHERE merchant_id = :merchant_id ORDER BY membership_status
