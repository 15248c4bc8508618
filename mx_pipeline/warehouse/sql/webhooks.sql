-- name: receive
-- For the login that hears MX. The places of those that came with a good key.
SELECT mx.receive_webhooks(CAST(:notifications AS jsonb))

-- name: count_strangers
SELECT mx.count_webhook_strangers(:refused)

-- name: keep_key
-- Beside the newest key, in the place of the other one.
INSERT INTO mx.webhook_keys AS stored (merchant_id, slot, key_hash, created_by)
SELECT :merchant_id,
       coalesce((SELECT 3 - slot FROM mx.webhook_keys
                  WHERE merchant_id = :merchant_id AND retired_at IS NULL
                  ORDER BY created_at DESC LIMIT 1), 1),
       :key_hash, :created_by
    ON CONFLICT (merchant_id, slot) DO UPDATE
   SET key_hash = excluded.key_hash, created_by = excluded.created_by, created_at = clock_timestamp(), retired_at = NULL

-- name: keys
SELECT slot, created_at, created_by
  FROM mx.webhook_keys
 WHERE merchant_id = :merchant_id AND retired_at IS NULL
 ORDER BY created_at DESC

-- name: is_key
SELECT EXISTS (SELECT FROM mx.webhook_keys
                WHERE merchant_id = :merchant_id AND key_hash = :key_hash AND retired_at IS NULL)

-- name: retire_keys
-- All, or all but this one.
UPDATE mx.webhook_keys
   SET retired_at = now()
 WHERE merchant_id = :merchant_id
   AND retired_at IS NULL
   AND key_hash IS DISTINCT FROM CAST(:but AS bytea)

-- name: keep_subscription
INSERT INTO mx.webhook_subscriptions (merchant_id, is_wanted)
VALUES (:merchant_id, true)
    ON CONFLICT (merchant_id) DO UPDATE SET is_wanted = true, changed_at = now(), looked_at = NULL

-- name: want_no_subscription
UPDATE mx.webhook_subscriptions SET is_wanted = false, changed_at = now() WHERE merchant_id = :merchant_id

-- name: subscription
SELECT is_wanted, changed_at, looked_at, repaired_at
  FROM mx.webhook_subscriptions
 WHERE merchant_id = :merchant_id

-- name: mark_repaired
UPDATE mx.webhook_subscriptions SET repaired_at = now() WHERE merchant_id = :merchant_id

-- name: to_look_at
-- For the dispatcher: merchants that want to be rung for, and at which nobody has looked for an hour.
SELECT subscription.merchant_id
  FROM mx.webhook_subscriptions AS subscription
  JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
 WHERE subscription.is_wanted
   AND merchant.is_active
   AND coalesce(subscription.looked_at, subscription.changed_at) < now() - interval '1 hour'
 LIMIT :most

-- name: look_at
-- No row where somebody else looks at it just now.
UPDATE mx.webhook_subscriptions
   SET looked_at = now()
 WHERE merchant_id = :merchant_id
   AND coalesce(looked_at, changed_at) < now() - interval '1 hour'
RETURNING changed_at, repaired_at

-- name: meter
-- By day of the merchant: payments that were made within the day before they were first seen, and how many of those a
-- notification had brought. What a first load or a backfill brings is older, and counts for neither.
WITH days AS (
    SELECT (now() AT TIME ZONE timezone)::date - since AS day, timezone
      FROM mx.mx_merchant_configs
     CROSS JOIN generate_series(0, CAST(:days AS integer) - 1) AS since
     WHERE merchant_id = :merchant_id
), seen AS (
    SELECT (payment.first_seen_at AT TIME ZONE merchant.timezone)::date AS day,
           EXISTS (SELECT FROM mx.webhook_inbox AS notification
                    WHERE notification.merchant_id = :merchant_id
                      AND notification.names = 'payment ' || payment.mx_payment_id
                      AND notification.taken_at IS NOT NULL
                      AND notification.first_seen) AS by_webhook
      FROM mx.payments AS payment
      JOIN mx.mx_merchant_configs AS merchant ON merchant.merchant_id = :merchant_id
     WHERE payment.merchant_id = :merchant_id
       AND payment.created > now() - make_interval(days => CAST(:days AS integer) + 1)
       AND payment.created > payment.first_seen_at - interval '1 day'
)
SELECT days.day, count(seen.day) FILTER (WHERE seen.by_webhook) AS by_webhook,
       count(seen.day) FILTER (WHERE NOT seen.by_webhook) AS by_polling
  FROM days
  LEFT JOIN seen ON seen.day = days.day
 GROUP BY days.day
 ORDER BY days.day DESC

-- name: quiet
-- Payments of the last day that were first seen by polling, an hour and more after MX could have rung, and how many
-- notifications came at all.
SELECT count(*) FILTER (WHERE first_seen_at > now() - interval '1 day' AND created > :since) AS polled,
       (SELECT count(*) FROM mx.webhook_inbox
         WHERE merchant_id = :merchant_id AND last_heard_at > greatest(now() - interval '1 day', :since)) AS heard
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND created > now() - interval '1 day'

-- name: strangers
-- For the dispatcher: how many came with a key that nobody has.
SELECT day, refused FROM mx.webhook_strangers ORDER BY day DESC LIMIT :days

-- name: take_turn
-- One process at a time turns notifications into requests.
SELECT pg_try_advisory_xact_lock(7302118, 0)

