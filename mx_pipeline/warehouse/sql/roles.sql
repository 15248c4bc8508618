-- name: role_exists
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)

-- name: login_roles_bypass
-- Login roles of ours that someone gave the power to bypass row-level security.
SELECT rolname FROM pg_roles WHERE rolname = ANY (CAST(:roles AS text[])) AND (rolsuper OR rolbypassrls)

-- name: is_member
-- May the migrating login act as this role?
SELECT pg_has_role(current_user, CAST(:role AS name), 'USAGE')

-- name: is_granted
-- Is one role a member of another, whoever granted it?
SELECT pg_has_role(CAST(:to AS name), CAST(:role AS name), 'MEMBER')

-- name: server
SELECT current_user AS login, current_database() AS database,
       current_setting('server_version_num')::integer AS version

-- name: may_create_schema
SELECT has_database_privilege(current_database(), 'CREATE')

-- name: take_turn
-- One migration at a time in this database.
SELECT pg_advisory_xact_lock(7302115, hashtext(current_database()))

-- name: schema_exists
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'mx')

-- name: applied_checksums
SELECT number, checksum FROM mx.migration_checksums ORDER BY number

-- name: checksums_exist
SELECT to_regclass('mx.migration_checksums') IS NOT NULL

-- name: make_checksums
CREATE TABLE IF NOT EXISTS mx.migration_checksums
       (number text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())

-- name: keep_checksum
INSERT INTO mx.migration_checksums (number, checksum) VALUES (:number, :checksum)

-- name: who_holds
-- Who uses a table of ours at this moment, one relation of each: what a migration waits for. The session's name, because
-- what it runs is told to its own login only.
SELECT DISTINCT ON (lock.pid)
       format('%s (%s, process %s)', session.usename, coalesce(nullif(session.application_name, ''), 'no name'), lock.pid) AS who,
       relation.relname AS relation
  FROM pg_locks AS lock
  JOIN pg_class AS relation ON relation.oid = lock.relation
  JOIN pg_stat_activity AS session ON session.pid = lock.pid
 WHERE lock.granted
   AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND relation.relnamespace = to_regnamespace('mx')
   AND relation.relkind IN ('r', 'p')
   AND lock.pid <> pg_backend_pid()
 ORDER BY lock.pid, relation.relname
