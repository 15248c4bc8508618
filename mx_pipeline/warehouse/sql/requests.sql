-- name: take_turn_to_ask
-- Two who ask at once for the same find each other: the second sees what the first has written.
SELECT pg_advisory_xact_lock(7302116, hashtext(CAST(:merchant_id AS text)))

-- name: open_request
-- One that asks for the same and has no answer yet. Its row stays as it is until this transaction ends.
SELECT request_id, status
  FROM mx.sync_requests
 WHERE merchant_id = :merchant_id
   AND status IN ('asked', 'claimed')
   AND mode = :mode
   AND latest IS NOT DISTINCT FROM CAST(:latest AS integer)
   AND since IS NOT DISTINCT FROM CAST(:since AS date)
   AND until IS NOT DISTINCT FROM CAST(:until AS date)
   AND dry_run = :dry_run
 ORDER BY status = 'claimed' DESC, request_id
 LIMIT 1
   FOR UPDATE

-- name: join_lane
-- Whoever joins brings the lane along.
UPDATE mx.sync_requests
   SET lane = :lane
 WHERE merchant_id = :merchant_id AND request_id = :request_id AND lane > :lane AND status = 'asked'

-- name: ask
-- Someone or something asks for a sync. `claimed_by` is set where the asker answers it itself, `joined_to` where
-- it is being answered already.
INSERT INTO mx.sync_requests
       (merchant_id, asked_by, asked_through, lane, mode, latest, since, until, emergency, reason, dry_run, joined_to,
        correlation_id, traceparent, status, claimed_by, claimed_at)
VALUES (:merchant_id, :asked_by, :asked_through, :lane, :mode, :latest, :since, :until, :emergency, :reason, :dry_run,
        :joined_to, :correlation_id, :traceparent,
        CASE WHEN CAST(:joined_to AS bigint) IS NOT NULL THEN 'joined'
             WHEN CAST(:claimed_by AS text) IS NOT NULL THEN 'claimed'
             ELSE 'asked' END,
        :claimed_by,
        CASE WHEN CAST(:claimed_by AS text) IS NULL THEN NULL ELSE now() END)
RETURNING request_id

-- name: claim
-- Take one request, once. No row where someone else has it, or it is done.
UPDATE mx.sync_requests
   SET status = 'claimed', claimed_by = :claimed_by, claimed_at = now()
 WHERE merchant_id = :merchant_id
   AND request_id = :request_id
   AND (status = 'asked' OR (status = 'claimed' AND claimed_by = :claimed_by))
RETURNING request_id, asked_by, asked_through, mode, latest, since, until, emergency, reason, dry_run, correlation_id,
          traceparent

-- name: request
SELECT request_id, asked_by, asked_through, mode, latest, since, until, emergency, reason, dry_run, status, attempt,
       claimed_by, asked_at, claimed_at, finished_at, run_id, outcome, message
  FROM mx.sync_requests
 WHERE merchant_id = :merchant_id AND request_id = :request_id

-- name: finish_request
-- Whoever answers first wins: a process that was taken for lost may wake up.
UPDATE mx.sync_requests
   SET status = 'done', finished_at = now(), run_id = :run_id, outcome = :outcome, message = :message
 WHERE merchant_id = :merchant_id AND request_id = :request_id AND status <> 'done'

-- name: today
-- In the merchant's own zone.
SELECT (now() AT TIME ZONE timezone)::date FROM mx.mx_merchant_configs WHERE merchant_id = :merchant_id

-- name: open_requests
-- All of the merchant's that have no answer yet, those first that others have joined.
SELECT request_id
  FROM mx.sync_requests
 WHERE merchant_id = :merchant_id AND status IN ('asked', 'claimed', 'joined')
 ORDER BY status = 'joined' DESC, request_id

-- name: merchant_of
-- For the dispatcher: whose request this is.
SELECT merchant_id FROM mx.sync_requests WHERE request_id = :request_id

-- name: mark_unanswered
-- For the dispatcher: those that have waited too long, for people or for anybody, though the merchant is active and no
-- other sync of it is under way. Each is told once, unless it waits anew.
UPDATE mx.sync_requests AS request
   SET unanswered_at = now()
  FROM mx.mx_merchant_configs AS merchant
 WHERE merchant.merchant_id = request.merchant_id
   AND merchant.is_active
   AND request.status = 'asked'
   AND request.unanswered_at IS NULL
   AND request.waits_since < now() - make_interval(secs => CASE WHEN request.lane = 1 THEN :people_seconds
                                                                ELSE :others_seconds END)
   AND NOT EXISTS (SELECT FROM mx.sync_leases AS lease
                    WHERE lease.merchant_id = request.merchant_id AND lease.expires_at > clock_timestamp())
RETURNING request.merchant_id, request.request_id,
          extract(epoch FROM now() - request.waits_since)::integer AS seconds

-- name: lock_request
-- Its row stays as it is until this transaction ends.
SELECT status, claimed_by FROM mx.sync_requests WHERE merchant_id = :merchant_id AND request_id = :request_id FOR UPDATE

-- name: joined_by
SELECT count(*)
  FROM mx.sync_requests
 WHERE merchant_id = :merchant_id AND joined_to = :request_id AND status = 'joined'

