-- What a person takes along in a file. Columns that may hold a secret, or a whole document, are not among them;
-- names are empty where the person may not see them. Ordered by a key, so that two exports can be compared. No
-- statement names the merchant: its transaction does, and to compare the two for each row costs a tenth more.

-- name: transactions
SELECT merchant_id, mx_payment_id, transaction_date, amount, status, refunded_amount, settled_amount, tax_amount,
       surcharge_amount, surcharge_label, currency, transaction_type, source, tender_type, card_type, card_last4,
       auth_code, auth_message, response_code, reference_number, client_reference, batch, original_payment_id,
       invoice_reference, mx_invoice_number, mx_invoice_id, has_invoice, link_basis, unlinked_reason, product_name,
       product_category, category_source, customer_name, customer_code, membership_status, fulfillment_type,
       referral_source, google_review_submitted, date_started, last_payment_date, next_billing_date,
       ordered_by_provider, ordered_by_provider_at, synced_at
  FROM mx.transactions
 WHERE (CAST(:since AS timestamptz) IS NULL OR transaction_date >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR transaction_date < :until)
 ORDER BY mx_payment_id
 LIMIT :most

-- name: count_transactions
SELECT count(*)
  FROM mx.transactions
 WHERE (CAST(:since AS timestamptz) IS NULL OR transaction_date >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR transaction_date < :until)

-- name: invoices
SELECT invoice.merchant_id, invoice.mx_invoice_id, invoice.invoice_number, invoice.status, invoice.total_amount,
       invoice.subtotal_amount, invoice.discount_amount, invoice.tax_amount, invoice.balance, invoice.paid_amount,
       invoice.invoice_date, invoice.due_date, invoice.api_created, invoice.customer_id, invoice.customer_name,
       invoice.customer_number, invoice.memo, invoice.currency, invoice.receipt_number, invoice.quantity,
       invoice.return_quantity, invoice.return_status, invoice.source_type, invoice.type, invoice.terms,
       invoice.is_tax_exempt, invoice.data_sent_status, invoice.data_sent_at, invoice.data_sent_notes,
       invoice.ordered_by_provider_at
  FROM mx.invoices AS invoice
  JOIN mx.invoice_documents AS document USING (merchant_id, mx_invoice_id)
 WHERE (CAST(:since AS timestamptz) IS NULL OR document.invoice_date >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR document.invoice_date < :until)
 ORDER BY invoice.mx_invoice_id
 LIMIT :most

-- name: count_invoices
SELECT count(*)
  FROM mx.invoice_documents
 WHERE vanished_at IS NULL
   AND (CAST(:since AS timestamptz) IS NULL OR invoice_date >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR invoice_date < :until)

-- name: purchases
SELECT purchase.merchant_id, purchase.mx_invoice_id, purchase.line, invoice.invoice_number, invoice.invoice_date,
       purchase.mx_purchase_id, purchase.product_id, purchase.product_name, purchase.description, purchase.quantity,
       purchase.quantity_returned, purchase.price, purchase.discount_amount, purchase.price_discount_amount,
       purchase.subtotal_amount, purchase.tax_amount, purchase.total_amount, purchase.api_created
  FROM mx.invoice_purchases AS purchase
  JOIN mx.invoice_documents AS invoice USING (merchant_id, mx_invoice_id)
 WHERE invoice.vanished_at IS NULL
   AND (CAST(:since AS timestamptz) IS NULL OR invoice.invoice_date >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR invoice.invoice_date < :until)
 ORDER BY purchase.mx_invoice_id, purchase.line
 LIMIT :most

-- name: count_purchases
SELECT count(*)
  FROM mx.invoice_purchases AS purchase
  JOIN mx.invoice_documents AS invoice USING (merchant_id, mx_invoice_id)
 WHERE invoice.vanished_at IS NULL
   AND (CAST(:since AS timestamptz) IS NULL OR invoice.invoice_date >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR invoice.invoice_date < :until)
