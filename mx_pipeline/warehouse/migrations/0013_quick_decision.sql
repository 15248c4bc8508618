-- Whether somebody may is asked by the policies of each table that a statement reads, so it is decided in one look.

-- The same decision as `mx.access_of`; a test holds both to `access.py`.
CREATE OR REPLACE FUNCTION mx.may(permission text, merchant bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    person CONSTANT text := current_setting('mx.user_id', true);
    role_there text;
    overrides jsonb;
BEGIN
    IF person = 'operator' THEN
        role_there := 'operator';
    ELSIF person ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
        SELECT CASE WHEN known.platform_role = 'super_admin' THEN 'super_admin'
                    WHEN config.user_id = known.id AND config.is_active THEN 'tenant_owner'
                    WHEN coalesce(config.access_check, 'permissions') = 'permissions' AND given.is_active
                         AND coalesce(given.expires_at > statement_timestamp(), true) THEN given.role END,
               CASE WHEN known.platform_role IS NULL AND (config.user_id = known.id AND config.is_active) IS NOT TRUE
                    THEN given.permissions END
          INTO role_there, overrides
          FROM mx.users AS known
          LEFT JOIN mx.mx_merchant_configs AS config ON config.merchant_id = merchant
          LEFT JOIN mx.user_tenant_permissions AS given
            ON given.merchant_id = merchant AND given.user_id = known.id
         WHERE known.id = person::uuid AND known.is_active;
    END IF;
    IF role_there IS NULL THEN
        RETURN false;
    ELSIF overrides IS NULL OR overrides = '{}' THEN
        RETURN EXISTS (SELECT FROM mx.role_permissions AS known
                        WHERE known.role = role_there AND known.permission = may.permission);
    END IF;
    RETURN coalesce(permission = ANY (mx.permissions_of(role_there, overrides)), false);
END $$;

-- To stop a sync is to ask for one.
CREATE POLICY app_changes_with_permission ON mx.sync_leases AS RESTRICTIVE FOR UPDATE TO mx_app
    USING ((SELECT mx.may('sync.manual', mx.current_merchant())));
CREATE POLICY app_reads_with_permission ON mx.sync_leases AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.may('sync.manual', mx.current_merchant())));