-- name: mark_cancelled
UPDATE mx.sync_requests
   SET cancelled_by = :by
 WHERE merchant_id = :merchant_id AND request_id = :request_id

-- name: cancelled_by
SELECT cancelled_by FROM mx.sync_requests WHERE merchant_id = :merchant_id AND request_id = :request_id

-- name: wait_again
-- The process that had claimed it must end; the next one goes on where it stopped. A deployment is no lost attempt.
UPDATE mx.sync_requests
   SET status = 'asked', claimed_by = NULL, claimed_at = NULL, launched_at = NULL, attempt = greatest(attempt - 1, 0)
 WHERE merchant_id = :merchant_id AND request_id = :request_id AND status = 'claimed' AND claimed_by = :claimed_by

-- name: finish_joined
-- A statement of its own: it sees those who joined while the request itself was being finished.
UPDATE mx.sync_requests
   SET status = 'done', finished_at = now(), run_id = :run_id, outcome = :outcome, message = :message
 WHERE merchant_id = :merchant_id AND joined_to = :request_id AND status = 'joined'

-- name: finish_left_behind
-- For the dispatcher: who joined a request that came to its end another way.
UPDATE mx.sync_requests AS request
   SET status = 'done', finished_at = now(), run_id = first.run_id, outcome = first.outcome, message = first.message
  FROM mx.sync_requests AS first
 WHERE request.status = 'joined'
   AND first.merchant_id = request.merchant_id
   AND first.request_id = request.joined_to
   AND first.status = 'done'

-- name: claim_next
-- For the dispatcher: the first of the lanes that nobody has claimed, where no other sync of the merchant is under
-- way. Two who claim at once never get the same.
UPDATE mx.sync_requests AS request
   SET status = 'claimed', claimed_by = :claimed_by, claimed_at = now(), attempt = request.attempt + 1
  FROM (SELECT waiting.merchant_id, waiting.request_id
          FROM mx.sync_requests AS waiting
          JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
         WHERE waiting.status = 'asked'
           AND waiting.lane <= :lowest_lane
           AND merchant.is_active
           AND NOT EXISTS (SELECT FROM mx.sync_leases AS lease
                            WHERE lease.merchant_id = waiting.merchant_id
                              AND lease.expires_at > clock_timestamp())
           AND NOT EXISTS (SELECT FROM mx.sync_requests AS other
                            WHERE other.merchant_id = waiting.merchant_id AND other.status = 'claimed')
         ORDER BY waiting.lane, waiting.asked_at, waiting.request_id
         LIMIT 1
           FOR UPDATE OF waiting SKIP LOCKED) AS next
 WHERE request.merchant_id = next.merchant_id AND request.request_id = next.request_id
RETURNING request.merchant_id, request.request_id, request.correlation_id

-- name: hand_back
-- For the dispatcher: whoever claimed it could not begin; somebody else may. It counts as no attempt: Dagster's storage
-- may be away for longer than all attempts take.
UPDATE mx.sync_requests
   SET status = 'asked', claimed_by = NULL, claimed_at = NULL, attempt = greatest(attempt - 1, 0)
 WHERE status = 'claimed' AND claimed_by = :claimed_by

-- name: has_claim
-- For the dispatcher: which of these answerers hold a request.
SELECT claimed_by FROM mx.sync_requests WHERE status = 'claimed' AND claimed_by = ANY (CAST(:answerers AS text[]))

-- name: waiting_requests
-- For the dispatcher: what nobody has claimed, oldest first, with what was launched long ago and never came.
SELECT request.merchant_id, request.request_id, request.attempt, request.correlation_id
  FROM mx.sync_requests AS request
  JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
 WHERE request.status = 'asked'
   AND request.asked_at <= now() - make_interval(secs => :head_start)
   AND merchant.is_active
   AND (request.launched_at IS NULL OR request.launched_at < now() - make_interval(secs => :launch_again_after))
 ORDER BY request.lane, request.asked_at
 LIMIT :most

-- name: mark_launched
UPDATE mx.sync_requests AS request
   SET attempt = request.attempt + 1, launched_at = now()
  FROM unnest(CAST(:merchants AS bigint[]), CAST(:requests AS bigint[])) AS launched (merchant_id, request_id)
 WHERE request.merchant_id = launched.merchant_id
   AND request.request_id = launched.request_id
   AND request.status = 'asked'

-- name: tried_before
-- For the dispatcher: what a run was launched for, or has claimed, and has not answered. A person may have ended it.
SELECT merchant_id, request_id, claimed_by
  FROM mx.sync_requests
 WHERE status IN ('asked', 'claimed') AND attempt > 0

-- name: cancelled_since_launched
-- For the dispatcher: nobody waits for these any more, and Dagster may hold a run for each.
SELECT merchant_id, request_id
  FROM mx.sync_requests
 WHERE status = 'done' AND outcome = 'cancelled' AND launched_at IS NOT NULL
 LIMIT :most

-- name: forget_launches
-- Dagster knows of it.
UPDATE mx.sync_requests AS request
   SET launched_at = NULL
  FROM unnest(CAST(:merchants AS bigint[]), CAST(:requests AS bigint[])) AS ended (merchant_id, request_id)
 WHERE request.merchant_id = ended.merchant_id
   AND request.request_id = ended.request_id
   AND request.status = 'done'
