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

-- name: users
-- Everyone whom the asker may see.
SELECT id, email, display_name, platform_role, is_active, created_at
  FROM mx.users
 ORDER BY lower(email)

-- name: set_user_active
UPDATE mx.users
   SET is_active = :is_active, updated_at = now()
 WHERE id = CAST(:user_id AS uuid)
RETURNING id

-- name: row_of
-- What a person was given at this merchant, in force or not; and whether they own its configuration.
SELECT given.role, given.permissions, given.is_active, given.expires_at,
       config.user_id = CAST(:user_id AS uuid) AS owns
  FROM mx.mx_merchant_configs AS config
  LEFT JOIN mx.user_tenant_permissions AS given
    ON given.merchant_id = config.merchant_id AND given.user_id = CAST(:user_id AS uuid)
 WHERE config.merchant_id = :merchant_id

-- name: merchants_of
SELECT merchant_id, role, through, permissions
  FROM mx.merchants_of(CAST(:person AS uuid))

-- name: people_at
SELECT user_id, email, display_name, is_active, role, through, permissions, given_role, given_active, expires_at,
       granted_by, granted_at
  FROM mx.people_at(:merchant_id)

-- name: deeds
-- What people did at a merchant since then, as its audit log has it; for the auditor.
SELECT actor, action, count(*) AS times, max(at) AS last_at
  FROM mx.audit_log
 WHERE merchant_id = :at_merchant AND at >= :since
 GROUP BY actor, action
 ORDER BY actor, action

-- name: migrate_owner
-- The owner whom the configuration names becomes a row of permissions; one who has a row keeps it as it is.
INSERT INTO mx.user_tenant_permissions (user_id, merchant_id, role, granted_by, granted_at)
SELECT user_id, merchant_id, 'tenant_owner', user_id, created_at
  FROM mx.mx_merchant_configs
 WHERE merchant_id = :merchant_id AND is_active AND user_id IS NOT NULL
    ON CONFLICT (merchant_id, user_id) DO NOTHING
RETURNING user_id

-- name: set_access_check
UPDATE mx.mx_merchant_configs
   SET access_check = :access_check, updated_at = now()
 WHERE merchant_id = :merchant_id
RETURNING merchant_id

-- name: set_owner
UPDATE mx.mx_merchant_configs
   SET user_id = CAST(:user_id AS uuid), updated_at = now()
 WHERE merchant_id = :merchant_id
RETURNING merchant_id
