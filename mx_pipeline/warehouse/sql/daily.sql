-- name: days
-- One row per day of the merchant's own clock in which it had a payment, as far back as baselines look; voided ones
-- count for nothing. A day is known once a whole sync has ended after it.
SELECT (payment.created AT TIME ZONE merchant.timezone)::date AS day,
       count(*) AS payments,
       count(*) FILTER (WHERE payment.status = 'Declined') AS declined,
       count(*) FILTER (WHERE payment.status <> 'Declined' AND kind.is_refund) AS refunds,
       coalesce(sum(abs(payment.amount)) FILTER (WHERE payment.status <> 'Declined' AND kind.is_refund), 0)::float8
           AS refunded,
       count(*) FILTER (WHERE payment.status <> 'Declined' AND NOT kind.is_refund) AS sales,
       coalesce(sum(payment.amount) FILTER (WHERE payment.status <> 'Declined' AND NOT kind.is_refund), 0)::float8 AS sold
  FROM mx.payments AS payment
  JOIN mx.mx_merchant_configs AS merchant ON merchant.merchant_id = :merchant_id
 CROSS JOIN LATERAL (SELECT payment.amount < 0 OR coalesce(payment.type, '') = 'Return' AS is_refund) AS kind
 WHERE payment.merchant_id = :merchant_id
   AND payment.vanished_at IS NULL
   AND payment.status <> 'Voided'
   AND payment.created >= CAST(:since AS timestamptz)
 GROUP BY 1
 ORDER BY 1

-- name: days_rung
-- Payments that MX Merchant rang for, by the day on which it did.
SELECT (notification.received_at AT TIME ZONE merchant.timezone)::date AS day,
       count(DISTINCT notification.mx_payment_id) AS rung
  FROM mx.webhook_inbox AS notification
  JOIN mx.mx_merchant_configs AS merchant ON merchant.merchant_id = :merchant_id
 WHERE notification.merchant_id = :merchant_id
   AND notification.received_at >= CAST(:since AS timestamptz)
 GROUP BY 1

-- name: days_of_new_products
-- Product names that were first sold since then, and the day on which each was.
SELECT (min(payment.created) AT TIME ZONE merchant.timezone)::date AS day, enriched.product_name
  FROM mx.enriched_transactions AS enriched
  JOIN mx.payments AS payment USING (merchant_id, mx_payment_id)
  JOIN mx.mx_merchant_configs AS merchant ON merchant.merchant_id = :merchant_id
 WHERE enriched.merchant_id = :merchant_id
   AND enriched.product_name IS NOT NULL
   AND payment.vanished_at IS NULL
 GROUP BY enriched.product_name, merchant.timezone
HAVING min(payment.created) >= CAST(:since AS timestamptz)

-- name: known_until
-- Today on the merchant's own clock, and the day that the last whole sync ended in: all before it are known.
SELECT (CAST(:now AS timestamptz) AT TIME ZONE merchant.timezone)::date AS today,
       (state.last_success_at AT TIME ZONE merchant.timezone)::date AS known_until
  FROM mx.mx_merchant_configs AS merchant
  LEFT JOIN mx.sync_state AS state ON state.merchant_id = :merchant_id AND state.stream = 'payments'
 WHERE merchant.merchant_id = :merchant_id
