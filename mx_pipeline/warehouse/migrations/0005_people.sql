-- People: who they are, what they may do at which merchant, and policies that hold the application to it.

-- A person: who may log in. Where the configuration of a merchant names one, that person owns it.
CREATE TABLE mx.users (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email          text NOT NULL CHECK (length(email) <= 254 AND email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'),
    display_name   text,
    platform_role  text CHECK (platform_role = 'super_admin'),
    issuer         text,
    subject        text,
    is_active      boolean NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL))
);
CREATE UNIQUE INDEX users_by_email ON mx.users (lower(email));

-- Somebody may have named owners by hand before there was a table of people: they are kept, and cannot log in
-- until they are made active with an address of their own.
INSERT INTO mx.users (id, email, is_active)
SELECT DISTINCT user_id, user_id || '@unknown.invalid', false FROM mx.mx_merchant_configs WHERE user_id IS NOT NULL;
ALTER TABLE mx.mx_merchant_configs ADD FOREIGN KEY (user_id) REFERENCES mx.users;

-- The check of old goes on where it has an owner to check; elsewhere there is nothing to compare with.
ALTER TABLE mx.mx_merchant_configs ADD COLUMN
    access_check text NOT NULL DEFAULT 'permissions' CHECK (access_check IN ('owner', 'both', 'permissions'));
UPDATE mx.mx_merchant_configs SET access_check = 'owner' WHERE user_id IS NOT NULL;
GRANT SELECT (access_check) ON mx.mx_merchant_configs TO mx_app;

CREATE TABLE mx.user_tenant_permissions (
    merchant_id  bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    user_id      uuid NOT NULL REFERENCES mx.users,
    id           uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    role         text NOT NULL DEFAULT 'viewer' CHECK (role IN
        ('tenant_owner', 'tenant_admin', 'clinic_staff', 'nurse', 'viewer', 'investor')),
    permissions  jsonb NOT NULL DEFAULT '{}' CONSTRAINT permissions_are_grants_and_revocations CHECK (
        jsonb_typeof(permissions) = 'object'
        AND permissions - ARRAY['grant', 'revoke'] = '{}'
        AND jsonb_typeof(coalesce(permissions -> 'grant', '[]')) = 'array'
        AND jsonb_typeof(coalesce(permissions -> 'revoke', '[]')) = 'array'
        AND NOT jsonb_path_exists(permissions, '$.*[*] ? (@.type() != "string")')),
    granted_by   uuid REFERENCES mx.users,
    granted_at   timestamptz DEFAULT now(),
    expires_at   timestamptz,
    is_active    boolean NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, user_id)
);
CREATE INDEX idx_user_tenant_permissions_user ON mx.user_tenant_permissions (user_id, is_active);
CREATE INDEX idx_user_tenant_permissions_tenant ON mx.user_tenant_permissions (merchant_id, is_active);
CREATE INDEX idx_user_tenant_permissions_role ON mx.user_tenant_permissions (merchant_id, role, is_active);

-- The policy table, as `access.py` has it (a test compares the two). A role holds what is stated, what it
-- inherits, and what these imply.
CREATE TABLE mx.role_permissions (
    role        text NOT NULL,
    permission  text NOT NULL,
    is_implied  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (role, permission)
);
INSERT INTO mx.role_permissions (role, permission)
SELECT stated.role, word
  FROM (VALUES
    ('operator', ARRAY['sync.manual', 'sync.emergency', 'sync.webhook', 'config.update', 'users.invite',
        'users.manage', 'data.export', 'transactions.view', 'transactions.view:readonly', 'invoices.view',
        'invoices.view:readonly', 'invoices.manage', 'invoices.update_data_sent', 'analytics.view', 'reports.view']),
    ('super_admin', ARRAY['sync.manual', 'sync.emergency', 'sync.webhook', 'config.update', 'users.invite',
        'users.manage', 'data.export', 'transactions.view', 'transactions.view:readonly', 'invoices.view',
        'invoices.view:readonly', 'invoices.manage', 'invoices.update_data_sent', 'names.view', 'analytics.view',
        'reports.view']),
    ('tenant_owner', ARRAY['sync.manual', 'sync.emergency', 'sync.webhook', 'config.update', 'users.invite',
        'users.manage', 'data.export', 'transactions.view', 'transactions.view:readonly', 'invoices.view',
        'invoices.view:readonly', 'invoices.manage', 'names.view', 'analytics.view', 'reports.view']),
    ('tenant_admin', ARRAY['sync.manual', 'users.invite', 'data.export', 'transactions.view',
        'transactions.view:readonly', 'invoices.view', 'invoices.view:readonly', 'invoices.manage', 'names.view']),
    ('clinic_staff', ARRAY['data.export', 'transactions.view', 'transactions.view:readonly', 'invoices.view',
        'invoices.view:readonly', 'names.view']),
    ('nurse', ARRAY['invoices.view', 'invoices.update_data_sent']),
    ('viewer', ARRAY['transactions.view:readonly', 'invoices.view:readonly']),
    ('investor', ARRAY['analytics.view', 'reports.view'])
  ) AS stated (role, words)
 CROSS JOIN unnest(stated.words) AS word;
