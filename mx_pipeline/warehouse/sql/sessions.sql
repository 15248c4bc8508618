-- name: open_session
-- It ends with the day's work at the latest, however busy it is.
INSERT INTO mx.user_sessions (user_id, secret_hash, token_id, expires_at)
VALUES (CAST(:user_id AS uuid), :secret_hash, CAST(:token_id AS uuid), now() + make_interval(hours => :hours))
RETURNING id, expires_at

-- name: forget_old_sessions
-- The person's own that ended long ago, whenever they open another.
DELETE FROM mx.user_sessions
 WHERE user_id = CAST(:user_id AS uuid) AND expires_at < now() - interval '1 day'

-- name: session_presented
SELECT secret_hash, user_id, is_active, is_over
  FROM mx.session_presented(CAST(:session_id AS uuid))

-- name: session_used
SELECT mx.session_used(CAST(:session_id AS uuid))

-- name: end_session
UPDATE mx.user_sessions
   SET ended_at = now()
 WHERE id = CAST(:session_id AS uuid) AND ended_at IS NULL
RETURNING user_id