-- name: due
-- For the dispatcher: merchants with notifications that nobody has handled, and what is due of them. The same is
-- fetched again two seconds later at the earliest, an open set pulled forward ten minutes later, and what could not be
-- fetched 8, 32, 128 seconds after the last try and so on. A merchant whose request waits, or is answered, has to wait.
SELECT notification.merchant_id,
       bool_or(notification.kind = 'record' AND notification.is_due) AND NOT EXISTS (
           SELECT FROM mx.sync_requests AS request
            WHERE request.merchant_id = notification.merchant_id
              AND request.mode = 'named'
              AND request.status IN ('asked', 'claimed')) AS wants_records,
       bool_or(notification.kind = 'batch' AND notification.is_due) AS wants_open_set
  FROM (SELECT waiting.merchant_id, waiting.kind,
               NOT EXISTS (SELECT FROM mx.webhook_inbox AS earlier
                            WHERE earlier.merchant_id = waiting.merchant_id
                              AND earlier.names = waiting.names
                              AND earlier.taken_at > clock_timestamp() - make_interval(secs =>
                                  CASE waiting.kind WHEN 'batch' THEN 600 ELSE 2 END * power(4, waiting.attempts)))
               AS is_due
          FROM mx.webhook_inbox AS waiting
          JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
         WHERE waiting.handled_at IS NULL
           AND merchant.is_active) AS notification
 GROUP BY notification.merchant_id

-- name: give_up
-- Tried so often; the next sync reads the list all the same.
UPDATE mx.webhook_inbox
   SET handled_at = clock_timestamp(), outcome = 'given_up'
 WHERE merchant_id = :merchant_id AND handled_at IS NULL AND attempts >= :most_attempts

-- name: take_named
-- What is due of a merchant's notifications, the oldest names first: this run fetches it.
UPDATE mx.webhook_inbox AS taken
   SET taken_at = clock_timestamp(), attempts = taken.attempts + 1, run_id = :run_id
  FROM (SELECT waiting.names
          FROM mx.webhook_inbox AS waiting
         WHERE waiting.merchant_id = :merchant_id
           AND waiting.handled_at IS NULL
           AND waiting.kind = 'record'
           AND NOT EXISTS (SELECT FROM mx.webhook_inbox AS earlier
                            WHERE earlier.merchant_id = :merchant_id
                              AND earlier.names = waiting.names
                              AND earlier.taken_at > clock_timestamp()
                                                     - make_interval(secs => 2 * power(4, waiting.attempts)))
         GROUP BY waiting.names
         ORDER BY min(waiting.received_at)
         LIMIT :most) AS due
 WHERE taken.merchant_id = :merchant_id AND taken.handled_at IS NULL AND taken.names = due.names
RETURNING taken.mx_payment_id, taken.mx_invoice_id

-- name: close_named
-- What this run has fetched. A payment that nobody had seen before the run was first seen by its notification.
UPDATE mx.webhook_inbox AS notification
   SET handled_at = clock_timestamp(),
       outcome = CASE WHEN notification.mx_payment_id = ANY (CAST(:denied_payments AS bigint[]))
                        OR (notification.mx_payment_id IS NULL
                            AND notification.mx_invoice_id = ANY (CAST(:denied_invoices AS bigint[])))
                      THEN 'rejected' ELSE 'fetched' END,
       first_seen = EXISTS (SELECT FROM mx.payments AS payment
                             WHERE payment.merchant_id = :merchant_id
                               AND payment.mx_payment_id = notification.mx_payment_id
                               AND payment.first_seen_at >= (SELECT started_at FROM mx.sync_runs
                                                              WHERE merchant_id = :merchant_id AND run_id = :run_id))
 WHERE notification.merchant_id = :merchant_id
   AND notification.run_id = :run_id
   AND notification.handled_at IS NULL
   AND NOT coalesce(notification.mx_payment_id = ANY (CAST(:unanswered_payments AS bigint[])), false)
   AND NOT coalesce(notification.mx_invoice_id = ANY (CAST(:unanswered_invoices AS bigint[])), false)
RETURNING notification.outcome, notification.names_another, notification.names

-- name: close_batches
-- The open set is read by the request that was just asked.
UPDATE mx.webhook_inbox
   SET handled_at = clock_timestamp(), taken_at = clock_timestamp(), outcome = 'asked'
 WHERE merchant_id = :merchant_id AND handled_at IS NULL AND kind = 'batch'

-- name: pull_open_set_forward
-- The next sync reads what it would have read tomorrow: payments that are still open, however old.
UPDATE mx.sync_state SET daily_at = NULL WHERE merchant_id = :merchant_id AND stream = 'payments'

-- name: held_payments
SELECT mx_payment_id FROM mx.payments WHERE merchant_id = :merchant_id AND mx_payment_id = ANY (CAST(:ids AS bigint[]))

-- name: held_invoices
SELECT mx_invoice_id FROM mx.invoice_documents
 WHERE merchant_id = :merchant_id AND mx_invoice_id = ANY (CAST(:ids AS bigint[]))

-- name: inbox_counts
-- How the last day's notifications were handled.
SELECT count(*) AS notifications, coalesce(sum(times), 0) AS heard, count(*) FILTER (WHERE handled_at IS NULL) AS waiting,
       count(*) FILTER (WHERE outcome = 'rejected') AS rejected, max(last_heard_at) AS last_heard_at
  FROM mx.webhook_inbox
 WHERE merchant_id = :merchant_id AND last_heard_at > now() - interval '1 day'
