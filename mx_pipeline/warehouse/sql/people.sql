-- name: standing
-- All that is known of a person at a merchant, by which access.py decides; one statement, so one moment.
SELECT at, is_active, platform_role, owns_configuration, access_check, role, overrides, row_is_active, expires_at
  FROM mx.standing_of(CAST(:person AS uuid), CAST(:at_merchant AS bigint))

-- name: add_user
-- Nothing happens, and no row comes back, where somebody has this address already.
INSERT INTO mx.users (email, display_name, platform_role)
VALUES (:email, :display_name, :platform_role)
    ON CONFLICT (lower(email)) DO NOTHING
RETURNING id

-- name: user_by_email
SELECT id, email, display_name, platform_role, is_active, created_at
  FROM mx.users
 WHERE lower(email) = lower(:email)

-- name: give_role
-- The whole of a person's row at this merchant; what it was before does not count any more.
INSERT INTO mx.user_tenant_permissions AS stored
       (merchant_id, user_id, role, permissions, granted_by, expires_at)
VALUES (:merchant_id, :user_id, :role, CAST(:permissions AS jsonb), CAST(:granted_by AS uuid), :expires_at)
    ON CONFLICT (merchant_id, user_id) DO UPDATE
   SET role = excluded.role, permissions = excluded.permissions, granted_by = excluded.granted_by,
       granted_at = now(), expires_at = excluded.expires_at, is_active = true

-- name: take_role
-- The row stays, for the record of who gave it.
UPDATE mx.user_tenant_permissions
   SET is_active = false
 WHERE merchant_id = :merchant_id AND user_id = :user_id AND is_active
RETURNING role