INSERT INTO mx.role_permissions (role, permission, is_implied) VALUES
    ('tenant_owner', 'invoices.update_data_sent', true),
    ('tenant_admin', 'invoices.update_data_sent', true),
    ('nurse', 'invoices.view:readonly', true);

CREATE TABLE mx.permission_implications (
    permission  text NOT NULL,
    implies     text NOT NULL,
    PRIMARY KEY (permission, implies)
);
INSERT INTO mx.permission_implications (permission, implies) VALUES
    ('transactions.view', 'transactions.view:readonly'),
    ('invoices.view', 'invoices.view:readonly'),
    ('invoices.manage', 'invoices.view'),
    ('invoices.manage', 'invoices.view:readonly'),
    ('invoices.manage', 'invoices.update_data_sent');

-- The roles that someone of a role may give, invite for and take away.
CREATE TABLE mx.role_gives (
    role   text NOT NULL,
    gives  text NOT NULL,
    PRIMARY KEY (role, gives)
);
INSERT INTO mx.role_gives (role, gives)
SELECT giving.role, word
  FROM (VALUES
    ('operator', ARRAY['tenant_owner', 'tenant_admin', 'clinic_staff', 'nurse', 'viewer', 'investor']),
    ('super_admin', ARRAY['tenant_owner', 'tenant_admin', 'clinic_staff', 'nurse', 'viewer', 'investor']),
    ('tenant_owner', ARRAY['tenant_admin', 'clinic_staff', 'nurse', 'viewer', 'investor']),
    ('tenant_admin', ARRAY['clinic_staff', 'nurse', 'viewer']),
    ('clinic_staff', ARRAY['viewer'])
  ) AS giving (role, words)
 CROSS JOIN unnest(giving.words) AS word;

