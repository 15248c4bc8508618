-- name: start_run
-- In its first phase already; and the database's clock, by which observations are ordered.
INSERT INTO mx.sync_runs (merchant_id, request_id, dagster_run_id, mode, parameters, phase)
VALUES (:merchant_id, :request_id, :dagster_run_id, :mode, CAST(:parameters AS jsonb), CAST(:phase AS text))
RETURNING run_id, clock_timestamp() AS clock

-- name: enter_phase
UPDATE mx.sync_runs
   SET phase = :phase, progress = CAST(:progress AS jsonb)
 WHERE merchant_id = :merchant_id AND run_id = :run_id

-- name: keep_progress
-- In the transaction of the rows that it counts.
UPDATE mx.sync_runs
   SET progress = CAST(:progress AS jsonb)
 WHERE merchant_id = :merchant_id AND run_id = :run_id

-- name: finish_run
UPDATE mx.sync_runs
   SET finished_at = now(), outcome = :outcome, message = :message, stats = CAST(:stats AS jsonb), phase = NULL,
       progress = CAST(:progress AS jsonb)
 WHERE merchant_id = :merchant_id AND run_id = :run_id

-- name: give_up_run
-- Whoever ran it stops before its end; the pages that it wrote stay.
UPDATE mx.sync_runs
   SET finished_at = now(), outcome = :outcome, message = :message, phase = NULL
 WHERE merchant_id = :merchant_id AND request_id = :request_id AND finished_at IS NULL
RETURNING run_id, dry_run

-- name: running_phases
-- For the dispatcher: which phase each of these merchants is in.
SELECT DISTINCT ON (merchant_id) merchant_id, phase
  FROM mx.sync_runs
 WHERE merchant_id = ANY (CAST(:merchants AS bigint[])) AND finished_at IS NULL AND phase IS NOT NULL
 ORDER BY merchant_id, started_at DESC

-- name: run
SELECT run_id, request_id, mode, outcome, message, stats, started_at, finished_at
  FROM mx.sync_runs
 WHERE merchant_id = :merchant_id AND run_id = :run_id

-- name: keep_position
-- How far a list has been read and written; in the transaction of the page that it describes. Until the
-- walk is closed, the next sync knows that this one was cut off, and where.
INSERT INTO mx.sync_state AS stored (merchant_id, stream, run_id, position, walk_open, record_count)
VALUES (:merchant_id, :stream, :run_id, :position, true, :record_count)
    ON CONFLICT (merchant_id, stream) DO UPDATE
   SET run_id = excluded.run_id,
       position = excluded.position,
       walk_open = true,
       record_count = excluded.record_count,
       updated_at = now()

-- name: close_walk
-- The walk has come as far as it had to; the weekly tier is the whole list, the monthly one a full sync.
INSERT INTO mx.sync_state AS stored
       (merchant_id, stream, run_id, record_count, walked_at, daily_at, weekly_at, monthly_at)
SELECT :merchant_id, :stream, :run_id, :record_count, CASE WHEN :is_end THEN now() END,
       CASE WHEN :is_daily THEN now() END, CASE WHEN :is_end THEN now() END, CASE WHEN :is_end THEN now() END
    ON CONFLICT (merchant_id, stream) DO UPDATE
   SET run_id = excluded.run_id,
       position = 0,
       walk_open = false,
       record_count = excluded.record_count,
       walked_at = coalesce(excluded.walked_at, stored.walked_at),
       daily_at = coalesce(excluded.daily_at, stored.daily_at),
       weekly_at = coalesce(excluded.weekly_at, stored.weekly_at),
       monthly_at = CASE WHEN 'full' = (SELECT mode FROM mx.sync_runs
                                         WHERE merchant_id = :merchant_id AND run_id = :run_id)
                         THEN coalesce(excluded.monthly_at, stored.monthly_at)
                         ELSE coalesce(stored.monthly_at, excluded.monthly_at) END,
       updated_at = now()

-- name: standing
-- What earlier syncs left of a list, and which tiers are due: one is, if it was not read since the merchant's night.
-- Every sixth night is a weekly one: with an hour until the next sync, a week does not pass between two.
SELECT coalesce(bool_or(walked_at IS NOT NULL), false) AS is_walked,
       coalesce(max(position) FILTER (WHERE walk_open), 0) AS open_position,
       coalesce(bool_and(daily_at < mx.last_night(merchant_id, timezone, 1, now())), true) AS daily_due,
       coalesce(bool_and(weekly_at < mx.last_night(merchant_id, timezone, 6, now())), true) AS weekly_due
  FROM mx.sync_state
  JOIN mx.mx_merchant_configs USING (merchant_id)
 WHERE merchant_id = :merchant_id AND stream = :stream

