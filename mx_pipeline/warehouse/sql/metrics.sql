-- name: fleet
-- All merchants together, as one row.
SELECT count(*) FILTER (WHERE config.is_active) AS active,
       count(*) FILTER (WHERE NOT config.is_active) AS paused,
       count(*) FILTER (WHERE config.is_active AND config.credentials_refused_at IS NOT NULL) AS key_refused,
       count(*) FILTER (WHERE config.is_active AND state.last_verdict <> 'agrees') AS not_certified,
       count(*) FILTER (WHERE config.is_active AND state.resumes_at > now()) AS held_back,
       coalesce(sum(state.quarantined), 0)::bigint AS quarantined
  FROM mx.mx_merchant_configs AS config
  LEFT JOIN mx.sync_state AS state ON state.merchant_id = config.merchant_id AND state.stream = 'payments'

-- name: queue
-- Each lane: what waits, for how long, what nobody answers, and what is being answered.
SELECT lane.lane,
       count(request.lane) FILTER (WHERE request.status = 'asked') AS waiting,
       coalesce(extract(epoch FROM now() - min(request.waits_since) FILTER (WHERE request.status = 'asked')), 0)::float8
           AS oldest_seconds,
       count(request.lane) FILTER (WHERE request.status = 'asked' AND request.unanswered_at IS NOT NULL) AS unanswered,
       count(request.lane) FILTER (WHERE request.status = 'claimed') AS claimed
  FROM generate_series(1, 3) AS lane (lane)
  LEFT JOIN mx.sync_requests AS request ON request.lane = lane.lane AND request.status IN ('asked', 'claimed')
 GROUP BY lane.lane
 ORDER BY lane.lane

-- name: runs_of_last_hour
-- By how they ended; of those that have not ended, those of the last day.
SELECT coalesce(outcome, 'running') AS outcome, count(*) AS runs,
       coalesce(sum(CAST(stats ->> 'apiCalls' AS bigint)), 0)::bigint AS calls
  FROM mx.sync_runs
 WHERE started_at > now() - interval '1 day'
   AND (finished_at > now() - interval '1 hour' OR finished_at IS NULL)
 GROUP BY 1

-- name: budgets
-- Credentials that were used within the hour: how fast they may be asked, and how many are held back or cut off.
SELECT count(*) AS credentials, coalesce(sum(level), 0)::float8 AS level, coalesce(min(level), 0)::float8 AS lowest,
       count(*) FILTER (WHERE paused_until > now()) AS paused, count(opened_at) AS broken
  FROM mx.credential_budgets
 WHERE last_call_at > now() - interval '1 hour'
