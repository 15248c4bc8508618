-- How a sync that somebody asked for goes, and went: for pages, and for whoever polls.

-- name: watched
-- One request with the run that answers it, or answers the request that it joined.
SELECT request.request_id, request.asked_by, request.asked_through, request.mode, request.latest, request.since,
       request.until, request.emergency, request.reason, request.dry_run, request.status,
       request.joined_to, request.cancelled_by,
       request.asked_at, coalesce(request.claimed_at, first.claimed_at) AS claimed_at, request.finished_at,
       request.outcome, request.message, asker.display_name AS asker_name, asker.email AS asker_email,
       run.run_id, run.phase, run.progress, run.stats, run.started_at, run.finished_at AS run_finished_at,
       (SELECT coalesce(sum(used.calls), 0)
          FROM mx.api_usage AS used
         WHERE used.merchant_id = :merchant_id AND used.run_id = run.run_id) AS calls,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'stream', made.stream, 'scope', made.scope, 'basis', made.basis, 'verdict', made.verdict,
                   'source_count', made.source_count, 'our_count', made.our_count,
                   'source_sum', made.source_sum::text, 'our_sum', made.our_sum::text, 'note', made.note)
                   ORDER BY made.stream DESC), '[]')
          FROM mx.certificates AS made
         WHERE made.merchant_id = :merchant_id AND made.run_id = run.run_id) AS certificates
  FROM mx.sync_requests AS request
  LEFT JOIN mx.sync_requests AS first
    ON first.merchant_id = :merchant_id AND first.request_id = request.joined_to
  LEFT JOIN mx.users AS asker ON request.asked_by = 'user:' || asker.id
  LEFT JOIN LATERAL (
        SELECT *
          FROM mx.sync_runs AS answering
         WHERE answering.merchant_id = :merchant_id
           AND (answering.run_id = request.run_id
                OR (request.run_id IS NULL
                    AND answering.request_id = coalesce(request.joined_to, request.request_id)))
         ORDER BY answering.run_id DESC
         LIMIT 1) AS run ON true
 WHERE request.merchant_id = :merchant_id AND request.request_id = :request_id

-- name: history
-- Requests, newest first; `before` is the last one of the page before.
SELECT request.request_id, request.asked_by, request.asked_through, request.mode, request.latest, request.since,
       request.until, request.emergency, request.reason, request.dry_run, request.status,
       request.asked_at, request.finished_at,
       request.outcome, request.message, asker.display_name AS asker_name, asker.email AS asker_email,
       run.stats, run.started_at, run.finished_at AS run_finished_at
  FROM mx.sync_requests AS request
  LEFT JOIN mx.users AS asker ON request.asked_by = 'user:' || asker.id
  LEFT JOIN mx.sync_runs AS run ON run.merchant_id = :merchant_id AND run.run_id = request.run_id
 WHERE request.merchant_id = :merchant_id
   AND (CAST(:before AS bigint) IS NULL OR request.request_id < :before)
   AND (CAST(:from_people AS boolean) IS NOT TRUE OR request.asked_through IN ('api', 'command'))
 ORDER BY request.request_id DESC
 LIMIT :most

-- name: clinic_now
-- How one merchant stands, for its page: one row.
SELECT merchant.is_active, merchant.credentials_refused_at, state.last_outcome, state.last_success_at,
       state.completed_at, state.last_verdict, coalesce(state.quarantined, 0) AS quarantined, state.record_count,
       state.resumes_at,
       (SELECT max(open.request_id)
          FROM mx.sync_requests AS open
         WHERE open.merchant_id = :merchant_id AND open.status IN ('asked', 'claimed')) AS open_request
  FROM mx.mx_merchant_configs AS merchant
  LEFT JOIN mx.sync_state AS state ON state.merchant_id = :merchant_id AND state.stream = 'payments'
 WHERE merchant.merchant_id = :merchant_id

-- name: me
-- Whoever works in this transaction.
SELECT coalesce(display_name, email) AS name FROM mx.users WHERE id::text = (SELECT mx.current_person())