-- name: new_payments_below
-- Whether this run was the first to see one of these payments, among those older than the horizon.
SELECT count(*) > 0
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND mx_payment_id = ANY (CAST(:ids AS bigint[]))
   AND created < :horizon
   AND first_seen_at >= (SELECT started_at FROM mx.sync_runs
                          WHERE merchant_id = :merchant_id AND run_id = :run_id)

-- name: new_invoices_below
-- The same for invoices.
SELECT count(*) > 0
  FROM mx.invoice_documents
 WHERE merchant_id = :merchant_id
   AND mx_invoice_id = ANY (CAST(:ids AS bigint[]))
   AND api_created < :horizon
   AND first_seen_at >= (SELECT started_at FROM mx.sync_runs
                          WHERE merchant_id = :merchant_id AND run_id = :run_id)

-- name: keep_derived_through
INSERT INTO mx.sync_state AS stored (merchant_id, stream, run_id, derived_through)
VALUES (:merchant_id, 'enriched_transactions', :run_id, now())
    ON CONFLICT (merchant_id, stream) DO UPDATE
   SET run_id = excluded.run_id, derived_through = now(), updated_at = now()

-- name: derived_through
SELECT max(derived_through)
  FROM mx.sync_state
 WHERE merchant_id = :merchant_id AND stream = 'enriched_transactions'

-- name: keep_outcome
-- How the sync ended, and what it leaves open: payments that may still change, by how often they are read again
-- (each sync: 7 days; daily: not settled, 120 days; weekly: settled, 120 days). Counted here, so that nobody who
-- looks at every merchant counts. A rate-limited one resumes after a minute unless it is known better.
INSERT INTO mx.sync_state AS stored
       (merchant_id, stream, run_id, last_outcome, last_success_at, completed_at, last_verdict, quarantined,
        resumes_at, open_each_sync, open_daily, open_weekly, changed_at)
SELECT :merchant_id, 'payments', :run_id, :outcome, CASE WHEN :outcome = 'success' THEN now() END, now(),
       :verdict, :quarantined, CASE WHEN :outcome = 'rate_limited' THEN now() + interval '1 minute' END,
       count(*) FILTER (WHERE created >= now() - interval '7 days'),
       count(*) FILTER (WHERE created < now() - interval '7 days' AND status <> 'Settled'),
       count(*) FILTER (WHERE created < now() - interval '7 days' AND status = 'Settled'),
       (SELECT finished_at FROM mx.sync_runs
         WHERE merchant_id = :merchant_id AND run_id = :run_id
           AND greatest(CAST(stats ->> 'inserted' AS bigint), CAST(stats ->> 'updated' AS bigint)) > 0)
  FROM mx.payments
 WHERE merchant_id = :merchant_id
   AND vanished_at IS NULL
   AND created >= now() - interval '120 days'
   AND status NOT IN ('Voided', 'Declined', 'Chargedback')
    ON CONFLICT (merchant_id, stream) DO UPDATE
   SET last_outcome = excluded.last_outcome,
       last_success_at = coalesce(excluded.last_success_at, stored.last_success_at),
       completed_at = excluded.completed_at,
       last_verdict = coalesce(excluded.last_verdict, stored.last_verdict),
       quarantined = excluded.quarantined,
       resumes_at = excluded.resumes_at,
       open_each_sync = excluded.open_each_sync,
       open_daily = excluded.open_daily,
       open_weekly = excluded.open_weekly,
       changed_at = coalesce(excluded.changed_at, stored.changed_at),
       updated_at = now()

-- name: quarantine
-- Set records aside with their reasons; one that comes again is counted, not doubled. Those whose id cannot
-- be read share a row for each reason.
INSERT INTO mx.quarantine AS held (merchant_id, stream, mx_id, reason, keys, run_id, attempts)
SELECT :merchant_id, refused.stream, refused.mx_id, refused.reason,
       coalesce((SELECT array_agg(key)
                   FROM jsonb_array_elements_text((array_agg(refused.keys))[1]) AS key), '{}'), :run_id, count(*)
  FROM jsonb_to_recordset(CAST(:refused AS jsonb)) AS refused (stream text, mx_id bigint, reason text, keys jsonb)
 GROUP BY refused.stream, refused.mx_id, refused.reason
    ON CONFLICT (merchant_id, stream, mx_id, reason) DO UPDATE
   SET attempts = held.attempts + excluded.attempts, last_seen_at = now(), released_at = NULL, replay = false,
       run_id = excluded.run_id

-- name: denied_lately
-- What the vendor denied when it was asked for, not long ago, and nothing has brought since.
SELECT mx_id
  FROM mx.quarantine
 WHERE merchant_id = :merchant_id
   AND stream = :stream
   AND reason = :reason
   AND released_at IS NULL
   AND NOT replay
   AND last_seen_at > now() - make_interval(hours => :hours)

-- name: quarantined
SELECT count(*) FROM mx.quarantine WHERE merchant_id = :merchant_id AND released_at IS NULL

