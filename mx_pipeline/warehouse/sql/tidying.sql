-- What was kept long enough is forgotten, a part at a time. Payments, invoices, their history and the audit chain are
-- never touched here.

-- name: forget_notifications
DELETE FROM mx.webhook_inbox
 WHERE merchant_id = :merchant_id
   AND body_hash IN (SELECT body_hash FROM mx.webhook_inbox
                      WHERE merchant_id = :merchant_id AND handled_at < CAST(:before AS timestamptz)
                      LIMIT :most)

-- name: forget_calls
-- Counts of calls, by day.
DELETE FROM mx.api_usage
 WHERE merchant_id = :merchant_id
   AND (day, run_id, endpoint, outcome) IN (SELECT day, run_id, endpoint, outcome FROM mx.api_usage
                                             WHERE merchant_id = :merchant_id
                                               AND day < (CAST(:before AS timestamptz) AT TIME ZONE 'UTC')::date
                                             LIMIT :most)

-- name: forget_certificates
-- All but the newest of each stream, which says how things stand however long nobody synced.
DELETE FROM mx.certificates
 WHERE merchant_id = :merchant_id
   AND certificate_id IN (SELECT certificate_id FROM mx.certificates AS old
                           WHERE merchant_id = :merchant_id
                             AND made_at < CAST(:before AS timestamptz)
                             AND EXISTS (SELECT FROM mx.certificates AS newer
                                          WHERE newer.merchant_id = :merchant_id
                                            AND newer.stream = old.stream
                                            AND newer.certificate_id > old.certificate_id)
                           LIMIT :most)

-- name: forget_runs
-- Runs that came to their end; those stay that a certificate or the state of a stream still names.
DELETE FROM mx.sync_runs
 WHERE merchant_id = :merchant_id
   AND run_id IN (SELECT run_id FROM mx.sync_runs AS run
                   WHERE merchant_id = :merchant_id
                     AND finished_at < CAST(:before AS timestamptz)
                     AND NOT EXISTS (SELECT FROM mx.certificates AS certificate
                                      WHERE certificate.merchant_id = :merchant_id AND certificate.run_id = run.run_id)
                     AND NOT EXISTS (SELECT FROM mx.sync_state AS state
                                      WHERE state.merchant_id = :merchant_id AND state.run_id = run.run_id)
                   LIMIT :most)

-- name: forget_requests
-- Requests that were answered; those stay that a run or another request still names.
DELETE FROM mx.sync_requests
 WHERE merchant_id = :merchant_id
   AND request_id IN (SELECT request_id FROM mx.sync_requests AS request
                       WHERE merchant_id = :merchant_id
                         AND status = 'done'
                         AND finished_at < CAST(:before AS timestamptz)
                         AND NOT EXISTS (SELECT FROM mx.sync_runs AS run
                                          WHERE run.merchant_id = :merchant_id AND run.request_id = request.request_id)
                         AND NOT EXISTS (SELECT FROM mx.sync_requests AS other
                                          WHERE other.merchant_id = :merchant_id
                                            AND other.joined_to = request.request_id)
                       LIMIT :most)
