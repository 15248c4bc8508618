-- name: take_lease
-- No row where somebody else holds it. The database's clock decides, so no machine's own can expire it.
-- The batch is the name of this taking: where only the answer was lost, it is ours already.
INSERT INTO mx.sync_leases AS held (merchant_id, holder, batch, expires_at)
VALUES (:merchant_id, :holder, :batch, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (merchant_id) DO UPDATE
   SET token = held.token + 1, holder = excluded.holder, batch = excluded.batch,
       expires_at = excluded.expires_at
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

-- name: hold_lease
-- In the transaction of every write: until it ends, nobody takes the merchant over; an older token finds no row.
-- The batch is this transaction's name. It is there already where an earlier try was committed after all.
UPDATE mx.sync_leases
   SET batch_before = batch, batch = :batch
 WHERE merchant_id = :merchant_id AND token = :token
RETURNING batch_before IS NOT DISTINCT FROM batch AS has_landed

-- name: release_lease
UPDATE mx.sync_leases SET expires_at = 'epoch' WHERE merchant_id = :merchant_id AND token = :token

-- name: abandon_runs
-- Whoever takes the merchant over closes the runs of a process that was lost, and the requests behind them.
WITH lost AS (
    UPDATE mx.sync_runs
       SET finished_at = now(), outcome = 'failed', phase = NULL,
           message = 'its process was lost; the next sync goes on where it stopped'
     WHERE merchant_id = :merchant_id AND finished_at IS NULL
    RETURNING run_id, request_id, outcome, message
)
UPDATE mx.sync_requests AS request
   SET status = 'done', finished_at = now(), run_id = lost.run_id, outcome = lost.outcome, message = lost.message
  FROM lost
 WHERE request.merchant_id = :merchant_id
   AND request.request_id = lost.request_id
   AND request.status = 'claimed'
