-- name: due
-- The active merchants whose turn it is, longest due first. Once a month everything is read again. Neither
-- those that are being synced or asked for, nor those whose key was refused, nor those that the vendor holds back.
--
-- A merchant's turn comes at its own moment of every interval (its place in it), unless it was synced less than half
-- an interval before; with the first look after its night; and when the time of being held back is over. Without an
-- interval of its own it is asked for as often as it is worth: a busy one three times as often, a quiet one less, and
-- each at least once an hour.
WITH merchant AS (
    SELECT config.merchant_id, config.timezone, config.created_at, state.daily_at, state.monthly_at,
           CASE WHEN state.last_outcome = 'rate_limited' THEN state.resumes_at END AS resumes_at,
           greatest(state.completed_at, answered.finished_at) AS last_at,
           mx.place_of(config.merchant_id) AS place, config.interval_minutes IS NULL AS is_adapted,
           mx.seconds_between_syncs(config.interval_minutes, state.changed_at, state.open_each_sync, :minutes, :now)
               AS seconds
      FROM mx.mx_merchant_configs AS config
      LEFT JOIN mx.sync_state AS state
        ON state.merchant_id = config.merchant_id AND state.stream = 'payments'
      LEFT JOIN LATERAL (SELECT request.finished_at
                           FROM mx.sync_requests AS request
                          WHERE request.merchant_id = config.merchant_id AND NOT request.dry_run
                          ORDER BY request.request_id DESC
                          LIMIT 1) AS answered ON true
     WHERE config.is_active
       AND config.credentials_refused_at IS NULL
       AND (CAST(:only AS bigint) IS NULL OR config.merchant_id = CAST(:only AS bigint))
       AND NOT EXISTS (SELECT FROM mx.sync_requests AS request
                        WHERE request.merchant_id = config.merchant_id AND request.status <> 'done'
                          AND NOT request.dry_run)
       AND NOT EXISTS (SELECT FROM mx.sync_leases AS lease
                        WHERE lease.merchant_id = config.merchant_id AND lease.expires_at > CAST(:now AS timestamptz))
), turn AS (
    SELECT *,
           to_timestamp((floor(extract(epoch FROM CAST(:now AS timestamptz)) / seconds + place) - place) * seconds) AS turn_at,
           mx.last_night(merchant_id, timezone, 1, :now) AS night_at
      FROM merchant
), due AS (
    SELECT *,
           CASE WHEN last_at IS NULL THEN created_at
                WHEN last_at < resumes_at THEN resumes_at
                WHEN last_at < night_at AND daily_at < night_at THEN night_at
                WHEN last_at <= turn_at - make_interval(secs => seconds / 2) THEN turn_at
                WHEN is_adapted AND last_at <= CAST(:now AS timestamptz) - interval '1 hour'
                     THEN last_at + interval '1 hour'
                END AS due_at,
           CASE WHEN monthly_at < mx.last_night(merchant_id, timezone, 28, :now) THEN 'full' ELSE 'incremental' END AS mode
      FROM turn
)
SELECT merchant_id, due_at, mode
  FROM due
 WHERE due_at <= CAST(:now AS timestamptz)
 ORDER BY due_at, merchant_id

-- name: overtaken
-- Which of these merchants, whose sync runs for the schedule, a person or a webhook is waiting for.
SELECT DISTINCT merchant_id
  FROM mx.sync_requests
 WHERE status = 'asked' AND lane = 1 AND merchant_id = ANY (CAST(:merchants AS bigint[]))

-- name: freshness
-- How old what we have of each active merchant is, and how old it may be: two of its intervals, for its turn comes
-- within one and a half, and as long as a round may take. A sync that failed leaves it as old as it was.
SELECT merchant.merchant_id, merchant.age_seconds, merchant.may_be_seconds, merchant.is_new,
       merchant.age_seconds > merchant.may_be_seconds AS is_late
  FROM (SELECT config.merchant_id, state.last_success_at IS NULL AS is_new,
               extract(epoch FROM asked.at - coalesce(state.last_success_at, config.created_at))::float8 AS age_seconds,
               2 * mx.seconds_between_syncs(config.interval_minutes, state.changed_at, state.open_each_sync, :minutes,
                                            asked.at) + :round_seconds AS may_be_seconds
          FROM mx.mx_merchant_configs AS config
         CROSS JOIN (SELECT coalesce(CAST(:now AS timestamptz), now()) AS at) AS asked
          LEFT JOIN mx.sync_state AS state
            ON state.merchant_id = config.merchant_id AND state.stream = 'payments'
         WHERE config.is_active
           AND (CAST(:only AS bigint) IS NULL OR config.merchant_id = CAST(:only AS bigint))) AS merchant
 ORDER BY merchant.age_seconds - merchant.may_be_seconds DESC, merchant.merchant_id
