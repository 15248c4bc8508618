-- name: start_budget
-- A credential's first use; nothing happens where it was used before, for its last good level is remembered.
INSERT INTO mx.credential_budgets (credential, level)
VALUES (:credential, :start)
    ON CONFLICT (credential) DO NOTHING

-- name: tell_budget
-- What one process has learned. A halving is told as the level it led to, so that two processes that met the
-- same trouble halve once; growth ends at the teller's ceiling, and never lowers what is there.
UPDATE mx.credential_budgets
   SET level = greatest(1, base.level, least(:ceiling, base.level + :grown)),
       paused_until = CASE WHEN :pause_seconds > 0
                           THEN greatest(paused_until, clock_timestamp() + make_interval(secs => :pause_seconds))
                           ELSE paused_until END,
       opened_at = CASE WHEN :turn = 'opened' THEN clock_timestamp()
                        WHEN :turn = 'closed' THEN NULL
                        ELSE opened_at END,
       failures = CASE WHEN :turn = 'opened' THEN :failed_probes
                       WHEN :turn = 'closed' THEN 0
                       ELSE failures END,
       last_call_at = clock_timestamp(),
       updated_at = clock_timestamp()
  FROM (SELECT least(level, coalesce(CAST(:halved_to AS double precision), level)) AS level
          FROM mx.credential_budgets
         WHERE credential = :credential
           FOR UPDATE) AS base
 WHERE credential = :credential

-- name: refresh_budget
-- A sign of life, and how all processes together stand. All times are this database's; who reads them gets
-- durations. No row where the credential was never used.
WITH living AS (
    INSERT INTO mx.credential_users AS stored (credential, holder, expires_at)
    SELECT credential, :holder, clock_timestamp() + make_interval(secs => :life_seconds)
      FROM mx.credential_budgets
     WHERE credential = :credential
        ON CONFLICT (credential, holder) DO UPDATE
       SET expires_at = excluded.expires_at
), others AS (
    SELECT count(*) AS others, count(*) FILTER (WHERE holder < :holder) AS rank
      FROM mx.credential_users
     WHERE credential = :credential
       AND holder <> :holder
       AND expires_at > clock_timestamp()
)
SELECT budget.level, budget.failures, others.others, others.rank,
       greatest(0, coalesce(extract(epoch FROM budget.paused_until - clock_timestamp()), 0))::float8 AS pause_seconds,
       extract(epoch FROM clock_timestamp() - budget.opened_at)::float8 AS open_seconds
  FROM mx.credential_budgets AS budget, others
 WHERE budget.credential = :credential

-- name: claim_probe
-- One process may ask whether the vendor is back. Until its answer comes, or it must have died, nobody else may.
UPDATE mx.credential_budgets
   SET opened_at = clock_timestamp() + make_interval(secs => :probe_seconds)
 WHERE credential = :credential
   AND opened_at <= clock_timestamp() - make_interval(secs => :cool_down_seconds)
RETURNING credential

-- name: leave_budget
-- Gone, and with it whoever died.
DELETE FROM mx.credential_users
 WHERE credential = :credential
   AND (holder = :holder OR expires_at < clock_timestamp())

-- name: calls_today
-- Calls of the merchant's own day, and how long it still lasts.
SELECT coalesce((SELECT sum(calls)
                   FROM mx.api_usage
                  WHERE merchant_id = :merchant_id
                    AND day = (now() AT TIME ZONE merchant.timezone)::date), 0)::bigint AS calls,
       extract(epoch FROM (((now() AT TIME ZONE merchant.timezone)::date + 1)::timestamp
                           AT TIME ZONE merchant.timezone) - now())::float8 AS seconds_left
  FROM mx.mx_merchant_configs AS merchant
 WHERE merchant_id = :merchant_id

-- name: run_of_request
SELECT max(run_id) FROM mx.sync_runs WHERE merchant_id = :merchant_id AND request_id = :request_id

-- name: annotate_run
-- When a run that was held back goes on, by this database's clock: in words for people, as a column for the clock.
WITH known AS (
    SELECT clock_timestamp() + make_interval(secs => :resumes_in) AS resumes_at
), state AS (
    UPDATE mx.sync_state AS state
       SET resumes_at = known.resumes_at
      FROM known
     WHERE state.merchant_id = :merchant_id AND state.stream = 'payments' AND known.resumes_at IS NOT NULL
)
UPDATE mx.sync_runs AS run
   SET message = concat_ws(' ', nullif(run.message, ''),
           'Resumes at ' || to_char(known.resumes_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC."')),
       stats = coalesce(run.stats, '{}') || CAST(:stats AS jsonb) || CASE WHEN known.resumes_at IS NULL THEN '{}' ELSE
           jsonb_build_object('resumesAt', known.resumes_at) END,
       resumes_at = known.resumes_at
  FROM known
 WHERE run.merchant_id = :merchant_id AND run.run_id = :run_id
RETURNING run.message, run.stats
