-- Logins of people with SQL. Run by the migrating login, as the owner of the tables; `logins_at` by the application.

-- name: role
-- A role of that name, whether it is a person's of ours, and whether it may more than such a login should.
SELECT role.rolcanlogin,
       pg_has_role(role.oid, 'mx_analyst', 'MEMBER') OR pg_has_role(role.oid, 'mx_investor', 'MEMBER') AS is_ours,
       role.rolsuper OR role.rolcreaterole OR role.rolcreatedb OR role.rolbypassrls OR role.rolreplication
           OR pg_has_role(role.oid, 'mx_owner', 'MEMBER') AS is_strong
  FROM pg_roles AS role
 WHERE role.rolname = :login

-- name: merchant_exists
SELECT EXISTS (SELECT FROM mx.mx_merchant_configs WHERE merchant_id = :merchant_id)

-- name: grant
INSERT INTO mx.sql_logins (merchant_id, login, kind, sees_names, expires_at, granted_by)
SELECT merchant_id, :login, :kind, :sees_names, CAST(:until AS date)::timestamp AT TIME ZONE timezone, :granted_by
  FROM mx.mx_merchant_configs
 WHERE merchant_id = :merchant_id
    ON CONFLICT (merchant_id, login) DO UPDATE
   SET kind = excluded.kind, sees_names = excluded.sees_names, expires_at = excluded.expires_at,
       granted_by = excluded.granted_by, granted_at = now(), is_active = true

-- name: revoke
UPDATE mx.sql_logins
   SET is_active = false
 WHERE login = :login AND is_active
   AND (CAST(:merchants AS bigint[]) IS NULL OR merchant_id = ANY (CAST(:merchants AS bigint[])))
RETURNING merchant_id

-- name: is_known
SELECT EXISTS (SELECT FROM mx.sql_logins WHERE login = :login)

-- name: listed
SELECT login, merchant_id, kind, sees_names, granted_by, granted_at, expires_at,
       is_active AND (expires_at IS NULL OR expires_at > now()) AS is_active
  FROM mx.sql_logins
 ORDER BY login, merchant_id

-- name: logins_at
SELECT login, kind, sees_names, granted_by, granted_at, expires_at,
       is_active AND (expires_at IS NULL OR expires_at > now()) AS is_active
  FROM mx.sql_logins
 WHERE merchant_id = :merchant_id
 ORDER BY login
