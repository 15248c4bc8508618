-- name: take_lease
-- No row where somebody else holds it. The database's clock decides, so no machine's own can expire it.
-- The batch is the name of this taking: where only the answer was lost, it is ours already.
INSERT INTO mx.sync_leases AS held (merchant_id, holder, batch, expires_at)
VALUES (:merchant_id, :holder, :batch, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (merchant_id) DO UPDATE
   SET token = held.token + 1, holder = excluded.holder, batch = excluded.batch,
       expires_at = excluded.expires_at, stop = NULL
 WHERE held.expires_at < clock_timestamp() OR held.batch = excluded.batch
RETURNING token

-- name: lease_holder
SELECT holder FROM mx.sync_leases WHERE merchant_id = :merchant_id

-- name: renew_lease
-- No row where another process has taken it.
UPDATE mx.sync_leases
   SET expires_at = clock_timestamp() + make_interval(secs => :seconds)
 WHERE merchant_id = :merchant_id AND token = :token
RETURNING token

-- name: ask_to_stop
-- The sync that runs now sees it at its next page; that of another request, for which this one waits, goes on.
UPDATE mx.sync_leases SET stop = :message WHERE merchant_id = :merchant_id AND holder = :holder

-- name: release_lease
-- Free at once; when it was given back stays known, so that whoever waits for it is not taken for lost.
UPDATE mx.sync_leases SET expires_at = clock_timestamp() WHERE merchant_id = :merchant_id AND token = :token

-- name: abandon_runs
-- Whoever takes the merchant over closes the runs of a process that was lost. The requests behind them wait
-- again, but for one that the new holder has claimed: that one is answered now.
WITH lost AS (
    UPDATE mx.sync_runs
       SET finished_at = now(), outcome = 'failed', phase = NULL, message = :message
     WHERE merchant_id = :merchant_id AND finished_at IS NULL AND NOT dry_run
    RETURNING request_id
)
UPDATE mx.sync_requests AS request
   SET status = 'asked', claimed_by = NULL, claimed_at = NULL, launched_at = NULL
  FROM lost
 WHERE request.merchant_id = :merchant_id
   AND request.request_id = lost.request_id
   AND request.status = 'claimed'
   AND request.claimed_by IS DISTINCT FROM :holder

-- name: close_lost_runs
-- For the dispatcher: runs whose process gave no sign of life any more, and that nobody took over. A dry run writes
-- nothing, so it has no lease; it takes seconds.
UPDATE mx.sync_runs AS run
   SET finished_at = now(), outcome = 'failed', phase = NULL, message = :message
 WHERE run.finished_at IS NULL
   AND run.started_at < now() - make_interval(secs => CASE WHEN run.dry_run THEN :dry_seconds ELSE :seconds END)
   AND NOT EXISTS (SELECT FROM mx.sync_leases AS lease
                    WHERE lease.merchant_id = run.merchant_id
                      AND lease.expires_at > now() - make_interval(secs => :grace))

-- name: free_lost_requests
-- For the dispatcher: claimed longer ago than a lease lasts, and no sync of the merchant is under way, nor was just
-- now: who waits for another sync to end takes over within a second. Such a request waits again.
UPDATE mx.sync_requests AS request
   SET status = 'asked', claimed_by = NULL, claimed_at = NULL, launched_at = NULL
 WHERE request.status = 'claimed'
   AND request.claimed_at < now() - make_interval(secs => CASE WHEN request.dry_run THEN :dry_seconds
                                                               ELSE :seconds END)
   AND NOT EXISTS (SELECT FROM mx.sync_leases AS lease
                    WHERE lease.merchant_id = request.merchant_id
                      AND lease.expires_at > now() - make_interval(secs => :grace))

-- name: end_hopeless_requests
-- For the dispatcher: launched so often, and nobody who took it has come to its end.
UPDATE mx.sync_requests
   SET status = 'done', finished_at = now(), outcome = 'failed', message = :message
 WHERE status = 'asked'
   AND attempt >= :most_attempts
   AND (launched_at IS NULL OR launched_at < now() - make_interval(secs => :launch_again_after))