-- name: release
-- What has been taken in after all is no longer held: from the list, or from a page of its own. A page that
-- stands for a list row that was held goes with it.
UPDATE mx.quarantine AS held
   SET released_at = now(), replay = false
 WHERE held.merchant_id = :merchant_id
   AND held.stream = ANY (CAST(:streams AS text[]))
   AND held.released_at IS NULL
   AND held.mx_id = ANY (CAST(:ids AS bigint[]))
   AND (held.stream = :stream
        OR CAST(:stream AS text) IN ('payment_details', 'invoice_details')
        OR EXISTS (SELECT FROM mx.quarantine AS list_row
                    WHERE list_row.merchant_id = :merchant_id
                      AND list_row.stream = :stream
                      AND list_row.mx_id = held.mx_id
                      AND list_row.released_at IS NULL))

-- name: release_nameless
-- A complete read has met no such record again. One whose id cannot be read is never asked for alone.
UPDATE mx.quarantine
   SET released_at = now(), replay = false
 WHERE merchant_id = :merchant_id
   AND stream = :stream
   AND mx_id IS NULL
   AND released_at IS NULL
   AND run_id IS DISTINCT FROM :run_id

-- name: take_up_list_rows
-- Rows of the lists that could not be taken in, and whose turn it is: with the next sync, then 2, 6, 14
-- minutes after the last try and so on, a day at most; or because a person asked. This counts as a try.
UPDATE mx.quarantine
   SET attempts = attempts + 1, last_seen_at = now(), replay = false, run_id = :run_id
 WHERE merchant_id = :merchant_id
   AND stream IN ('payments', 'invoices')
   AND mx_id IS NOT NULL
   AND released_at IS NULL
   AND run_id IS DISTINCT FROM :run_id
   AND (replay OR last_seen_at <= now() - interval '1 minute' * least(power(2, least(attempts, 11)) - 2, 1440))
RETURNING stream, mx_id

-- name: held
-- What is in quarantine, newest first.
SELECT quarantine_id, stream, mx_id, reason, keys, attempts, first_seen_at, last_seen_at, replay
  FROM mx.quarantine
 WHERE merchant_id = :merchant_id AND released_at IS NULL
 ORDER BY last_seen_at DESC, quarantine_id DESC
 LIMIT :most

-- name: still_held
SELECT count(*) AS held, count(*) FILTER (WHERE mx_id IS NULL) AS nameless
  FROM mx.quarantine
 WHERE merchant_id = :merchant_id AND released_at IS NULL

-- name: mark_for_replay
UPDATE mx.quarantine SET replay = true WHERE merchant_id = :merchant_id AND released_at IS NULL

-- name: count_calls
-- The calls of a run so far, all of them each time, so that telling twice counts once; under the merchant's own
-- day. What earlier days of a run that passes midnight have counted stays with them.
INSERT INTO mx.api_usage AS stored (merchant_id, run_id, endpoint, outcome, day, calls)
SELECT :merchant_id, :run_id, used.endpoint, used.outcome, today.day,
       used.calls - coalesce((SELECT sum(earlier.calls)
                                FROM mx.api_usage AS earlier
                               WHERE earlier.merchant_id = :merchant_id
                                 AND earlier.run_id = :run_id
                                 AND earlier.endpoint = used.endpoint
                                 AND earlier.outcome = used.outcome
                                 AND earlier.day <> today.day), 0)
  FROM jsonb_to_recordset(CAST(:calls AS jsonb)) AS used (endpoint text, outcome text, calls bigint)
 CROSS JOIN (SELECT (now() AT TIME ZONE timezone)::date AS day
               FROM mx.mx_merchant_configs
              WHERE merchant_id = :merchant_id) AS today
    ON CONFLICT (merchant_id, run_id, endpoint, outcome, day) DO UPDATE
   SET calls = greatest(stored.calls, excluded.calls)

-- name: certify
INSERT INTO mx.certificates
       (merchant_id, run_id, stream, scope, basis, verdict, source_count, our_count, source_sum, our_sum,
        missing_ids, surplus_ids, note)
VALUES (:merchant_id, :run_id, :stream, :scope, :basis, :verdict, :source_count, :our_count, :source_sum,
        :our_sum, CAST(:missing_ids AS bigint[]), CAST(:surplus_ids AS bigint[]), :note)

-- name: latest_certificates
-- The newest certificate of each stream.
SELECT DISTINCT ON (stream) stream, scope, basis, verdict, source_count, our_count, source_sum, our_sum,
       missing_ids, surplus_ids, note, made_at
  FROM mx.certificates
 WHERE merchant_id = :merchant_id
 ORDER BY stream, made_at DESC, certificate_id DESC

-- name: start_dry_run
INSERT INTO mx.sync_runs (merchant_id, request_id, dagster_run_id, mode, parameters, dry_run)
VALUES (:merchant_id, :request_id, :dagster_run_id, :mode, CAST(:parameters AS jsonb), true)
RETURNING run_id
