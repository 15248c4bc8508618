-- name: keep_token
INSERT INTO mx.user_tokens (user_id, secret_hash, issued_by, expires_at)
VALUES (CAST(:user_id AS uuid), :secret_hash, :issued_by, now() + make_interval(days => :days))
RETURNING id, expires_at

-- name: tokens_of
SELECT id, issued_by, created_at, expires_at, revoked_at, last_used_at
  FROM mx.user_tokens
 WHERE user_id = CAST(:user_id AS uuid)
 ORDER BY created_at DESC

-- name: revoke_token
UPDATE mx.user_tokens
   SET revoked_at = now()
 WHERE id = CAST(:token_id AS uuid) AND revoked_at IS NULL
RETURNING user_id

-- name: token_presented
SELECT secret_hash, user_id, is_active, is_expired, is_revoked
  FROM mx.token_presented(CAST(:token_id AS uuid))

-- name: token_used
SELECT mx.token_used(CAST(:token_id AS uuid))

-- name: person_of_subject
SELECT user_id, is_active
  FROM mx.person_of_subject(:issuer, :subject, :verified_email)

-- name: keep_invitation
INSERT INTO mx.invitations (merchant_id, email, role, secret_hash, invited_by, expires_at)
VALUES (:merchant_id, :email, :role, :secret_hash, CAST(:invited_by AS uuid), now() + make_interval(days => :days))
RETURNING invitation_id, expires_at

-- name: invitation_presented
SELECT merchant_id, secret_hash
  FROM mx.invitation_presented(CAST(:invitation_id AS uuid))

-- name: accept_invitation
SELECT user_id, merchant_id, role
  FROM mx.accept_invitation(CAST(:invitation_id AS uuid), :secret_hash)

-- name: invitations_here
-- Newest first; without the secrets, which nobody can read.
SELECT email, role, created_at, expires_at, accepted_at
  FROM mx.invitations
 WHERE merchant_id = :merchant_id
 ORDER BY created_at DESC, invitation_id
 LIMIT :most
