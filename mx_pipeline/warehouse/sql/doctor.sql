-- What `doctor` asks of the catalogue, by the migrating login, and of Dagster's own database. Nothing is written.

-- name: give_up_after
-- Nobody waits for a check that a busy server does not answer.
SELECT set_config('statement_timeout', :limit, true)

-- name: server
-- `room` is how many connections we may have.
SELECT current_user AS login, current_database() AS database,
       current_setting('server_version_num')::integer AS version, clock_timestamp() AS clock,
       least(current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer,
             (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())) AS room,
       to_regclass('mx.migration_checksums') IS NOT NULL AND to_regclass('mx.alembic_version') IS NOT NULL AS is_migrated

-- name: bells
-- How many children of workers listen for requests.
SELECT count(*)::integer
  FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'mx_pipeline bell'

-- name: others_at_work
-- For the dispatcher: from which other addresses its login is used, by workers and runs. Behind a pooler all have that
-- of the pooler, and none is told.
SELECT DISTINCT host(client_addr)
  FROM pg_stat_activity
 WHERE usename = current_user
   AND datname = current_database()
   AND client_addr IS NOT NULL
   AND client_addr IS DISTINCT FROM inet_client_addr()
 ORDER BY 1

-- name: schema_version
SELECT version_num FROM mx.alembic_version

-- name: open_tables
-- Tenant tables that show a role more than its merchant: row-level security is off, or does not bind the owner, or
-- a role may touch the table and no restrictive policy holds it to its merchant.
WITH tenant AS (
    SELECT cls.*
      FROM pg_class AS cls
      JOIN pg_attribute AS att ON att.attrelid = cls.oid AND att.attname = 'merchant_id' AND NOT att.attisdropped
     WHERE cls.relnamespace = to_regnamespace('mx') AND cls.relkind IN ('r', 'p')
)
SELECT 'mx.' || relname || ': row-level security is not forced'
  FROM tenant
 WHERE NOT (relrowsecurity AND relforcerowsecurity)
 UNION ALL
SELECT 'mx.' || relname || ': no restrictive policy for ' || role.rolname
  FROM tenant
 CROSS JOIN pg_roles AS role
 WHERE role.rolname = ANY (CAST(:roles AS text[]))
   AND EXISTS (SELECT FROM aclexplode(tenant.relacl) WHERE grantee = role.oid)
   AND NOT EXISTS (SELECT FROM pg_policy
                    WHERE polrelid = tenant.oid AND NOT polpermissive AND polcmd = '*' AND role.oid = ANY (polroles))
 ORDER BY 1

-- name: owners_views
-- Views that read with the rights of whoever owns them, so that row-level security is asked for the wrong person.
SELECT 'mx.' || relname
  FROM pg_class
 WHERE relnamespace = to_regnamespace('mx')
   AND relkind IN ('v', 'm')
   AND NOT coalesce(reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
   AND NOT (relkind = 'v' AND relowner = to_regrole('mx_aggregator')
            AND coalesce(reloptions && ARRAY['security_barrier=true', 'security_barrier=on'], false))
 ORDER BY 1

-- name: powerful_logins
-- Roles of ours, and people with SQL, who are not bound by row-level security.
SELECT role.rolname || CASE WHEN rolsuper THEN ' is a superuser'
                            WHEN rolbypassrls THEN ' bypasses row-level security'
                            ELSE ' is a member of mx_owner' END
  FROM pg_roles AS role
 WHERE (role.rolname = ANY (CAST(:roles AS text[]))
        OR role.oid IN (SELECT member FROM pg_auth_members
                         WHERE roleid IN (to_regrole('mx_analyst'), to_regrole('mx_investor'))))
   AND role.rolname <> current_user
   AND role.rolname <> 'mx_owner'
   AND (rolsuper OR rolbypassrls
        OR EXISTS (SELECT FROM pg_roles AS owner
                    WHERE owner.rolname = 'mx_owner' AND pg_has_role(role.oid, owner.oid, 'MEMBER')))
 ORDER BY 1

-- name: missing_roles
SELECT wanted FROM unnest(CAST(:roles AS text[])) AS wanted WHERE to_regrole(wanted) IS NULL ORDER BY 1

-- name: environments
-- For the owner of the tables: which of the vendor's hosts the active merchants need.
SELECT DISTINCT environment FROM mx.mx_merchant_configs WHERE is_active ORDER BY 1

-- name: refused
-- For the owner: active merchants whose key MX Merchant refused.
SELECT merchant_id
  FROM mx.mx_merchant_configs
 WHERE is_active AND credentials_refused_at IS NOT NULL
 ORDER BY merchant_id

-- name: unknown_zones
-- Time zones that merchants have and this server does not.
WITH known AS MATERIALIZED (SELECT name FROM pg_timezone_names)
SELECT DISTINCT timezone FROM mx.mx_merchant_configs WHERE timezone NOT IN (SELECT name FROM known) ORDER BY 1

-- name: sealed
-- For the owner: a few sealed keys to try, of each sealing key those of the newest merchants.
SELECT merchant_id, consumer_key, sealing_key_id
  FROM (SELECT *, row_number() OVER (PARTITION BY sealing_key_id ORDER BY created_at DESC, merchant_id) AS place
          FROM mx.mx_merchant_configs) AS ranked
 WHERE place <= :most
 ORDER BY sealing_key_id, merchant_id

-- name: unanswered
-- For the owner: how many have waited too long, as `mark_unanswered` of requests.sql judges it.
SELECT count(*)::integer
  FROM mx.sync_requests AS request
  JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
 WHERE merchant.is_active
   AND request.status = 'asked'
   AND request.waits_since < now() - make_interval(secs => CASE WHEN request.lane = 1 THEN :people_seconds
                                                                ELSE :others_seconds END)
   AND NOT EXISTS (SELECT FROM mx.sync_leases AS lease
                    WHERE lease.merchant_id = request.merchant_id AND lease.expires_at > clock_timestamp())

-- name: dagsters_database
-- In Dagster's own database: whether it is really its own, and whether Dagster has ever been started on it.
SELECT to_regclass('mx.mx_merchant_configs') IS NOT NULL AS is_the_warehouse,
       to_regclass('daemon_heartbeats') IS NOT NULL AND to_regclass('event_logs') IS NOT NULL AS is_prepared

-- name: heartbeats
-- In Dagster's own database: how long ago each of its daemons last said that it lives. Dagster writes UTC.
SELECT daemon_type, extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - timestamp)::float8 AS seconds
  FROM daemon_heartbeats
 ORDER BY daemon_type
