-- A dump by the backup role contains where each sequence stands, so that what is restored goes on counting there.
GRANT SELECT ON ALL SEQUENCES IN SCHEMA mx TO mx_backup;

-- With its owner's rights a function must not find a caller's temporary type before the real one.
ALTER FUNCTION mx.chain_audit_entry() SET search_path = pg_catalog, mx, pg_temp;