-- The source document migrates its owners with one INSERT; a merchant whose configuration names nobody has no
-- owner to migrate, so its row is left out. A word that no role has is refused, and named.
CREATE FUNCTION mx.check_permission_row() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    IF TG_OP = 'INSERT' AND NEW.user_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT word INTO unknown
      FROM jsonb_path_query(NEW.permissions, '$.*[*]') AS element, LATERAL (SELECT element #>> '{}' AS word) AS named
     WHERE word NOT IN (SELECT known.permission FROM mx.role_permissions AS known WHERE known.role = 'super_admin')
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is no permission', to_json(left(unknown, 60)) USING ERRCODE = 'check_violation',
            HINT = (SELECT string_agg(known.permission, ', ' ORDER BY known.permission)
                      FROM mx.role_permissions AS known WHERE known.role = 'super_admin');
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER check_permission_row BEFORE INSERT OR UPDATE ON mx.user_tenant_permissions FOR EACH ROW
    EXECUTE FUNCTION mx.check_permission_row();

-- What a role allows with one person's overrides. A revocation wins over the role and over a grant; it takes
-- along what would imply the word, and the word's read-only form.
CREATE FUNCTION mx.permissions_of(role text, overrides jsonb) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    allowed text[];
BEGIN
    IF overrides IS NULL OR overrides = '{}' THEN
        SELECT array_agg(known.permission) INTO allowed
          FROM mx.role_permissions AS known WHERE known.role = permissions_of.role;
        RETURN coalesce(allowed, '{}');
    END IF;
    WITH revoked AS (
        SELECT jsonb_array_elements_text(coalesce(overrides -> 'revoke', '[]')) AS permission
    ), taken AS (
        SELECT permission FROM revoked
        UNION SELECT permission || ':readonly' FROM revoked
        UNION SELECT implying.permission
                FROM mx.permission_implications AS implying JOIN revoked ON revoked.permission = implying.implies
    ), kept AS (
        SELECT known.permission
          FROM mx.role_permissions AS known WHERE known.role = permissions_of.role AND NOT known.is_implied
        UNION SELECT jsonb_array_elements_text(coalesce(overrides -> 'grant', '[]'))
        EXCEPT SELECT permission FROM taken
    ), closed AS (
        SELECT permission FROM kept
        UNION SELECT implying.implies
                FROM mx.permission_implications AS implying JOIN kept USING (permission)
        EXCEPT SELECT permission FROM taken
    )
    SELECT array_agg(permission) INTO allowed FROM closed;
    RETURN coalesce(allowed, '{}');
END $$;

-- All that is known of a person at a merchant, in one look; no row where there is no such person.
CREATE FUNCTION mx.standing_of(person uuid, merchant bigint)
    RETURNS TABLE (at timestamptz, is_active boolean, platform_role text, owns_configuration boolean,
                   access_check text, role text, overrides jsonb, row_is_active boolean, expires_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT statement_timestamp(), known.is_active, known.platform_role,
           coalesce(config.user_id = known.id AND config.is_active, false),
           coalesce(config.access_check, 'permissions'),
           given.role, given.permissions, given.is_active, given.expires_at
      FROM mx.users AS known
      LEFT JOIN mx.mx_merchant_configs AS config ON config.merchant_id = merchant
      LEFT JOIN mx.user_tenant_permissions AS given ON given.merchant_id = merchant AND given.user_id = known.id
     WHERE known.id = person;
END $$;

-- The decision: the owner of the configuration first, then a permission row, else no row comes back. Where the
-- old check still rules at the merchant, only the owner of the configuration passes.
CREATE FUNCTION mx.access_of(person uuid, merchant bigint)
    RETURNS TABLE (role text, through text, permissions text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    standing record;
BEGIN
    SELECT * INTO standing FROM mx.standing_of(person, merchant);
    IF standing.is_active IS NOT TRUE THEN
        RETURN;
    ELSIF standing.platform_role = 'super_admin' THEN
        RETURN QUERY SELECT 'super_admin', 'platform', mx.permissions_of('super_admin', '{}');
    ELSIF standing.owns_configuration THEN
        RETURN QUERY SELECT 'tenant_owner', 'owner', mx.permissions_of('tenant_owner', '{}');
    ELSIF standing.access_check = 'permissions' AND standing.row_is_active
          AND coalesce(standing.expires_at > standing.at, true) THEN
        RETURN QUERY SELECT standing.role, 'permission', mx.permissions_of(standing.role, standing.overrides);
    END IF;
END $$;

-- Every merchant where a person may do anything.
CREATE FUNCTION mx.merchants_of(person uuid)
    RETURNS TABLE (merchant_id bigint, role text, through text, permissions text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT config.merchant_id, access.role, access.through, access.permissions
      FROM mx.mx_merchant_configs AS config
     CROSS JOIN LATERAL mx.access_of(person, config.merchant_id) AS access
     WHERE config.user_id = person
        OR EXISTS (SELECT FROM mx.user_tenant_permissions AS given
                    WHERE given.user_id = person AND given.merchant_id = config.merchant_id)
        OR EXISTS (SELECT FROM mx.users AS known WHERE known.id = person AND known.platform_role = 'super_admin')
     ORDER BY config.merchant_id;
END $$;

-- Who works in this transaction, as `Warehouse` set it: an id, the word operator, or nobody.
CREATE FUNCTION mx.current_person() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT CASE WHEN current_setting('mx.user_id', true) ~
                     '^(operator|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$'
                THEN current_setting('mx.user_id', true) END
$$;

-- Their role at a merchant; none for nobody, and none where they may do nothing.
CREATE FUNCTION mx.role_at(merchant bigint) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    person CONSTANT text := mx.current_person();
BEGIN
    IF person IS NULL OR person = 'operator' THEN
        RETURN person;
    END IF;
    RETURN (SELECT access.role FROM mx.access_of(person::uuid, merchant) AS access);
END $$;

-- Whether they may. Policies ask it as (SELECT mx.may(...)), so that it runs once a statement.
CREATE FUNCTION mx.may(permission text, merchant bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    person CONSTANT text := mx.current_person();
BEGIN
    IF person IS NULL THEN
        RETURN false;
    ELSIF person = 'operator' THEN
        RETURN EXISTS (SELECT FROM mx.role_permissions AS known
                        WHERE known.role = 'operator' AND known.permission = may.permission);
    END IF;
    RETURN coalesce((SELECT may.permission = ANY (access.permissions)
                       FROM mx.access_of(person::uuid, merchant) AS access), false);
END $$;

-- Whether they may give somebody this role with these overrides, or take it away: never to themselves, never
-- to the owner of the configuration, never more than they have.
CREATE FUNCTION mx.may_give(merchant bigint, receiver uuid, role text, overrides jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    person CONSTANT text := mx.current_person();
    giver record;
BEGIN
    IF person IS NULL THEN
        RETURN false;
    ELSIF person = 'operator' THEN
        RETURN true;
    END IF;
    SELECT * INTO giver FROM mx.access_of(person::uuid, merchant);
    IF giver.role = 'super_admin' THEN
        RETURN true;
    END IF;
    RETURN coalesce(
        'users.invite' = ANY (giver.permissions)
        AND receiver <> person::uuid
        AND NOT EXISTS (SELECT FROM mx.mx_merchant_configs AS config
                         WHERE config.merchant_id = merchant AND config.user_id = receiver)
        AND EXISTS (SELECT FROM mx.role_gives AS given
                     WHERE given.role = giver.role AND given.gives = may_give.role)
        AND (NOT jsonb_path_exists(overrides, '$.*[*]') OR 'users.manage' = ANY (giver.permissions))
        AND mx.permissions_of(role, overrides) <@ giver.permissions, false);
END $$;

-- Whether a person is, or was, one of the merchant's: by the configuration, or by a permission row.
CREATE FUNCTION mx.is_at_merchant(person uuid, merchant bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM mx.mx_merchant_configs AS config
                    WHERE config.merchant_id = merchant AND config.user_id = person)
        OR EXISTS (SELECT FROM mx.user_tenant_permissions AS given
                    WHERE given.merchant_id = merchant AND given.user_id = person);
END $$;

-- People: the application keeps them; nobody is deleted, only made inactive.
GRANT SELECT, INSERT, UPDATE ON mx.users, mx.user_tenant_permissions TO mx_app;
GRANT SELECT ON mx.role_permissions, mx.permission_implications, mx.role_gives TO mx_app;
GRANT SELECT ON mx.users, mx.user_tenant_permissions, mx.role_permissions, mx.permission_implications,
    mx.role_gives TO mx_backup;

GRANT EXECUTE ON FUNCTION mx.permissions_of(text, jsonb), mx.standing_of(uuid, bigint), mx.access_of(uuid, bigint),
    mx.merchants_of(uuid), mx.current_person(), mx.role_at(bigint), mx.may(text, bigint),
    mx.may_give(bigint, uuid, text, jsonb), mx.is_at_merchant(uuid, bigint) TO mx_app;

ALTER TABLE mx.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.users FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.users TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.users FOR SELECT TO mx_backup USING (true);
CREATE POLICY app_sees_people_of_this_merchant ON mx.users FOR SELECT TO mx_app USING (
    id::text = (SELECT mx.current_person())
    OR (SELECT mx.role_at(NULL)) IN ('operator', 'super_admin')
    OR ((SELECT mx.role_at((SELECT mx.current_merchant()))) IS NOT NULL
        AND mx.is_at_merchant(id, (SELECT mx.current_merchant()))));
CREATE POLICY app_adds ON mx.users FOR INSERT TO mx_app
    WITH CHECK ((SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'));
CREATE POLICY app_changes ON mx.users FOR UPDATE TO mx_app
    USING ((SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'))
    WITH CHECK ((SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'));

ALTER TABLE mx.user_tenant_permissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.user_tenant_permissions FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.user_tenant_permissions TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.user_tenant_permissions FOR SELECT TO mx_backup USING (true);
CREATE POLICY only_this_merchant ON mx.user_tenant_permissions AS RESTRICTIVE TO mx_loader, mx_app
    USING (merchant_id = (SELECT mx.current_merchant()))
    WITH CHECK (merchant_id = (SELECT mx.current_merchant()));
CREATE POLICY app_works ON mx.user_tenant_permissions TO mx_app USING (true) WITH CHECK (true);
CREATE POLICY app_reads_with_permission ON mx.user_tenant_permissions AS RESTRICTIVE FOR SELECT TO mx_app
    USING (user_id::text = (SELECT mx.current_person())
           OR (SELECT mx.may('users.invite', mx.current_merchant()))
           OR (SELECT mx.may('users.manage', mx.current_merchant())));
CREATE POLICY app_gives ON mx.user_tenant_permissions AS RESTRICTIVE FOR INSERT TO mx_app
    WITH CHECK (mx.may_give(merchant_id, user_id, role, permissions));
CREATE POLICY app_changes ON mx.user_tenant_permissions AS RESTRICTIVE FOR UPDATE TO mx_app
    USING (mx.may_give(merchant_id, user_id, role, permissions))
    WITH CHECK (mx.may_give(merchant_id, user_id, role, permissions));

-- Names: with the permission for names, and for the record that carries them.
CREATE POLICY app_works ON mx.payment_people FOR SELECT TO mx_app USING (true);
CREATE POLICY app_works ON mx.invoice_people FOR SELECT TO mx_app USING (true);
CREATE POLICY app_reads_names ON mx.payment_people AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.may('names.view', mx.current_merchant())));
CREATE POLICY app_reads_names ON mx.invoice_people AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.may('names.view', mx.current_merchant())));

DO $$
DECLARE
    guarded record;
BEGIN
    FOR guarded IN
        SELECT named.tables, named.permission
          FROM (VALUES
            (ARRAY['payments', 'payment_people', 'payment_history', 'payment_invoices', 'enriched_transactions',
                   'transaction_workflow'], 'transactions.view:readonly'),
            (ARRAY['invoice_documents', 'invoice_people', 'invoice_purchases', 'invoice_payments', 'invoice_map',
                   'invoice_workflow'], 'invoices.view:readonly')) AS named (tables, permission)
    LOOP
        FOR i IN 1 .. cardinality(guarded.tables) LOOP
            EXECUTE format(
                'CREATE POLICY app_reads_with_permission ON mx.%I AS RESTRICTIVE FOR SELECT TO mx_app
                     USING ((SELECT mx.may(%L, mx.current_merchant())))', guarded.tables[i], guarded.permission);
        END LOOP;
    END LOOP;

    -- What is no payment and no invoice, but tells of them: with either permission.
    FOR guarded IN
        SELECT unnest(ARRAY['sync_requests', 'sync_runs', 'sync_state', 'certificates', 'quarantine', 'api_usage',
                            'product_categories']) AS table_name
    LOOP
        EXECUTE format(
            'CREATE POLICY app_reads_with_permission ON mx.%I AS RESTRICTIVE FOR SELECT TO mx_app
                 USING ((SELECT mx.may(''transactions.view:readonly'', mx.current_merchant()))
                        OR (SELECT mx.may(''invoices.view:readonly'', mx.current_merchant())))', guarded.table_name);
    END LOOP;

    FOR guarded IN
        SELECT named.table_name, named.permission
          FROM (VALUES
            ('mx_merchant_configs', 'config.update'),
            ('sync_requests', 'sync.manual'),
            ('quarantine', 'sync.manual'),
            ('transaction_workflow', 'transactions.view'),
            ('product_categories', 'transactions.view'),
            ('invoice_workflow', 'invoices.update_data_sent')) AS named (table_name, permission)
    LOOP
        EXECUTE format(
            'CREATE POLICY app_adds_with_permission ON mx.%I AS RESTRICTIVE FOR INSERT TO mx_app
                 WITH CHECK ((SELECT mx.may(%L, mx.current_merchant())))', guarded.table_name, guarded.permission);
        EXECUTE format(
            'CREATE POLICY app_changes_with_permission ON mx.%I AS RESTRICTIVE FOR UPDATE TO mx_app
                 USING ((SELECT mx.may(%L, mx.current_merchant())))', guarded.table_name, guarded.permission);
    END LOOP;
END $$;

CREATE POLICY app_reads_with_permission ON mx.mx_merchant_configs AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.role_at(mx.current_merchant())) IS NOT NULL);
CREATE POLICY app_asks_in_emergency ON mx.sync_requests AS RESTRICTIVE FOR INSERT TO mx_app
    WITH CHECK (NOT emergency OR (SELECT mx.may('sync.emergency', mx.current_merchant())));
