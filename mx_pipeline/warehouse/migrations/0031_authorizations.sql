-- An authorization is no sale to investors either, as it is none in mx.payment_money.

-- Sales, refunds and declined payments of complete months, with whoever paid. A person is a name, where there is
-- one: two people of one name count as one, which is on the safe side.
CREATE OR REPLACE VIEW mx.investor_payments WITH (security_barrier = true) AS
SELECT payment.merchant_id,
       payment.mx_payment_id,
       date_trunc('month', payment.created AT TIME ZONE merchant.timezone)::date AS month,
       CASE WHEN payment.status = 'Declined' THEN 'declined'
            WHEN payment.type = 'Return' OR payment.amount < 0 THEN 'refund'
            ELSE 'sale' END AS kind,
       abs(payment.amount)::numeric AS amount,
       coalesce(enriched.product_category, 'Without a product') AS category,
       coalesce(enriched.product_name, 'Without a product') AS product,
       CASE WHEN payment.source = 'Recurring' THEN coalesce(workflow.membership_status, 'active') END AS membership,
       payment.created,
       coalesce('name ' || nullif(lower(btrim(regexp_replace(person.customer_name, '\s+', ' ', 'g'))), ''),
                'name ' || nullif(lower(btrim(regexp_replace(billed.customer_name, '\s+', ' ', 'g'))), ''),
                'code ' || nullif(btrim(person.customer_code), ''),
                'id ' || billed.customer_id,
                'number ' || nullif(btrim(billed.customer_number), '')) AS customer
  FROM mx.payments AS payment
  JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
  LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.invoice_people AS billed
    ON billed.merchant_id = payment.merchant_id AND billed.mx_invoice_id = enriched.mx_invoice_id
  LEFT JOIN mx.transaction_workflow AS workflow
    ON workflow.merchant_id = payment.merchant_id AND workflow.mx_payment_id = payment.mx_payment_id
 WHERE payment.vanished_at IS NULL
   AND payment.status IN ('Approved', 'Settled', 'Declined')
   -- Money that was only set aside; the sale that takes it is a payment of its own.
   AND (payment.status = 'Declined' OR payment.type IS DISTINCT FROM 'Authorization')
   AND payment.created <
       date_trunc('month', now() AT TIME ZONE merchant.timezone) AT TIME ZONE merchant.timezone;
