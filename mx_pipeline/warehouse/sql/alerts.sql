-- name: troubles
-- What a person has to act on now, of all merchants: a kind, and whose. A partial sync is one after a day without a
-- whole one; a lost process is told of for a day; a canary that fell silent, too: then somebody has taken it away.
SELECT 'auth_failed' AS kind, merchant_id, NULL::bigint AS number
  FROM mx.mx_merchant_configs
 WHERE is_active AND credentials_refused_at IS NOT NULL
UNION ALL
SELECT 'unanswered', request.merchant_id, request.request_id
  FROM mx.sync_requests AS request
  JOIN mx.mx_merchant_configs AS config USING (merchant_id)
 WHERE config.is_active AND request.status = 'asked' AND request.unanswered_at IS NOT NULL
UNION ALL
SELECT 'partial', state.merchant_id, NULL
  FROM mx.sync_state AS state
  JOIN mx.mx_merchant_configs AS config USING (merchant_id)
 WHERE config.is_active AND state.stream = 'payments' AND state.last_outcome = 'partial'
   AND coalesce(state.last_success_at, config.created_at) < now() - interval '1 day'
UNION ALL
SELECT 'lost', merchant_id, run_id
  FROM mx.sync_runs
 WHERE started_at > now() - interval '2 days' AND finished_at > now() - interval '1 day' AND message = :lost
UNION ALL
SELECT CASE WHEN is_well THEN 'canary_silent' ELSE 'canary' END, 0, NULL
  FROM mx.canary
 WHERE NOT is_well OR ended_at BETWEEN now() - interval '1 day' AND now() - interval '1 hour'
 ORDER BY kind, merchant_id
 LIMIT :most

-- name: tell
-- One row where nobody was told of it for so long; it holds until the transaction ends, so that one process tells.
INSERT INTO mx.alerts AS known (subject_hash, told_at)
VALUES (decode(:subject_hash, 'hex'), now())
    ON CONFLICT (subject_hash) DO UPDATE
   SET told_at = excluded.told_at
 WHERE known.told_at < now() - make_interval(secs => :quiet_seconds)
RETURNING told_at

-- name: forget
-- What was told long ago.
DELETE FROM mx.alerts WHERE told_at < now() - make_interval(secs => :seconds)
