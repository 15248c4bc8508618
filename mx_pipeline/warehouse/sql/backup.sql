-- name: hold_snapshot
-- What pg_dump is to see as well; it stays until this transaction ends.
SELECT pg_export_snapshot() AS snapshot,
       current_setting('server_version_num')::integer / 10000 AS server

-- name: schema_version
SELECT version_num FROM mx.alembic_version

-- name: tables
SELECT tablename FROM pg_tables WHERE schemaname = 'mx' ORDER BY 1

-- name: relations
-- Anything that somebody made in the schema.
SELECT count(*) FROM pg_class WHERE relnamespace = 'mx'::regnamespace
