-- name: add_merchant
-- Nothing happens, and no row comes back, where the merchant is already here.
INSERT INTO mx.mx_merchant_configs
       (merchant_id, name, environment, timezone, consumer_key, consumer_secret, sealing_key_id)
VALUES (:merchant_id, :name, :environment, :timezone, :consumer_key, :consumer_secret, :sealing_key_id)
    ON CONFLICT (merchant_id) DO NOTHING
RETURNING merchant_id

-- name: replace_key
UPDATE mx.mx_merchant_configs
   SET consumer_key = :consumer_key, consumer_secret = :consumer_secret, sealing_key_id = :sealing_key_id,
       credentials_refused_at = NULL, updated_at = now()
 WHERE merchant_id = :merchant_id
RETURNING merchant_id

-- name: set_active
UPDATE mx.mx_merchant_configs
   SET is_active = :is_active, updated_at = now()
 WHERE merchant_id = :merchant_id
RETURNING merchant_id

-- name: limits
SELECT calls_in_flight, calls_per_second::float8 AS calls_per_second, delay_seconds::float8 AS delay_seconds,
       calls_per_day, interval_minutes
  FROM mx.mx_merchant_configs
 WHERE merchant_id = :merchant_id

-- name: set_limits
-- The whole of what a person may set; what stays as it is comes as it was.
UPDATE mx.mx_merchant_configs
   SET calls_in_flight = :calls_in_flight, calls_per_second = :calls_per_second,
       delay_seconds = :delay_seconds, calls_per_day = :calls_per_day, interval_minutes = :interval_minutes,
       timezone = coalesce(CAST(:timezone AS text), timezone), updated_at = now()
 WHERE merchant_id = :merchant_id
RETURNING merchant_id

-- name: refuse_credentials
-- The vendor does not know this key any more; nothing is asked with it until it changes.
UPDATE mx.mx_merchant_configs
   SET credentials_refused_at = coalesce(credentials_refused_at, now())
 WHERE merchant_id = :merchant_id

-- name: merchant_with_key
-- For the loader alone: the sealed key, to be opened in memory.
SELECT merchant_id, name, environment, timezone, is_active, credentials_refused_at, interval_minutes,
       consumer_key, consumer_secret, sealing_key_id
  FROM mx.mx_merchant_configs
 WHERE merchant_id = :merchant_id

-- name: merchant
SELECT merchant_id, name, environment, timezone, is_active, credentials_refused_at, interval_minutes, created_at
  FROM mx.mx_merchant_configs
 WHERE merchant_id = :merchant_id

-- name: merchants
-- Every merchant, for the dispatcher.
SELECT merchant_id, name, environment, timezone, is_active, credentials_refused_at, interval_minutes, created_at
  FROM mx.mx_merchant_configs
 ORDER BY merchant_id

-- name: active_merchants
SELECT merchant_id
  FROM mx.mx_merchant_configs
 WHERE is_active
 ORDER BY merchant_id

-- name: merchant_states
-- One row per merchant for `status`: how fresh, how the last sync ended, what it proved and left open, what is
-- running. Every part is read from small rows or a partial index: no payment is looked at.
SELECT merchant.merchant_id, merchant.name, merchant.environment, merchant.timezone, merchant.is_active,
       merchant.credentials_refused_at, merchant.interval_minutes,
       payments.last_outcome, payments.last_success_at, payments.completed_at, payments.record_count,
       payments.last_verdict, payments.quarantined, payments.resumes_at,
       payments.open_each_sync, payments.open_daily, payments.open_weekly,
       coalesce(waiting.requests, 0) AS waiting, CASE WHEN merchant.is_active AND running.phase IS NULL THEN coalesce(waiting.unanswered, 0) ELSE 0 END
           AS unanswered,
       running.phase AS running_phase
  FROM mx.mx_merchant_configs AS merchant
  LEFT JOIN mx.sync_state AS payments
    ON payments.merchant_id = merchant.merchant_id AND payments.stream = 'payments'
  LEFT JOIN (SELECT merchant_id, count(*) AS requests,
                    count(*) FILTER (WHERE waits_since < now() - make_interval(secs => CASE WHEN lane = 1 THEN :people_seconds
                                                                                       ELSE :others_seconds END))
                        AS unanswered
               FROM mx.sync_requests
              WHERE status = 'asked'
              GROUP BY merchant_id) AS waiting ON waiting.merchant_id = merchant.merchant_id
  LEFT JOIN (SELECT DISTINCT ON (run.merchant_id) run.merchant_id, run.phase
               FROM mx.sync_runs AS run
               JOIN mx.sync_leases AS lease USING (merchant_id)
              WHERE run.finished_at IS NULL AND lease.expires_at > now()
              ORDER BY run.merchant_id, run.started_at DESC) AS running
    ON running.merchant_id = merchant.merchant_id
 WHERE CAST(:only AS bigint) IS NULL OR merchant.merchant_id = CAST(:only AS bigint)
 ORDER BY merchant.merchant_id
