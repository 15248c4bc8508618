-- The warehouse, as one page. The numbered migrations build exactly this (a test compares the two);
-- the schema mx and the roles are made before them, and mx_owner owns everything here.
--
-- Every tenant table starts its key with merchant_id; row-level security is enabled and forced on
-- all of them (section 9). Ids are MX Merchant's own. Money is exact. Instants are in UTC.

CREATE DOMAIN mx.exact_number AS numeric
    CHECK (VALUE > '-Infinity' AND VALUE < 'Infinity'); -- NaN sorts above Infinity, so it is refused too

-- 1. Merchants and people ----------------------------------------------------------------------

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

CREATE TABLE mx.mx_merchant_configs (
    merchant_id              bigint PRIMARY KEY CHECK (merchant_id > 0),
    id                       uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    name                     text NOT NULL,
    environment              text NOT NULL CHECK (environment IN ('sandbox', 'production')),
    timezone                 text NOT NULL,
    consumer_key             bytea NOT NULL,
    consumer_secret          bytea NOT NULL,
    sealing_key_id           text NOT NULL,
    user_id                  uuid REFERENCES mx.users,
    calls_in_flight          integer NOT NULL DEFAULT 16 CHECK (calls_in_flight BETWEEN 1 AND 64),
    calls_per_second         numeric CHECK (calls_per_second > 0),
    delay_seconds            numeric NOT NULL DEFAULT 0 CHECK (delay_seconds >= 0),
    calls_per_day            integer CHECK (calls_per_day > 0),
    is_active                boolean NOT NULL DEFAULT true,
    credentials_refused_at   timestamptz,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    interval_minutes         integer CHECK (interval_minutes BETWEEN 1 AND 10080), -- NULL: as the schedule says
    access_check             text NOT NULL DEFAULT 'permissions' CHECK (access_check IN ('owner', 'both', 'permissions'))
);

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

-- What a person may do at a merchant, in one look; none where they have no role there. The same decision as
-- `mx.access_of`; a test holds both to `access.py`.
CREATE FUNCTION mx.words_at(person text, merchant bigint) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    role_there text;
    overrides jsonb;
    allowed text[];
BEGIN
    IF person = 'operator' THEN
        RETURN mx.permissions_of('operator', '{}');
    ELSIF person ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
        SELECT standing.role, standing.overrides,
               ARRAY(SELECT known.permission FROM mx.role_permissions AS known WHERE known.role = standing.role)
          INTO role_there, overrides, allowed
          FROM (SELECT CASE WHEN known.platform_role = 'super_admin' THEN 'super_admin'
                            WHEN config.user_id = known.id AND config.is_active THEN 'tenant_owner'
                            WHEN coalesce(config.access_check, 'permissions') = 'permissions' AND given.is_active
                                 AND coalesce(given.expires_at > statement_timestamp(), true) THEN given.role END
                           AS role,
                       CASE WHEN known.platform_role IS NULL
                                 AND (config.user_id = known.id AND config.is_active) IS NOT TRUE
                            THEN given.permissions END AS overrides
                  FROM mx.users AS known
                  LEFT JOIN mx.mx_merchant_configs AS config ON config.merchant_id = merchant
                  LEFT JOIN mx.user_tenant_permissions AS given
                    ON given.merchant_id = merchant AND given.user_id = known.id
                 WHERE known.id = person::uuid AND known.is_active
                OFFSET 0) AS standing; -- so that the role is decided once
    END IF;
    IF role_there IS NULL THEN
        RETURN NULL;
    ELSIF overrides IS NULL OR overrides = '{}' THEN
        RETURN allowed;
    END IF;
    RETURN mx.permissions_of(role_there, overrides);
END $$;

-- Whether they may. Policies ask it as (SELECT mx.may(...)), so that it runs once a statement.
CREATE FUNCTION mx.may(permission text, merchant bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN coalesce(permission = ANY (mx.words_at(current_setting('mx.user_id', true), merchant)), false);
END $$;

-- The application's transactions begin here: for a merchant and a person, until they end. What the person may read
-- there is decided now and stands in settings of its own, for to decide it for each table of each statement costs
-- a third of a read; what they may write is decided by each statement. Only policies for the application believe
-- these settings, and whoever has that login could as well set the person. Tells what the connection came with.
CREATE FUNCTION mx.enter(merchant text, person text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    came_with CONSTANT text := coalesce(current_setting('mx.merchant_id', true), '')
                               || coalesce(current_setting('mx.user_id', true), '');
    merchant_id CONSTANT text := CASE WHEN merchant ~ '^[1-9][0-9]{0,17}$' THEN merchant END;
    words CONSTANT text[] := mx.words_at(person, merchant_id::bigint);
    entered text;
BEGIN
    entered := concat(
        set_config('mx.merchant_id', merchant, true),
        set_config('mx.user_id', person, true),
        set_config('mx.may_enter', CASE WHEN words IS NOT NULL THEN merchant_id END, true),
        set_config('mx.may_read_payments',
                   CASE WHEN 'transactions.view:readonly' = ANY (words) THEN merchant_id END, true),
        set_config('mx.may_read_invoices',
                   CASE WHEN 'invoices.view:readonly' = ANY (words) THEN merchant_id END, true),
        set_config('mx.may_read_names', CASE WHEN 'names.view' = ANY (words) THEN merchant_id END, true));
    RETURN came_with;
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

-- A token is shown once; kept is the SHA-256 of its 256 random bits.
CREATE TABLE mx.user_tokens (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       uuid NOT NULL REFERENCES mx.users,
    secret_hash   bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    issued_by     text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    last_used_at  timestamptz
);
CREATE INDEX user_tokens_by_user ON mx.user_tokens (user_id);

-- A browser's session: kept is the SHA-256 of the 256 random bits in its cookie. One that was opened with a token ends
-- with that token.
CREATE TABLE mx.user_sessions (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid NOT NULL REFERENCES mx.users,
    secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    token_id     uuid REFERENCES mx.user_tokens,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    used_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX user_sessions_by_user ON mx.user_sessions (user_id);

-- A role that waits for the person to come with the secret that they were sent.
CREATE TABLE mx.invitations (
    merchant_id    bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    invitation_id  uuid NOT NULL DEFAULT gen_random_uuid(),
    email          text NOT NULL CHECK (length(email) <= 254 AND email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'),
    role           text NOT NULL CHECK (role IN
        ('tenant_owner', 'tenant_admin', 'clinic_staff', 'nurse', 'viewer', 'investor')),
    secret_hash    bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    invited_by     uuid REFERENCES mx.users,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    accepted_by    uuid REFERENCES mx.users,
    accepted_at    timestamptz,
    PRIMARY KEY (merchant_id, invitation_id)
);
CREATE INDEX invitations_by_id ON mx.invitations (invitation_id);

-- What is known of a token; whoever asks has it, and is not yet anybody.
CREATE FUNCTION mx.token_presented(token uuid)
    RETURNS TABLE (secret_hash bytea, user_id uuid, is_active boolean, is_expired boolean, is_revoked boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT kept.secret_hash, kept.user_id, person.is_active, kept.expires_at <= statement_timestamp(),
           kept.revoked_at IS NOT NULL
      FROM mx.user_tokens AS kept JOIN mx.users AS person ON person.id = kept.user_id
     WHERE kept.id = token;
END $$;

-- Once a minute is often enough to see which token is still in use.
CREATE FUNCTION mx.token_used(token uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
    UPDATE mx.user_tokens AS kept
       SET last_used_at = statement_timestamp()
     WHERE kept.id = token
       AND coalesce(kept.last_used_at < statement_timestamp() - interval '1 minute', true)
$$;

-- What is known of a session; whoever asks has its cookie, and is not yet anybody. Over after 15 minutes without a call.
CREATE FUNCTION mx.session_presented(session uuid)
    RETURNS TABLE (secret_hash bytea, user_id uuid, is_active boolean, is_over boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT kept.secret_hash, kept.user_id, person.is_active,
           kept.ended_at IS NOT NULL
           OR kept.expires_at <= statement_timestamp()
           OR kept.used_at <= statement_timestamp() - interval '15 minutes'
           OR coalesce(token.revoked_at IS NOT NULL OR token.expires_at <= statement_timestamp(), false)
      FROM mx.user_sessions AS kept
      JOIN mx.users AS person ON person.id = kept.user_id
      LEFT JOIN mx.user_tokens AS token ON token.id = kept.token_id
     WHERE kept.id = session;
END $$;

-- Twice a minute is often enough to tell when it was last used.
CREATE FUNCTION mx.session_used(session uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
    UPDATE mx.user_sessions AS kept
       SET used_at = statement_timestamp()
     WHERE kept.id = session AND kept.used_at < statement_timestamp() - interval '30 seconds'
$$;

-- The person whom an issuer means. Known by its subject; the first time by an address that the issuer has
-- verified, and from then on by the subject alone: an address may go to somebody else later.
CREATE FUNCTION mx.person_of_subject(token_issuer text, token_subject text, verified_email text)
    RETURNS TABLE (user_id uuid, is_active boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    UPDATE mx.users AS person
       SET issuer = token_issuer, subject = token_subject, updated_at = now()
     WHERE lower(person.email) = lower(verified_email) AND person.issuer IS NULL AND person.is_active
       AND NOT EXISTS (SELECT FROM mx.users AS known
                        WHERE known.issuer = token_issuer AND known.subject = token_subject);
    RETURN QUERY
    SELECT person.id, person.is_active
      FROM mx.users AS person
     WHERE person.issuer = token_issuer AND person.subject = token_subject;
END $$;

CREATE FUNCTION mx.invitation_presented(invitation uuid)
    RETURNS TABLE (merchant_id bigint, secret_hash bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT kept.merchant_id, kept.secret_hash FROM mx.invitations AS kept WHERE kept.invitation_id = invitation;
END $$;

-- Gives the invited person the role; the hash is that of the secret they came with. Nothing comes back where it
-- does not hold: used, expired, or whoever invited may not give the role any more.
CREATE FUNCTION mx.accept_invitation(invitation uuid, presented bytea)
    RETURNS TABLE (user_id uuid, merchant_id bigint, role text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    kept mx.invitations;
    person mx.users;
    had mx.user_tenant_permissions;
    was CONSTANT text := coalesce(current_setting('mx.user_id', true), '');
BEGIN
    SELECT * INTO kept FROM mx.invitations AS found
     WHERE found.invitation_id = invitation AND found.secret_hash = presented
       AND found.accepted_at IS NULL AND found.expires_at > statement_timestamp()
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO mx.users (email) VALUES (kept.email) ON CONFLICT (lower(email)) DO NOTHING;
    SELECT * INTO person FROM mx.users AS found WHERE lower(found.email) = lower(kept.email);
    SELECT * INTO had FROM mx.user_tenant_permissions AS found
     WHERE found.merchant_id = kept.merchant_id AND found.user_id = person.id;
    -- Decided as for whoever invited, as they stand today.
    PERFORM set_config('mx.user_id', coalesce(kept.invited_by::text, 'operator'), true);
    IF NOT person.is_active
       OR NOT mx.may_give(kept.merchant_id, person.id, kept.role, '{}')
       OR NOT (had.user_id IS NULL OR mx.may_give(kept.merchant_id, person.id, had.role, had.permissions)) THEN
        RAISE EXCEPTION 'this invitation does not hold any more' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('mx.user_id', was, true);
    INSERT INTO mx.user_tenant_permissions AS stored (merchant_id, user_id, role, granted_by)
    VALUES (kept.merchant_id, person.id, kept.role, kept.invited_by)
        ON CONFLICT ON CONSTRAINT user_tenant_permissions_pkey DO UPDATE
       SET role = excluded.role, permissions = '{}', granted_by = excluded.granted_by, granted_at = now(),
           expires_at = NULL, is_active = true;
    UPDATE mx.invitations AS used SET accepted_at = now(), accepted_by = person.id
     WHERE used.invitation_id = invitation;
    RETURN QUERY SELECT person.id, kept.merchant_id, kept.role;
END $$;

-- Everyone who may do anything at a merchant, or could once; for whoever manages its people.
CREATE FUNCTION mx.people_at(merchant bigint)
    RETURNS TABLE (user_id uuid, email text, display_name text, is_active boolean, role text, through text,
                   permissions text[], given_role text, given_active boolean, expires_at timestamptz,
                   granted_by uuid, granted_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    IF NOT mx.may('users.manage', merchant) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT person.id, person.email, person.display_name, person.is_active, access.role, access.through,
           access.permissions, given.role, given.is_active, given.expires_at, given.granted_by, given.granted_at
      FROM mx.users AS person
      LEFT JOIN mx.user_tenant_permissions AS given ON given.merchant_id = merchant AND given.user_id = person.id
      LEFT JOIN LATERAL mx.access_of(person.id, merchant) AS access ON true
     WHERE given.user_id IS NOT NULL OR person.platform_role IS NOT NULL
        OR EXISTS (SELECT FROM mx.mx_merchant_configs AS config
                    WHERE config.merchant_id = merchant AND config.user_id = person.id)
     ORDER BY access.role IS NULL, person.email;
END $$;

-- 2. Payments ----------------------------------------------------------------------------------

CREATE TABLE mx.payments (
    merchant_id          bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    mx_payment_id        bigint NOT NULL CHECK (mx_payment_id > 0),
    created              timestamptz NOT NULL,
    amount               mx.exact_number NOT NULL,
    status               text NOT NULL,
    type                 text,
    source               text,
    tender_type          text,
    invoice_reference    text,
    invoice_number       bigint GENERATED ALWAYS AS
        (CASE WHEN invoice_reference ~ '^[0-9]{1,18}$' THEN invoice_reference::bigint END) STORED,
    invoice_ids          bigint[],
    original_payment_id  bigint,
    refunded_amount      mx.exact_number,
    settled_amount       mx.exact_number,
    surcharge_amount     mx.exact_number,
    tax_amount           mx.exact_number,
    payload              jsonb NOT NULL,
    detail               jsonb,
    list_hash            bigint,
    detail_hash          bigint,
    first_seen_at        timestamptz NOT NULL DEFAULT now(),
    observed_at          timestamptz NOT NULL,
    detail_observed_at   timestamptz,
    changed_at           timestamptz NOT NULL DEFAULT now(),
    vanished_at          timestamptz,
    PRIMARY KEY (merchant_id, mx_payment_id)
);
CREATE INDEX payments_newest_first ON mx.payments (merchant_id, created DESC, mx_payment_id DESC);
CREATE INDEX payments_by_number ON mx.payments (merchant_id, invoice_number) WHERE invoice_number IS NOT NULL;
CREATE INDEX payments_by_original ON mx.payments (merchant_id, original_payment_id)
    WHERE original_payment_id IS NOT NULL;
CREATE INDEX payments_changed ON mx.payments (merchant_id, changed_at);

CREATE TABLE mx.payment_people (
    merchant_id    bigint NOT NULL,
    mx_payment_id  bigint NOT NULL,
    customer_name  text,
    customer_code  text,
    PRIMARY KEY (merchant_id, mx_payment_id),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments ON DELETE CASCADE
);

CREATE TABLE mx.payment_history (
    merchant_id             bigint NOT NULL,
    mx_payment_id           bigint NOT NULL,
    change_id               bigint GENERATED ALWAYS AS IDENTITY,
    changed_at              timestamptz NOT NULL DEFAULT now(),
    observed_at             timestamptz NOT NULL,
    amount_before           mx.exact_number NOT NULL,
    amount                  mx.exact_number NOT NULL,
    status_before           text NOT NULL,
    status                  text NOT NULL,
    refunded_amount_before  mx.exact_number,
    refunded_amount         mx.exact_number,
    settled_amount_before   mx.exact_number,
    settled_amount          mx.exact_number,
    PRIMARY KEY (merchant_id, mx_payment_id, change_id),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments ON DELETE CASCADE
);

-- Once a statement: row by row, it took a third of what a page of changed payments costs. Joined by a nested loop, which
-- is what a plan made for a few rows and kept would do, a page of 1,000 is a million comparisons.
CREATE FUNCTION mx.keep_payment_history() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO mx.payment_history
           (merchant_id, mx_payment_id, observed_at, amount_before, amount, status_before, status,
            refunded_amount_before, refunded_amount, settled_amount_before, settled_amount)
    SELECT merchant_id, mx_payment_id, after.observed_at, before.amount, after.amount, before.status, after.status,
           before.refunded_amount, after.refunded_amount, before.settled_amount, after.settled_amount
      FROM after
      JOIN before USING (merchant_id, mx_payment_id)
     WHERE (before.amount, before.status, before.refunded_amount, before.settled_amount)
           IS DISTINCT FROM (after.amount, after.status, after.refunded_amount, after.settled_amount);
    RETURN NULL;
END $$;

CREATE TRIGGER payment_history AFTER UPDATE ON mx.payments
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mx.keep_payment_history();

-- 3. Invoices ----------------------------------------------------------------------------------

CREATE TABLE mx.invoice_documents (
    merchant_id         bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    mx_invoice_id       bigint NOT NULL CHECK (mx_invoice_id > 0),
    invoice_number      bigint NOT NULL,
    status              text,
    type                text,
    receipt_number      text,
    total_amount        mx.exact_number,
    subtotal_amount     mx.exact_number,
    discount_amount     mx.exact_number,
    tax_amount          mx.exact_number,
    balance             mx.exact_number,
    paid_amount         mx.exact_number,
    quantity            mx.exact_number,
    return_quantity     mx.exact_number,
    return_status       text,
    invoice_date        timestamptz,
    due_date            timestamptz,
    api_created         timestamptz,
    source_type         text,
    terms               text,
    currency            text,
    is_tax_exempt       boolean,
    raw_data            jsonb,
    list_hash           bigint,
    detail_hash         bigint,
    listed_total        mx.exact_number,
    listed_quantity     mx.exact_number,
    detail_of_total     mx.exact_number,
    detail_of_quantity  mx.exact_number,
    first_seen_at       timestamptz NOT NULL DEFAULT now(),
    observed_at         timestamptz NOT NULL,
    detail_observed_at  timestamptz,
    changed_at          timestamptz NOT NULL DEFAULT now(),
    vanished_at         timestamptz,
    PRIMARY KEY (merchant_id, mx_invoice_id)
);
CREATE INDEX invoice_documents_by_number ON mx.invoice_documents (merchant_id, invoice_number);
CREATE INDEX invoice_documents_changed ON mx.invoice_documents (merchant_id, changed_at);

CREATE TABLE mx.invoice_people (
    merchant_id      bigint NOT NULL,
    mx_invoice_id    bigint NOT NULL,
    customer_id      bigint,
    customer_name    text,
    customer_number  text,
    memo             text,
    PRIMARY KEY (merchant_id, mx_invoice_id),
    FOREIGN KEY (merchant_id, mx_invoice_id) REFERENCES mx.invoice_documents ON DELETE CASCADE
);

CREATE TABLE mx.invoice_purchases (
    merchant_id            bigint NOT NULL,
    mx_invoice_id          bigint NOT NULL,
    line                   integer NOT NULL CHECK (line > 0),
    mx_purchase_id         bigint,
    product_id             bigint,
    product_name           text,
    description            text,
    quantity               mx.exact_number,
    quantity_returned      mx.exact_number,
    price                  mx.exact_number,
    discount_amount        mx.exact_number,
    price_discount_amount  mx.exact_number,
    subtotal_amount        mx.exact_number,
    tax_amount             mx.exact_number,
    total_amount           mx.exact_number,
    api_created            timestamptz,
    PRIMARY KEY (merchant_id, mx_invoice_id, line),
    FOREIGN KEY (merchant_id, mx_invoice_id) REFERENCES mx.invoice_documents ON DELETE CASCADE
);

CREATE TABLE mx.invoice_payments (
    merchant_id    bigint NOT NULL,
    mx_payment_id  bigint NOT NULL,
    mx_invoice_id  bigint NOT NULL,
    PRIMARY KEY (merchant_id, mx_payment_id, mx_invoice_id),
    FOREIGN KEY (merchant_id, mx_invoice_id) REFERENCES mx.invoice_documents ON DELETE CASCADE
);
CREATE INDEX invoice_payments_by_invoice ON mx.invoice_payments (merchant_id, mx_invoice_id);

CREATE TABLE mx.invoice_map (
    merchant_id     bigint NOT NULL,
    invoice_number  bigint NOT NULL,
    mx_invoice_id   bigint NOT NULL,
    PRIMARY KEY (merchant_id, invoice_number, mx_invoice_id),
    FOREIGN KEY (merchant_id, mx_invoice_id) REFERENCES mx.invoice_documents ON DELETE CASCADE
);
CREATE INDEX invoice_map_by_invoice ON mx.invoice_map (merchant_id, mx_invoice_id);

CREATE TABLE mx.invoice_map_misses (
    merchant_id     bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    invoice_number  bigint NOT NULL,
    record_count    bigint NOT NULL,
    sought_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, invoice_number)
);

-- Plans are kept for as long as the session: those of functions, and those by which foreign keys are looked up. Made
-- on empty tables, where every index that begins with the merchant costs the same, they may read all of the merchant's
-- rows for each row. So they are made anew whenever one of the tables has doubled (then the product has); how large they
-- were then is remembered with the plans, in the session.
CREATE FUNCTION mx.plan_for_size() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    size CONSTANT double precision :=
        (8192.0 + pg_relation_size('mx.payments')) * (8192.0 + pg_relation_size('mx.invoice_documents'));
BEGIN
    IF size > 2 * coalesce(nullif(current_setting('mx_plans.size', true), ''), '0')::double precision THEN
        EXECUTE 'DISCARD PLANS';
        PERFORM set_config('mx_plans.size', size::text, false);
    END IF;
END $$;

-- Invoices asked for alone: their product lines and the payments that they name, in one round trip. The detail
-- never tells the customer's number, the currency or the tax amount, so the list's stay. An element of `news` has
-- `told`, the record; `sent`, its product lines as they came; `hash` and `observed_at`.
--
-- A function, because batches are small: parsing and planning the statement took longer than running it.
CREATE FUNCTION mx.merge_invoice_details(merchant bigint, news jsonb, OUT inserted bigint, OUT updated bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM mx.plan_for_size();
    WITH page AS MATERIALIZED (
        SELECT invoice.*, detail.hash, detail.observed_at,
               (detail.told #>> '{customer,id}')::bigint AS customer_id,
               coalesce(detail.told #>> '{customer,name}', detail.told ->> 'customerName') AS customer_name,
               -- Its `raw_data` contains no person.
               (detail.told - '{customer,customerName,customerNumber,memo,purchases,payments}'::text[])
                   || jsonb_build_object('purchases', detail.sent) AS raw_data
          FROM jsonb_to_recordset(news) AS detail (told jsonb, sent jsonb, hash bigint, observed_at timestamptz),
               jsonb_to_record(detail.told) AS invoice (
               id bigint, "invoiceNumber" bigint, status text, type text, "receiptNumber" text,
               "totalAmount" numeric, "subTotalAmount" numeric, "discountAmount" numeric, "taxAmount" numeric,
               balance numeric, "paidAmount" numeric, quantity numeric, "returnQuantity" numeric,
               "returnStatus" text, "invoiceDate" timestamptz, "dueDate" timestamptz, created timestamptz,
               "sourceType" text, terms text, currency text, "isTaxExempt" boolean, memo text, purchases jsonb,
               payments jsonb)
    ), read_before AS MATERIALIZED (
        SELECT page.id
          FROM page
          JOIN LATERAL (SELECT detail_observed_at
                          FROM mx.invoice_documents AS stored
                         WHERE stored.merchant_id = merchant AND stored.mx_invoice_id = page.id
                        OFFSET 0) AS stored ON stored.detail_observed_at IS NOT NULL
    ), merged AS (
        INSERT INTO mx.invoice_documents AS stored
               (merchant_id, mx_invoice_id, invoice_number, status, type, receipt_number, total_amount,
                subtotal_amount, discount_amount, tax_amount, balance, paid_amount, quantity, return_quantity,
                return_status, invoice_date, due_date, api_created, source_type, terms, currency, is_tax_exempt,
                raw_data, detail_hash, detail_of_total, detail_of_quantity, observed_at, detail_observed_at)
        SELECT merchant, id, "invoiceNumber", status, type, "receiptNumber", "totalAmount", "subTotalAmount",
               "discountAmount", "taxAmount", balance, "paidAmount", quantity, "returnQuantity", "returnStatus",
               "invoiceDate", "dueDate", created, "sourceType", terms, currency, "isTaxExempt",
               raw_data, hash, "totalAmount", quantity, observed_at, observed_at
          FROM page
         ORDER BY id
            ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
           SET invoice_number = excluded.invoice_number,
               status = excluded.status,
               type = excluded.type,
               receipt_number = excluded.receipt_number,
               total_amount = excluded.total_amount,
               subtotal_amount = excluded.subtotal_amount,
               discount_amount = excluded.discount_amount,
               tax_amount = coalesce(excluded.tax_amount, stored.tax_amount),
               balance = excluded.balance,
               paid_amount = excluded.paid_amount,
               quantity = excluded.quantity,
               return_quantity = excluded.return_quantity,
               return_status = excluded.return_status,
               invoice_date = excluded.invoice_date,
               due_date = excluded.due_date,
               api_created = excluded.api_created,
               source_type = excluded.source_type,
               terms = excluded.terms,
               currency = coalesce(excluded.currency, stored.currency),
               is_tax_exempt = excluded.is_tax_exempt,
               raw_data = excluded.raw_data,
               detail_hash = excluded.detail_hash,
               detail_of_total = coalesce(stored.listed_total, excluded.detail_of_total),
               detail_of_quantity = coalesce(stored.listed_quantity, excluded.detail_of_quantity),
               observed_at = excluded.observed_at,
               detail_observed_at = excluded.detail_observed_at,
               vanished_at = NULL,
               changed_at = now()
         WHERE stored.observed_at <= excluded.observed_at
        RETURNING stored.mx_invoice_id, (stored.first_seen_at = now()) AS is_new
    ), fresh AS (
        SELECT page.* FROM page JOIN merged ON merged.mx_invoice_id = page.id
    ), mapped AS (
        INSERT INTO mx.invoice_map (merchant_id, invoice_number, mx_invoice_id)
        SELECT merchant, "invoiceNumber", id
          FROM fresh
         ORDER BY "invoiceNumber", id
            ON CONFLICT DO NOTHING
    ), people AS (
        INSERT INTO mx.invoice_people AS stored (merchant_id, mx_invoice_id, customer_id, customer_name, memo)
        SELECT merchant, id, customer_id, customer_name, memo
          FROM fresh
         ORDER BY id
            ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
           SET customer_id = coalesce(excluded.customer_id, stored.customer_id),
               customer_name = coalesce(excluded.customer_name, stored.customer_name),
               memo = excluded.memo
    ), kept_lines AS (
        INSERT INTO mx.invoice_purchases AS stored
               (merchant_id, mx_invoice_id, mx_purchase_id, product_id, product_name, description, quantity,
                quantity_returned, price, discount_amount, price_discount_amount, subtotal_amount, tax_amount,
                total_amount, api_created, line)
        SELECT merchant, fresh.id, line.*
          FROM fresh,
               ROWS FROM (jsonb_to_recordset(fresh.purchases) AS (
                   id bigint, "productId" bigint, "productName" text, description text, quantity numeric,
                   "quantityReturned" numeric, price numeric, "discountAmount" numeric,
                   "priceDiscountAmount" numeric, "subTotalAmount" numeric, "taxAmount" numeric,
                   "totalAmount" numeric, created timestamptz)) WITH ORDINALITY AS line
            ON CONFLICT (merchant_id, mx_invoice_id, line) DO UPDATE
           SET mx_purchase_id = excluded.mx_purchase_id,
               product_id = excluded.product_id,
               product_name = excluded.product_name,
               description = excluded.description,
               quantity = excluded.quantity,
               quantity_returned = excluded.quantity_returned,
               price = excluded.price,
               discount_amount = excluded.discount_amount,
               price_discount_amount = excluded.price_discount_amount,
               subtotal_amount = excluded.subtotal_amount,
               tax_amount = excluded.tax_amount,
               total_amount = excluded.total_amount,
               api_created = excluded.api_created
    ), dropped_lines AS (
        DELETE FROM mx.invoice_purchases AS stored
         USING fresh
         WHERE stored.merchant_id = merchant
           AND stored.mx_invoice_id = ANY (ARRAY(SELECT id FROM read_before))
           AND stored.mx_invoice_id = fresh.id
           AND stored.line > coalesce(jsonb_array_length(fresh.purchases), 0)
    ), named_payments AS (
        INSERT INTO mx.invoice_payments (merchant_id, mx_payment_id, mx_invoice_id)
        SELECT DISTINCT merchant, payment.id, fresh.id
          FROM fresh, jsonb_to_recordset(fresh.payments) AS payment (id bigint)
            ON CONFLICT DO NOTHING
    ), unnamed_payments AS (
        DELETE FROM mx.invoice_payments AS stored
         USING fresh
         WHERE stored.merchant_id = merchant
           AND stored.mx_invoice_id = ANY (ARRAY(SELECT id FROM read_before))
           AND stored.mx_invoice_id = fresh.id
           AND NOT coalesce(fresh.payments @> jsonb_build_array(jsonb_build_object('id', stored.mx_payment_id)), false)
    )
    SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new)
      INTO inserted, updated
      FROM merged;
END $$;

-- 4. What is derived: dropped and rebuilt bit for bit, without a call ---------------------------

-- What an all-digit reference is worth as evidence. It only proposes. The invoice is worth reading where
-- MX itself wrote the number (Recurring, Invoice) and one invoice alone carries it. It suffices where,
-- besides, the amount less surcharge fits, the invoice's own payments do not speak against it, and the
-- payment's detail, if it was asked, did not leave it out. A return carries the number of what it gave back:
-- its amount need not fit, and it suffices where MX wrote the number in all that may be that. QuickPay makes
-- references up, so there a number is never looked at, and a return of it says source Invoice all the same.
CREATE VIEW mx.number_evidence WITH (security_invoker = true) AS
SELECT payment.merchant_id,
       payment.mx_payment_id,
       proposal.mx_invoice_id,
       proposal.candidates,
       proposal.is_worth_reading,
       coalesce(
           proposal.is_worth_reading
           AND ((payment.type = 'Return'
                 AND (SELECT bool_and(original.source IN ('Recurring', 'Invoice'))
                        FROM mx.payments AS original
                       WHERE original.merchant_id = payment.merchant_id
                         AND original.invoice_number = payment.invoice_number
                         AND original.type IS DISTINCT FROM 'Return'))
                OR (payment.type IS DISTINCT FROM 'Return'
                    AND payment.detail_observed_at IS NULL
                    AND (invoice.total_amount = payment.amount - coalesce(payment.surcharge_amount, 0)
                         OR (payment.status IN ('Approved', 'Settled')
                             AND invoice.paid_amount =
                                 (SELECT sum(part.amount - coalesce(part.surcharge_amount, 0))
                                    FROM mx.payments AS part
                                   WHERE part.merchant_id = payment.merchant_id
                                     AND part.invoice_number = payment.invoice_number
                                     AND part.source IN ('Recurring', 'Invoice')
                                     AND part.status IN ('Approved', 'Settled')
                                     AND part.type IS DISTINCT FROM 'Return')))
                    AND NOT (payment.status IN ('Approved', 'Settled')
                             AND payment.created < invoice.detail_observed_at
                             AND EXISTS (SELECT FROM mx.invoice_payments AS other
                                          WHERE other.merchant_id = payment.merchant_id
                                            AND other.mx_invoice_id = proposal.mx_invoice_id)
                             AND NOT EXISTS (SELECT FROM mx.invoice_payments AS named
                                              WHERE named.merchant_id = payment.merchant_id
                                                AND named.mx_invoice_id = proposal.mx_invoice_id
                                                AND named.mx_payment_id = payment.mx_payment_id)))),
           false) AS suffices
  FROM mx.payments AS payment
 CROSS JOIN LATERAL (SELECT count(*) AS candidates,
                            min(map.mx_invoice_id) AS mx_invoice_id,
                            coalesce(count(*) = 1
                                     AND payment.source IN ('Recurring', 'Invoice')
                                     AND payment.invoice_reference = payment.invoice_number::text, false)
                                AS is_worth_reading
                       FROM mx.invoice_map AS map
                      WHERE map.merchant_id = payment.merchant_id
                        AND map.invoice_number = payment.invoice_number) AS proposal
  LEFT JOIN mx.invoice_documents AS invoice
    ON invoice.merchant_id = payment.merchant_id AND invoice.mx_invoice_id = proposal.mx_invoice_id
 WHERE payment.invoice_number IS NOT NULL
   AND payment.source IS DISTINCT FROM 'QuickPay';

CREATE TABLE mx.payment_invoices (
    merchant_id    bigint NOT NULL,
    mx_payment_id  bigint NOT NULL,
    position       integer NOT NULL CHECK (position > 0),
    mx_invoice_id  bigint NOT NULL,
    basis          text NOT NULL
        CHECK (basis IN ('invoice_ids', 'invoice_payments', 'original_payment', 'number')),
    PRIMARY KEY (merchant_id, mx_payment_id, position),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments ON DELETE CASCADE,
    FOREIGN KEY (merchant_id, mx_invoice_id) REFERENCES mx.invoice_documents ON DELETE CASCADE
);
CREATE INDEX payment_invoices_by_invoice ON mx.payment_invoices (merchant_id, mx_invoice_id);

CREATE TABLE mx.enriched_transactions (
    merchant_id       bigint NOT NULL,
    mx_payment_id     bigint NOT NULL,
    has_invoice       boolean NOT NULL,
    mx_invoice_id     bigint,
    link_basis        text,
    unlinked_reason   text,
    product_name      text,
    product_category  text,
    category_source   text,
    category_rule_id     integer,
    category_confidence  numeric,
    category_decided_by  text,
    category_decided_at  timestamptz,
    PRIMARY KEY (merchant_id, mx_payment_id),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments ON DELETE CASCADE,
    FOREIGN KEY (merchant_id, mx_invoice_id) REFERENCES mx.invoice_documents,
    CHECK (has_invoice = (mx_invoice_id IS NOT NULL)),
    CHECK (has_invoice = (link_basis IS NOT NULL)),
    CHECK (NOT (has_invoice AND unlinked_reason IS NOT NULL))
);
CREATE INDEX enriched_transactions_by_invoice ON mx.enriched_transactions (merchant_id, mx_invoice_id);
CREATE INDEX enriched_transactions_unlinked ON mx.enriched_transactions (merchant_id, unlinked_reason)
    WHERE unlinked_reason IS NOT NULL;

CREATE TABLE mx.product_categories (
    merchant_id   bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    product_name  text NOT NULL,
    category      text NOT NULL,
    is_active     boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    made_by       text
);
CREATE UNIQUE INDEX product_categories_one_active ON mx.product_categories (merchant_id, product_name)
    WHERE is_active;

-- 5. What people write: no sync can undo it, for the loader has no grant ------------------------

CREATE TABLE mx.transaction_workflow (
    merchant_id              bigint NOT NULL,
    mx_payment_id            bigint NOT NULL,
    membership_status        text NOT NULL DEFAULT 'active',
    fulfillment_type         text,
    referral_source          text,
    google_review_submitted  boolean NOT NULL DEFAULT false,
    date_started             date,
    last_payment_date        date,
    next_billing_date        date,
    ordered_by_provider      boolean,
    ordered_by_provider_at   timestamptz,
    updated_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, mx_payment_id),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments
);

CREATE TABLE mx.invoice_workflow (
    merchant_id             bigint NOT NULL,
    mx_invoice_id           bigint NOT NULL,
    data_sent_status        text NOT NULL DEFAULT 'pending' CHECK (data_sent_status IN ('pending', 'yes', 'no')),
    data_sent_at            timestamptz,
    data_sent_notes         text,
    ordered_by_provider_at  timestamptz,
    updated_at              timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, mx_invoice_id),
    FOREIGN KEY (merchant_id, mx_invoice_id) REFERENCES mx.invoice_documents
);

-- 6. Who asked, what ran, what it proved --------------------------------------------------------

CREATE TABLE mx.sync_requests (
    merchant_id     bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    request_id      bigint GENERATED ALWAYS AS IDENTITY,
    asked_by        text NOT NULL,
    asked_through   text NOT NULL CHECK (asked_through IN ('command', 'dagster', 'api', 'webhook', 'schedule')),
    mode            text NOT NULL CHECK (mode IN ('incremental', 'latest', 'range', 'full', 'named')),
    latest          integer CHECK (latest BETWEEN 1 AND 1000),
    since           date,
    until           date,
    emergency       boolean NOT NULL DEFAULT false,
    reason          text,
    status          text NOT NULL DEFAULT 'asked' CHECK (status IN ('asked', 'claimed', 'joined', 'done')),
    attempt         integer NOT NULL DEFAULT 0,
    claimed_by      text,
    asked_at        timestamptz NOT NULL DEFAULT now(),
    launched_at     timestamptz,
    claimed_at      timestamptz,
    finished_at     timestamptz,
    run_id          bigint,
    outcome         text,
    message         text,
    lane            smallint NOT NULL DEFAULT 1 CHECK (lane BETWEEN 1 AND 3),
    joined_to       bigint,
    cancelled_by    text,
    dry_run         boolean NOT NULL DEFAULT false,
    waits_since     timestamptz NOT NULL DEFAULT now(),
    unanswered_at   timestamptz, -- since when it is known that nobody answers it
    correlation_id  text, -- of the call or the command that asked, as logs and transactions name it
    traceparent     text, -- the span of a trace in which it was asked
    PRIMARY KEY (merchant_id, request_id),
    CHECK ((mode = 'latest') = (latest IS NOT NULL)),
    CHECK ((mode = 'range') = (since IS NOT NULL OR until IS NOT NULL)),
    CHECK (since < until),
    CHECK (latest <= 100 OR (emergency AND reason <> '')),
    CHECK (status <> 'joined' OR joined_to IS NOT NULL),
    FOREIGN KEY (merchant_id, joined_to) REFERENCES mx.sync_requests
);
CREATE INDEX sync_requests_waiting ON mx.sync_requests (lane, asked_at) WHERE status = 'asked';
CREATE INDEX sync_requests_claimed ON mx.sync_requests (claimed_at) WHERE status = 'claimed';
CREATE INDEX sync_requests_joined ON mx.sync_requests (merchant_id, joined_to) WHERE status = 'joined';
CREATE INDEX sync_requests_open ON mx.sync_requests (merchant_id) WHERE status <> 'done';
CREATE INDEX sync_requests_cancelled ON mx.sync_requests (merchant_id)
    WHERE status = 'done' AND outcome = 'cancelled' AND launched_at IS NOT NULL;

-- The limits of a request, as the door says them in words (`warehouse/requests.py`): whoever gets past the door is
-- refused here. Days are the merchant's own.
CREATE FUNCTION mx.limit_request() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
DECLARE
    today date := (now() AT TIME ZONE coalesce((SELECT timezone FROM mx.mx_merchant_configs
                                                 WHERE merchant_id = NEW.merchant_id), 'UTC'))::date;
    refusal text := CASE
        WHEN NEW.latest > 100 AND NOT NEW.emergency THEN 'more than 100 payments are an emergency'
        WHEN NEW.emergency AND coalesce(NEW.reason, '') !~ '\S' THEN 'an emergency needs a reason'
        WHEN length(NEW.reason) > 1000 THEN 'a reason has at most 1000 characters'
        WHEN NEW.dry_run AND NEW.latest IS NULL THEN 'a dry run compares the newest payments: say how many'
        WHEN NEW.mode = 'range' AND NEW.since IS NULL THEN 'a range needs its first day'
        WHEN NEW.since > today THEN 'a range begins today at the latest'
        WHEN NEW.until > today + 31 THEN 'a range ends within a month from today'
        WHEN coalesce(NEW.until, today + 1) > NEW.since + interval '13 months' THEN 'a range has at most 13 months'
    END;
BEGIN
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%', refusal USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER limits BEFORE INSERT ON mx.sync_requests FOR EACH ROW EXECUTE FUNCTION mx.limit_request();

CREATE FUNCTION mx.keep_what_was_asked() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
BEGIN
    RAISE EXCEPTION 'what was asked stays as it was asked' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER stays_as_asked BEFORE UPDATE OF mode, latest, since, until, emergency, reason, dry_run
    ON mx.sync_requests FOR EACH ROW
    WHEN ((OLD.mode, OLD.latest, OLD.since, OLD.until, OLD.emergency, OLD.reason, OLD.dry_run)
          IS DISTINCT FROM (NEW.mode, NEW.latest, NEW.since, NEW.until, NEW.emergency, NEW.reason, NEW.dry_run))
    EXECUTE FUNCTION mx.keep_what_was_asked();

-- A request whose process was lost, or told to stop, waits anew: nobody is late yet.
CREATE FUNCTION mx.wait_anew() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
BEGIN
    NEW.waits_since := now();
    NEW.unanswered_at := NULL;
    RETURN NEW;
END $$;

CREATE TRIGGER waits_anew BEFORE UPDATE OF status ON mx.sync_requests FOR EACH ROW
    WHEN (NEW.status = 'asked' AND OLD.status <> 'asked') EXECUTE FUNCTION mx.wait_anew();

-- Workers listen. It rings and says nothing: notifications know no tenant.
CREATE FUNCTION mx.ring_for_requests() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
BEGIN
    PERFORM pg_notify('mx_sync_requests', '');
    RETURN NULL;
END $$;

CREATE TRIGGER ring AFTER INSERT OR UPDATE OF status ON mx.sync_requests FOR EACH ROW
    WHEN (NEW.status IN ('asked', 'done')) EXECUTE FUNCTION mx.ring_for_requests();

CREATE TABLE mx.sync_runs (
    merchant_id     bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    run_id          bigint GENERATED ALWAYS AS IDENTITY,
    request_id      bigint,
    dagster_run_id  text,
    mode            text NOT NULL,
    parameters      jsonb NOT NULL DEFAULT '{}',
    phase           text,
    outcome         text CHECK (outcome IN
        ('success', 'partial', 'failed', 'cancelled', 'rate_limited', 'auth_failed')),
    message         text,
    stats           jsonb,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    resumes_at      timestamptz, -- where it was rate_limited
    progress        jsonb NOT NULL DEFAULT '{}', -- by phase: what is committed, of what there is to do
    dry_run         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (merchant_id, run_id),
    FOREIGN KEY (merchant_id, request_id) REFERENCES mx.sync_requests
);
CREATE INDEX sync_runs_newest_first ON mx.sync_runs (merchant_id, started_at DESC);
CREATE INDEX sync_runs_open ON mx.sync_runs (merchant_id) WHERE finished_at IS NULL;
CREATE INDEX sync_runs_by_time ON mx.sync_runs USING brin (started_at) WITH (pages_per_range = 16);

CREATE TABLE mx.sync_state (
    merchant_id       bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    stream            text NOT NULL CHECK (stream IN ('payments', 'invoices', 'enriched_transactions')),
    run_id            bigint,
    position          bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    walk_open         boolean NOT NULL DEFAULT false,
    record_count      bigint,
    walked_at         timestamptz,
    daily_at          timestamptz,
    weekly_at         timestamptz,
    derived_through   timestamptz,
    completed_at      timestamptz,
    last_outcome      text,
    last_success_at   timestamptz,
    last_verdict      text,
    quarantined       bigint NOT NULL DEFAULT 0,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    resumes_at        timestamptz, -- where the last outcome is rate_limited
    open_each_sync    bigint, -- payments that may still change, by how often they are read again
    open_daily        bigint,
    open_weekly       bigint,
    monthly_at        timestamptz, -- read whole, with all its invoices
    changed_at        timestamptz, -- a sync brought something new
    PRIMARY KEY (merchant_id, stream)
);

-- Where in every period a merchant has its turn, from 0 to 1: numbers that follow each other lie far apart.
CREATE FUNCTION mx.place_of(merchant bigint) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN ((merchant % 2147483648) * 2654435761 % 4294967296) / 4294967296.0::double precision;
END $$;

-- How often a merchant is synced: as it says itself, or as often as it is worth. A busy one three times as often, a
-- quiet one less, and each at least once an hour.
CREATE FUNCTION mx.seconds_between_syncs(interval_minutes integer, changed_at timestamptz, open_each_sync bigint,
                                         minutes double precision, at timestamptz) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN 60 * CASE
        WHEN interval_minutes IS NOT NULL THEN interval_minutes
        WHEN changed_at > at - interval '1 hour' AND open_each_sync >= 350 THEN minutes / 3
        WHEN changed_at < at - interval '1 day' THEN greatest(minutes, least(minutes * 4, 60))
        WHEN changed_at < at - interval '4 hours' THEN greatest(minutes, least(minutes * 2, 60))
        ELSE minutes END;
END $$;

-- When the merchant's latest night was, of every so many: between 3 and 6 on its own clock, where no zone of its
-- customers changes from or to summer time. One whose zone this server does not know must not stop the others.
CREATE FUNCTION mx.last_night(merchant bigint, timezone text, nights integer, at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, mx AS $$
DECLARE
    place double precision := mx.place_of(merchant);
    hour interval := make_interval(secs => 10800 + floor(10800 * place));
    night date;
BEGIN
    BEGIN
        night := ((at AT TIME ZONE timezone) - hour)::date;
    EXCEPTION WHEN invalid_parameter_value THEN
        timezone := 'UTC';
        night := ((at AT TIME ZONE timezone) - hour)::date;
    END;
    night := night - (night - date '2000-01-03' + floor(place * 1009)::integer) % nights;
    RETURN (night + hour) AT TIME ZONE timezone;
END $$;

-- At most one sync of a merchant at a time. The token grows with every holder: whoever holds an older one
-- writes nothing any more. `batch` names the latest transaction: where the answer to a COMMIT was lost, it tells
-- whether that transaction has landed.
CREATE TABLE mx.sync_leases (
    merchant_id  bigint PRIMARY KEY REFERENCES mx.mx_merchant_configs,
    token        bigint NOT NULL DEFAULT 1,
    holder       text NOT NULL,
    batch        text,
    batch_before text,
    expires_at   timestamptz NOT NULL,
    stop         text
);

-- In the transaction of every write: until it ends, nobody takes the merchant over; an older token holds nothing,
-- and all is null. The batch is this transaction's name. It is there already where an earlier try was committed
-- after all. The merchant's own row is held as well: whoever pauses or removes it waits for this write, and none
-- comes after. What its sealed key looks like tells whether it was replaced; `stop`, that somebody wants this
-- sync to end. A function for its kept plan.
CREATE FUNCTION mx.hold_lease(merchant bigint, held_token bigint, this_batch text,
                              OUT has_landed boolean, OUT stop text, OUT is_active boolean,
                              OUT key_seen text)
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM mx.plan_for_size();
    SELECT is_active, md5(consumer_key || consumer_secret)
      INTO is_active, key_seen
      FROM mx.mx_merchant_configs
     WHERE merchant_id = merchant
       FOR SHARE;
    UPDATE mx.sync_leases
       SET batch_before = batch, batch = this_batch
     WHERE merchant_id = merchant AND token = held_token
    RETURNING batch_before IS NOT DISTINCT FROM batch, stop INTO has_landed, stop;
    is_active := coalesce(is_active, false);
END $$;

-- At which of these merchants there is such a payment, stored or in quarantine: for `trace`, which may be asked with
-- ten thousand. Each is entered as a transaction of its own would enter it, so policies hold and a person sees no more.
CREATE FUNCTION mx.merchants_having(payment bigint, merchants bigint[]) RETURNS SETOF bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
DECLARE
    person CONSTANT text := coalesce(current_setting('mx.user_id', true), '');
    merchant bigint;
BEGIN
    FOREACH merchant IN ARRAY merchants LOOP
        PERFORM mx.enter(merchant::text, person);
        IF EXISTS (SELECT FROM mx.payments AS stored
                    WHERE stored.merchant_id = merchant AND stored.mx_payment_id = payment)
           OR EXISTS (SELECT FROM mx.quarantine AS held
                       WHERE held.merchant_id = merchant AND held.mx_id = payment
                         AND held.stream IN ('payments', 'payment_details')) THEN
            RETURN NEXT merchant;
        END IF;
    END LOOP;
    PERFORM mx.enter('', person);
END $$;

-- How much an API key may be asked, shared by all processes that use it. The key itself is not here: it is
-- known by a keyed hash. Not a tenant's table; the loader alone reads it.
CREATE TABLE mx.credential_budgets (
    credential       text PRIMARY KEY,
    level            double precision NOT NULL,
    paused_until     timestamptz,
    failures         integer NOT NULL DEFAULT 0,
    opened_at        timestamptz,
    last_call_at     timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE mx.credential_users (
    credential  text NOT NULL REFERENCES mx.credential_budgets ON DELETE CASCADE,
    holder      text NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (credential, holder)
);

-- What operators were told, by the hash of what it was about, so that nobody is told the same twice; no data.
CREATE TABLE mx.alerts (
    subject_hash  bytea PRIMARY KEY CHECK (octet_length(subject_hash) = 32),
    told_at       timestamptz NOT NULL
);

-- How the last look of the canary ended, as one row; no data.
CREATE TABLE mx.canary (
    is_only       boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    is_well       boolean NOT NULL,
    ended_at      timestamptz NOT NULL,
    last_well_at  timestamptz
);

CREATE TABLE mx.certificates (
    merchant_id     bigint NOT NULL,
    certificate_id  bigint GENERATED ALWAYS AS IDENTITY,
    run_id          bigint NOT NULL,
    stream          text NOT NULL CHECK (stream IN ('payments', 'invoices')),
    scope           text NOT NULL,
    basis           text NOT NULL CHECK (basis IN ('count', 'enumerated')),
    verdict         text NOT NULL CHECK (verdict IN ('agrees', 'differs', 'unproven')),
    source_count    bigint,
    our_count       bigint NOT NULL,
    source_sum      mx.exact_number,
    our_sum         mx.exact_number,
    missing_ids     bigint[] NOT NULL DEFAULT '{}',
    surplus_ids     bigint[] NOT NULL DEFAULT '{}',
    note            text,
    made_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, certificate_id),
    FOREIGN KEY (merchant_id, run_id) REFERENCES mx.sync_runs ON DELETE CASCADE
);
CREATE INDEX certificates_newest_first ON mx.certificates (merchant_id, stream, made_at DESC);

CREATE TABLE mx.quarantine (
    merchant_id    bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    quarantine_id  bigint GENERATED ALWAYS AS IDENTITY,
    stream         text NOT NULL
        CHECK (stream IN ('payments', 'payment_details', 'invoices', 'invoice_details')),
    mx_id          bigint,
    reason         text NOT NULL,
    keys           text[] NOT NULL DEFAULT '{}',
    run_id         bigint,
    attempts       integer NOT NULL DEFAULT 1,
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    replay         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (merchant_id, quarantine_id),
    UNIQUE NULLS NOT DISTINCT (merchant_id, stream, mx_id, reason)
);
CREATE INDEX quarantine_held ON mx.quarantine (merchant_id, stream, mx_id) WHERE released_at IS NULL;

CREATE TABLE mx.api_usage (
    merchant_id  bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    run_id       bigint NOT NULL,
    endpoint     text NOT NULL,
    outcome      text NOT NULL,
    calls        bigint NOT NULL CHECK (calls >= 0),
    day          date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    PRIMARY KEY (merchant_id, run_id, endpoint, outcome, day)
);

-- Who did what: each merchant's events are a chain, those of the platform are chain 0. The trigger gives number,
-- time and hash; nobody changes or removes an entry, and whoever takes the triggers away is found by
-- `audit verify`. No foreign key: the chain outlives the merchant.
CREATE TABLE mx.audit_log (
    merchant_id    bigint NOT NULL CHECK (merchant_id >= 0),
    entry          bigint NOT NULL CHECK (entry > 0),
    at             timestamptz NOT NULL,
    actor          text NOT NULL CHECK (actor ~ '^(operator|user|login|process):.'),
    action         text NOT NULL CHECK (action IN (
        'sync.asked', 'sync.refused', 'sync.cancelled',
        'merchant.added', 'merchant.changed', 'merchant.paused', 'merchant.resumed', 'merchant.removed',
        'credential.used', 'credential.changed', 'keys.rotated',
        'user.added', 'user.changed', 'user.removed', 'user.invited', 'owner.changed',
        'permission.granted', 'permission.changed', 'permission.revoked',
        'access.refused', 'access.reviewed', 'access.disagreed', 'access.mode_changed',
        'login.granted', 'login.revoked', 'token.issued', 'token.revoked', 'session.opened', 'session.closed',
        'names.read', 'data.exported', 'workflow.changed', 'category.changed',
        'override.set', 'override.removed', 'quarantine.replayed',
        'webhook.added', 'webhook.removed', 'webhook.rejected', 'backup.made', 'backup.restored')),
    subject        text,
    detail         jsonb NOT NULL DEFAULT '{}',
    written_by     text NOT NULL,
    previous_hash  bytea NOT NULL,
    hash           bytea NOT NULL,
    PRIMARY KEY (merchant_id, entry)
);

-- Each field as its length in bytes, a colon and its text, or a dash where there is none: no two entries read
-- alike. warehouse/audit_chain.py writes the same, and so trusts no function of this database.
CREATE FUNCTION mx.audit_bytes(VARIADIC fields text[]) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT convert_to(string_agg(coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-'), ','
                                 ORDER BY place), 'UTF8')
      FROM unnest(fields) WITH ORDINALITY AS part (field, place)
$$;

CREATE FUNCTION mx.chain_audit_entry() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    -- Held to the end of the transaction, so an audited transaction is short, or records last.
    PERFORM pg_advisory_xact_lock(hashtextextended('mx.audit_log', NEW.merchant_id));
    SELECT entry + 1, hash INTO NEW.entry, NEW.previous_hash
      FROM mx.audit_log
     WHERE merchant_id = NEW.merchant_id
     ORDER BY entry DESC
     LIMIT 1;
    NEW.entry := coalesce(NEW.entry, 1);
    NEW.previous_hash := coalesce(NEW.previous_hash, sha256(''));
    NEW.at := clock_timestamp();
    NEW.written_by := session_user;
    NEW.hash := sha256(mx.audit_bytes(
        NEW.merchant_id::text, NEW.entry::text, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        NEW.actor, NEW.action, NEW.subject, NEW.detail::text, NEW.written_by, encode(NEW.previous_hash, 'hex')));
    RETURN NEW;
END $$;

CREATE FUNCTION mx.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER chain_entry BEFORE INSERT ON mx.audit_log FOR EACH ROW EXECUTE FUNCTION mx.chain_audit_entry();
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON mx.audit_log FOR EACH STATEMENT
    EXECUTE FUNCTION mx.refuse_audit_change();
-- Also where a session says that it only replicates.
ALTER TABLE mx.audit_log ENABLE ALWAYS TRIGGER chain_entry;
ALTER TABLE mx.audit_log ENABLE ALWAYS TRIGGER only_added_to;

-- People with SQL have a login role each. Which merchants a login reads stands here and nowhere else.
CREATE TABLE mx.sql_logins (
    merchant_id  bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    login        text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('analyst', 'investor')),
    sees_names   boolean NOT NULL DEFAULT false,
    granted_by   text NOT NULL,
    granted_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    is_active    boolean NOT NULL DEFAULT true,
    PRIMARY KEY (merchant_id, login),
    CHECK (kind = 'analyst' OR NOT sees_names)
);
CREATE INDEX sql_logins_by_login ON mx.sql_logins (login);

-- Decided by who logged in: `session_user` cannot be changed by SET ROLE or by any setting. Called once a
-- statement, as (SELECT ...), and each statement anew, so that what was taken away is gone at once.
CREATE FUNCTION mx.merchants_of_login(wanted text) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(merchant_id), '{}')
      FROM mx.sql_logins
     WHERE login = session_user
       AND is_active
       AND (expires_at IS NULL OR expires_at > statement_timestamp())
       AND CASE wanted WHEN 'data' THEN kind = 'analyst'
                       WHEN 'names' THEN kind = 'analyst' AND sees_names
                       WHEN 'figures' THEN kind = 'investor'
           END
$$;

-- Whose figures may be added up for whoever asks.
CREATE FUNCTION mx.merchants_with_figures() RETURNS bigint[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    person CONSTANT text := mx.current_person();
    wanted CONSTANT text[] := ARRAY['reports.view', 'analytics.view'];
BEGIN
    -- The person is a setting, so it is believed to the application alone.
    IF NOT pg_has_role(session_user, 'mx_app', 'MEMBER') THEN
        RETURN mx.merchants_of_login('figures');
    ELSIF person IS NULL THEN
        RETURN '{}';
    ELSIF person = 'operator' THEN
        RETURN (SELECT coalesce(array_agg(merchant_id), '{}')
                  FROM mx.mx_merchant_configs
                 WHERE mx.may('reports.view', merchant_id)
                   AND merchant_id = coalesce(mx.current_merchant(), merchant_id));
    END IF;
    RETURN (SELECT coalesce(array_agg(merchant_id), '{}')
              FROM mx.merchants_of(person::uuid)
             WHERE permissions && wanted
               AND merchant_id = coalesce(mx.current_merchant(), merchant_id));
END $$;

-- 7. What dashboards read: the names of the source document -------------------------------------

CREATE VIEW mx.transactions WITH (security_invoker = true) AS
SELECT md5('payment/' || payment.merchant_id || '/' || payment.mx_payment_id)::uuid AS id,
       payment.merchant_id,
       payment.mx_payment_id,
       payment.amount::numeric AS amount,
       payment.created AS transaction_date,
       payment.status,
       coalesce(payment.refunded_amount, 0)::numeric AS refunded_amount,
       coalesce(payment.settled_amount, 0)::numeric AS settled_amount,
       payment.invoice_number AS mx_invoice_number,
       payment.invoice_reference,
       enriched.mx_invoice_id,
       coalesce(enriched.has_invoice, false) AS has_invoice,
       CASE WHEN enriched.mx_invoice_id IS NOT NULL
            THEN md5('invoice/' || payment.merchant_id || '/' || enriched.mx_invoice_id)::uuid END AS invoice_id,
       enriched.link_basis,
       enriched.unlinked_reason,
       enriched.product_name,
       enriched.product_category,
       enriched.category_source,
       payment.source,
       payment.type AS transaction_type,
       payment.tender_type,
       person.customer_name,
       person.customer_code,
       payment.payload ->> 'clientReference' AS client_reference,
       payment.payload ->> 'reference' AS reference_number,
       payment.payload ->> 'authCode' AS auth_code,
       payment.payload ->> 'authMessage' AS auth_message,
       (payment.payload ->> 'responseCode')::bigint AS response_code,
       payment.payload #>> '{cardAccount,cardType}' AS card_type,
       payment.payload #>> '{cardAccount,last4}' AS card_last4,
       NULL::text AS card_token,
       payment.payload ->> 'currency' AS currency,
       payment.tax_amount::numeric AS tax_amount,
       payment.surcharge_amount::numeric AS surcharge_amount,
       payment.payload ->> 'surchargeLabel' AS surcharge_label,
       payment.payload ->> 'batch' AS batch,
       payment.original_payment_id,
       payment.observed_at AS synced_at,
       payment.payload AS raw_data,
       coalesce(workflow.membership_status, 'active') AS membership_status,
       workflow.fulfillment_type,
       workflow.referral_source,
       coalesce(workflow.google_review_submitted, false) AS google_review_submitted,
       workflow.date_started,
       workflow.last_payment_date,
       workflow.next_billing_date,
       workflow.ordered_by_provider,
       workflow.ordered_by_provider_at,
       payment.first_seen_at AS created_at,
       greatest(payment.changed_at, workflow.updated_at) AS updated_at
  FROM mx.payments AS payment
  LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.transaction_workflow AS workflow USING (merchant_id, mx_payment_id)
 WHERE payment.vanished_at IS NULL;

CREATE VIEW mx.invoices WITH (security_invoker = true) AS
SELECT md5('invoice/' || invoice.merchant_id || '/' || invoice.mx_invoice_id)::uuid AS id,
       invoice.merchant_id,
       invoice.mx_invoice_id,
       invoice.invoice_number,
       invoice.status,
       invoice.total_amount::numeric AS total_amount,
       invoice.subtotal_amount::numeric AS subtotal_amount,
       invoice.discount_amount::numeric AS discount_amount,
       invoice.tax_amount::numeric AS tax_amount,
       invoice.balance::numeric AS balance,
       invoice.paid_amount::numeric AS paid_amount,
       (invoice.invoice_date AT TIME ZONE merchant.timezone)::date AS invoice_date,
       (invoice.due_date AT TIME ZONE merchant.timezone)::date AS due_date,
       invoice.api_created,
       person.customer_id,
       person.customer_name,
       person.customer_number,
       person.memo,
       invoice.currency,
       invoice.receipt_number,
       invoice.quantity::numeric AS quantity,
       invoice.return_quantity::numeric AS return_quantity,
       invoice.return_status,
       invoice.source_type,
       invoice.type,
       invoice.terms,
       invoice.is_tax_exempt,
       invoice.raw_data,
       coalesce(workflow.data_sent_status, 'pending') AS data_sent_status,
       workflow.data_sent_at,
       workflow.data_sent_notes,
       workflow.ordered_by_provider_at,
       invoice.first_seen_at AS created_at,
       greatest(invoice.changed_at, workflow.updated_at) AS updated_at
  FROM mx.invoice_documents AS invoice
  LEFT JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
  LEFT JOIN mx.invoice_people AS person USING (merchant_id, mx_invoice_id)
  LEFT JOIN mx.invoice_workflow AS workflow USING (merchant_id, mx_invoice_id)
 WHERE invoice.vanished_at IS NULL;

-- Through the views people write workflow columns only; any other change is refused, not ignored.
CREATE FUNCTION mx.write_transaction_workflow() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
DECLARE
    writable CONSTANT text[] := ARRAY['membership_status', 'fulfillment_type', 'referral_source',
        'google_review_submitted', 'date_started', 'last_payment_date', 'next_billing_date',
        'ordered_by_provider', 'ordered_by_provider_at', 'updated_at'];
BEGIN
    IF to_jsonb(NEW) - writable IS DISTINCT FROM to_jsonb(OLD) - writable THEN
        RAISE EXCEPTION 'only workflow columns of mx.transactions can be written; the rest comes from MX Merchant'
            USING ERRCODE = 'feature_not_supported', HINT = array_to_string(writable, ', ');
    END IF;
    INSERT INTO mx.transaction_workflow AS stored
           (merchant_id, mx_payment_id, membership_status, fulfillment_type, referral_source,
            google_review_submitted, date_started, last_payment_date, next_billing_date,
            ordered_by_provider, ordered_by_provider_at)
    VALUES (NEW.merchant_id, NEW.mx_payment_id, NEW.membership_status, NEW.fulfillment_type, NEW.referral_source,
            NEW.google_review_submitted, NEW.date_started, NEW.last_payment_date, NEW.next_billing_date,
            NEW.ordered_by_provider, NEW.ordered_by_provider_at)
        ON CONFLICT (merchant_id, mx_payment_id) DO UPDATE
       SET membership_status = excluded.membership_status,
           fulfillment_type = excluded.fulfillment_type,
           referral_source = excluded.referral_source,
           google_review_submitted = excluded.google_review_submitted,
           date_started = excluded.date_started,
           last_payment_date = excluded.last_payment_date,
           next_billing_date = excluded.next_billing_date,
           ordered_by_provider = excluded.ordered_by_provider,
           ordered_by_provider_at = excluded.ordered_by_provider_at,
           updated_at = now();
    RETURN NEW;
END $$;

CREATE TRIGGER write_workflow INSTEAD OF UPDATE ON mx.transactions FOR EACH ROW
    EXECUTE FUNCTION mx.write_transaction_workflow();

CREATE FUNCTION mx.write_invoice_workflow() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
DECLARE
    writable CONSTANT text[] := ARRAY['data_sent_status', 'data_sent_at', 'data_sent_notes',
        'ordered_by_provider_at', 'updated_at'];
BEGIN
    IF to_jsonb(NEW) - writable IS DISTINCT FROM to_jsonb(OLD) - writable THEN
        RAISE EXCEPTION 'only workflow columns of mx.invoices can be written; the rest comes from MX Merchant'
            USING ERRCODE = 'feature_not_supported', HINT = array_to_string(writable, ', ');
    END IF;
    INSERT INTO mx.invoice_workflow AS stored
           (merchant_id, mx_invoice_id, data_sent_status, data_sent_at, data_sent_notes, ordered_by_provider_at)
    VALUES (NEW.merchant_id, NEW.mx_invoice_id, NEW.data_sent_status, NEW.data_sent_at, NEW.data_sent_notes,
            NEW.ordered_by_provider_at)
        ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
       SET data_sent_status = excluded.data_sent_status,
           data_sent_at = excluded.data_sent_at,
           data_sent_notes = excluded.data_sent_notes,
           ordered_by_provider_at = excluded.ordered_by_provider_at,
           updated_at = now();
    RETURN NEW;
END $$;

CREATE TRIGGER write_workflow INSTEAD OF UPDATE ON mx.invoices FOR EACH ROW
    EXECUTE FUNCTION mx.write_invoice_workflow();

-- Whoever may say that data were sent may write that, and nothing else about an invoice. Held here, on the table,
-- because the application may write it without the view.
CREATE FUNCTION mx.only_data_sent() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    before mx.invoice_workflow;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := OLD;
    ELSE
        -- The row may be there already: then INSERT ... ON CONFLICT goes on to change it.
        SELECT * INTO before
          FROM mx.invoice_workflow AS stored
         WHERE stored.merchant_id = NEW.merchant_id AND stored.mx_invoice_id = NEW.mx_invoice_id;
    END IF;
    IF NEW.ordered_by_provider_at IS DISTINCT FROM before.ordered_by_provider_at
       AND pg_has_role(current_user, 'mx_app', 'MEMBER') AND NOT pg_has_role(current_user, 'mx_owner', 'MEMBER')
       AND NOT mx.may('invoices.manage', NEW.merchant_id) THEN
        RAISE EXCEPTION 'of an invoice''s workflow this person may write data_sent_status, data_sent_at and data_sent_notes'
            USING ERRCODE = 'insufficient_privilege', HINT = 'the rest needs invoices.manage';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER only_data_sent BEFORE INSERT OR UPDATE ON mx.invoice_workflow FOR EACH ROW
    EXECUTE FUNCTION mx.only_data_sent();

-- What investors read: sums, of groups that hide everyone in them. The names of the views are investor_*, and
-- they are read with the rights of their owner, for their readers may not see a single payment.

-- Sales, refunds and declined payments of complete months, with whoever paid. A person is a name, where there is
-- one: two people of one name count as one, which is on the safe side.
CREATE VIEW mx.investor_payments WITH (security_barrier = true) AS
SELECT payment.merchant_id,
       payment.mx_payment_id,
       date_trunc('month', payment.created AT TIME ZONE merchant.timezone)::date AS month,
       CASE WHEN payment.status = 'Declined' THEN 'declined'
            WHEN payment.type = 'Return' OR payment.amount < 0 THEN 'refund'
            ELSE 'sale' END AS kind,
       abs(payment.amount)::numeric AS amount,
       coalesce(enriched.product_category, 'Without a product') AS category,
       coalesce(enriched.product_name, 'Without a product') AS product,
       CASE WHEN payment.source = 'Recurring' THEN coalesce(workflow.membership_status, 'active') END AS membership,
       payment.created,
       coalesce('name ' || nullif(lower(btrim(regexp_replace(person.customer_name, '\s+', ' ', 'g'))), ''),
                'name ' || nullif(lower(btrim(regexp_replace(billed.customer_name, '\s+', ' ', 'g'))), ''),
                'code ' || nullif(btrim(person.customer_code), ''),
                'id ' || billed.customer_id,
                'number ' || nullif(btrim(billed.customer_number), '')) AS customer
  FROM mx.payments AS payment
  JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
  LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.invoice_people AS billed
    ON billed.merchant_id = payment.merchant_id AND billed.mx_invoice_id = enriched.mx_invoice_id
  LEFT JOIN mx.transaction_workflow AS workflow
    ON workflow.merchant_id = payment.merchant_id AND workflow.mx_payment_id = payment.mx_payment_id
 WHERE payment.vanished_at IS NULL
   AND payment.status IN ('Approved', 'Settled', 'Declined')
   -- Money that was only set aside; the sale that takes it is a payment of its own.
   AND (payment.status = 'Declined' OR payment.type IS DISTINCT FROM 'Authorization')
   AND payment.created <
       date_trunc('month', now() AT TIME ZONE merchant.timezone) AT TIME ZONE merchant.timezone;

-- The sales, cut into cells that may be shown: each holds 5 customers or more, and none of them paid more than
-- three quarters of it. Every figure about sales that investors read is a sum of whole cells, and no sale is in
-- two of them: so whatever is added and subtracted, what comes out is whole cells, never a part of one.
--
-- A product (of a category and month), a category (of a month) and a month is a part of something greater. Parts
-- that may not be shown are put together as the rest. Where the rest may not be shown either, the smallest part
-- that may goes with it; and where even that does not suffice, nothing is shown but the whole.
CREATE VIEW mx.investor_cells WITH (security_barrier = true) AS
WITH sale AS MATERIALIZED (
    SELECT merchant_id, month, category, product, amount, customer,
           coalesce(customer, 'payment ' || mx_payment_id) AS payer
      FROM mx.investor_payments
     WHERE kind = 'sale'
), paid AS MATERIALIZED (
    SELECT merchant_id, month, whole, part, payer, customer, sum(amount) AS amount
      FROM sale
     CROSS JOIN LATERAL (VALUES ('category ' || category, 'product ' || product),
                                ('month', 'category ' || category),
                                ('all', 'month')) AS level (whole, part)
     GROUP BY merchant_id, month, whole, part, payer, customer
), part AS (
    SELECT merchant_id, month, whole, part, sum(amount) AS amount,
           count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount) AS is_safe
      FROM paid
     GROUP BY merchant_id, month, whole, part
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY merchant_id, month, whole, is_safe ORDER BY amount, part) AS place
      FROM part
), rest AS (
    SELECT merchant_id, month, whole, count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount) AS is_safe
      FROM (SELECT merchant_id, month, whole, payer, customer, sum(paid.amount) AS amount
              FROM paid
              JOIN part USING (merchant_id, month, whole, part)
             WHERE NOT part.is_safe
             GROUP BY merchant_id, month, whole, payer, customer) AS payer
     GROUP BY merchant_id, month, whole
), kept AS (
    SELECT merchant_id, month, whole, part,
           ranked.is_safe AND (coalesce(rest.is_safe, true) OR place > 1) AS is_kept
      FROM ranked
      LEFT JOIN rest USING (merchant_id, month, whole)
), greater_rest AS (
    SELECT merchant_id, month, whole, count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount) AS is_safe
      FROM (SELECT merchant_id, month, whole, payer, customer, sum(paid.amount) AS amount
              FROM paid
              JOIN kept USING (merchant_id, month, whole, part)
             WHERE NOT is_kept
             GROUP BY merchant_id, month, whole, payer, customer) AS payer
     GROUP BY merchant_id, month, whole
), shown AS (
    SELECT merchant_id, month, whole, part
      FROM kept
      LEFT JOIN greater_rest USING (merchant_id, month, whole)
     WHERE is_kept AND coalesce(greater_rest.is_safe, true)
)
SELECT sale.merchant_id,
       sale.month,
       coalesce(substr(category.part, 10), 'All other categories') AS product_category,
       CASE WHEN category.part IS NULL THEN 'All other products'
            ELSE coalesce(substr(product.part, 9), 'All other products') END AS product_name,
       sum(sale.amount) AS sales,
       count(*) AS payments
  FROM sale
  JOIN shown AS month
    ON month.merchant_id = sale.merchant_id AND month.month = sale.month AND month.whole = 'all'
  LEFT JOIN shown AS category
    ON category.merchant_id = sale.merchant_id AND category.month = sale.month
   AND category.whole = 'month' AND category.part = 'category ' || sale.category
  LEFT JOIN shown AS product
    ON product.merchant_id = sale.merchant_id AND product.month = sale.month
   AND product.whole = 'category ' || sale.category AND product.part = 'product ' || sale.product
 GROUP BY 1, 2, 3, 4;

CREATE VIEW mx.investor_revenue_by_month WITH (security_barrier = true) AS
SELECT merchant_id, month, sum(sales) AS revenue, sum(payments)::bigint AS payments,
       round(sum(sales) / sum(payments), 2) AS average_ticket
  FROM mx.investor_cells
 GROUP BY merchant_id, month;

CREATE VIEW mx.investor_revenue_by_category WITH (security_barrier = true) AS
SELECT merchant_id, month, product_category, sum(sales) AS revenue, sum(payments)::bigint AS payments,
       round(sum(sales) / sum(payments), 2) AS average_ticket
  FROM mx.investor_cells
 GROUP BY merchant_id, month, product_category;

CREATE VIEW mx.investor_revenue_by_product WITH (security_barrier = true) AS
SELECT merchant_id, month, product_category, product_name, sales AS revenue, payments,
       round(sales / payments, 2) AS average_ticket
  FROM mx.investor_cells;

-- Sales, refunds and declined payments share no payment, and no figure holds two of them.
CREATE VIEW mx.investor_payments_by_month WITH (security_barrier = true) AS
SELECT merchant_id, month, kind, sum(payments)::bigint AS payments, sum(amount) AS amount
  FROM (SELECT merchant_id, month, kind, customer, count(*) AS payments, sum(amount) AS amount
          FROM mx.investor_payments
         GROUP BY merchant_id, month, kind, customer, CASE WHEN customer IS NULL THEN mx_payment_id END) AS payer
 GROUP BY merchant_id, month, kind
HAVING count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount);

-- Each customer of a recurring payment is counted once, where the newest one stands.
CREATE VIEW mx.investor_memberships WITH (security_barrier = true) AS
WITH member AS (
    SELECT DISTINCT ON (merchant_id, customer) merchant_id, customer, membership
      FROM mx.investor_payments
     WHERE kind = 'sale' AND membership IS NOT NULL AND customer IS NOT NULL
     ORDER BY merchant_id, customer, created DESC, mx_payment_id DESC
), counted AS (
    SELECT merchant_id, membership, count(*) AS members, count(*) >= 5 AS is_safe
      FROM member
     GROUP BY merchant_id, membership
), ranked AS (
    SELECT merchant_id, membership, members, is_safe,
           row_number() OVER (PARTITION BY merchant_id, is_safe ORDER BY members, membership) AS place,
           sum(members) FILTER (WHERE NOT is_safe) OVER (PARTITION BY merchant_id) AS rest
      FROM counted
)
SELECT merchant_id,
       CASE WHEN is_safe AND (coalesce(rest, 5) >= 5 OR place > 1) THEN membership ELSE 'All others' END
           AS membership_status,
       sum(members)::bigint AS members
  FROM ranked
 GROUP BY 1, 2
HAVING sum(members) >= 5;

DO $$
DECLARE
    investor_view text;
BEGIN
    GRANT CREATE ON SCHEMA mx TO mx_aggregator;
    FOREACH investor_view IN ARRAY ARRAY['investor_payments', 'investor_cells', 'investor_revenue_by_month',
        'investor_revenue_by_category', 'investor_revenue_by_product', 'investor_payments_by_month',
        'investor_memberships']
    LOOP
        EXECUTE format('ALTER VIEW mx.%I OWNER TO mx_aggregator', investor_view);
    END LOOP;
    REVOKE CREATE ON SCHEMA mx FROM mx_aggregator;
END $$;

-- 8. Who may do what ----------------------------------------------------------------------------

GRANT USAGE ON SCHEMA mx TO mx_loader, mx_app, mx_dispatcher, mx_auditor, mx_backup;

-- The loader brings data in and nothing else: no workflow table, no category.
GRANT SELECT ON mx.mx_merchant_configs, mx.product_categories TO mx_loader;
GRANT UPDATE (credentials_refused_at) ON mx.mx_merchant_configs TO mx_loader;
GRANT SELECT, INSERT, UPDATE ON mx.payments, mx.payment_people, mx.invoice_documents, mx.invoice_people,
    mx.invoice_map, mx.sync_requests, mx.sync_runs, mx.sync_state, mx.quarantine, mx.api_usage TO mx_loader;
GRANT SELECT, INSERT ON mx.payment_history, mx.certificates TO mx_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON mx.sync_leases, mx.credential_budgets, mx.credential_users TO mx_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON mx.invoice_purchases, mx.invoice_payments, mx.invoice_map_misses,
    mx.payment_invoices, mx.enriched_transactions TO mx_loader;

-- The application serves people: it reads data, writes workflow and asks for syncs. It can replace a
-- merchant's sealed key and never read one.
GRANT SELECT (merchant_id, id, name, environment, timezone, user_id, calls_in_flight, calls_per_second,
              delay_seconds, calls_per_day, is_active, credentials_refused_at,
              created_at, updated_at, interval_minutes, access_check) ON mx.mx_merchant_configs TO mx_app;
GRANT INSERT, UPDATE ON mx.mx_merchant_configs TO mx_app;
GRANT SELECT ON mx.payments, mx.payment_people, mx.payment_history, mx.invoice_documents, mx.invoice_people,
    mx.invoice_purchases, mx.invoice_payments, mx.invoice_map, mx.payment_invoices, mx.enriched_transactions,
    mx.sync_runs, mx.sync_state, mx.certificates, mx.quarantine, mx.api_usage TO mx_app;
GRANT SELECT, INSERT, UPDATE ON mx.transaction_workflow, mx.invoice_workflow, mx.product_categories,
    mx.sync_requests TO mx_app;
GRANT UPDATE (replay) ON mx.quarantine TO mx_app;
GRANT SELECT, UPDATE ON mx.transactions, mx.invoices TO mx_app;
GRANT SELECT ON mx.number_evidence TO mx_loader, mx_app;

GRANT USAGE ON SCHEMA mx TO mx_analyst, mx_investor, mx_aggregator;
GRANT SELECT ON mx.sql_logins, mx.investor_payments, mx.investor_cells TO mx_backup;

-- People with SQL read their merchants' data. No key, request, quarantine, user or audit.
GRANT SELECT (merchant_id, name, environment, timezone, is_active, created_at) ON mx.mx_merchant_configs TO mx_analyst;
GRANT SELECT ON mx.payments, mx.payment_people, mx.payment_history, mx.invoice_documents, mx.invoice_people,
    mx.invoice_purchases, mx.invoice_payments, mx.invoice_map, mx.payment_invoices, mx.enriched_transactions,
    mx.product_categories, mx.transaction_workflow, mx.invoice_workflow, mx.sync_state, mx.certificates,
    mx.transactions, mx.invoices TO mx_analyst;

-- The owner of the investors' views reads what they add up; who reads them is decided by their merchants.
GRANT SELECT (merchant_id, timezone) ON mx.mx_merchant_configs TO mx_aggregator;
GRANT SELECT (merchant_id, mx_payment_id, created, amount, status, type, source, vanished_at) ON mx.payments
    TO mx_aggregator;
GRANT SELECT (merchant_id, mx_payment_id, mx_invoice_id, product_name, product_category)
    ON mx.enriched_transactions TO mx_aggregator;
GRANT SELECT ON mx.payment_people TO mx_aggregator;
GRANT SELECT (merchant_id, mx_invoice_id, customer_id, customer_name, customer_number) ON mx.invoice_people
    TO mx_aggregator;
GRANT SELECT (merchant_id, mx_payment_id, membership_status) ON mx.transaction_workflow TO mx_aggregator;
GRANT SELECT ON mx.investor_revenue_by_month, mx.investor_revenue_by_category, mx.investor_revenue_by_product,
    mx.investor_payments_by_month, mx.investor_memberships TO mx_investor, mx_app, mx_backup;
GRANT SELECT ON mx.sql_logins TO mx_app;
GRANT EXECUTE ON FUNCTION mx.merchants_of_login(text) TO mx_analyst;
GRANT EXECUTE ON FUNCTION mx.merchants_with_figures() TO mx_investor, mx_app;

-- The dispatcher sees every merchant's requests and freshness, and no data. It ends what a lost process left open.
GRANT SELECT (merchant_id, name, environment, timezone, is_active, credentials_refused_at, created_at,
              interval_minutes) ON mx.mx_merchant_configs TO mx_dispatcher;
-- People: the application keeps them; nobody is deleted, only made inactive.
GRANT SELECT, INSERT, UPDATE ON mx.users, mx.user_tenant_permissions TO mx_app;
GRANT SELECT ON mx.role_permissions, mx.permission_implications, mx.role_gives TO mx_app;
GRANT SELECT (id, user_id, issued_by, created_at, expires_at, revoked_at, last_used_at) ON mx.user_tokens TO mx_app;
GRANT INSERT, UPDATE (revoked_at) ON mx.user_tokens TO mx_app;
GRANT SELECT (id, user_id, token_id, opened_at, used_at, expires_at, ended_at) ON mx.user_sessions TO mx_app;
GRANT INSERT, DELETE, UPDATE (ended_at) ON mx.user_sessions TO mx_app;
GRANT SELECT ON mx.user_sessions TO mx_backup;
GRANT EXECUTE ON FUNCTION mx.session_presented(uuid), mx.session_used(uuid) TO mx_app;
GRANT SELECT (merchant_id, invitation_id, email, role, invited_by, created_at, expires_at, accepted_by, accepted_at)
    ON mx.invitations TO mx_app;
GRANT INSERT ON mx.invitations TO mx_app;

-- The dispatcher sees every merchant's requests and freshness, and no data.
GRANT SELECT (merchant_id, name, environment, timezone, is_active, credentials_refused_at, created_at)
    ON mx.mx_merchant_configs TO mx_dispatcher;
GRANT SELECT ON mx.sync_requests, mx.sync_runs, mx.sync_state TO mx_dispatcher;
GRANT SELECT (merchant_id, holder, expires_at) ON mx.sync_leases TO mx_dispatcher;
-- Whoever cancels a sync says so to the one that runs.
GRANT SELECT (merchant_id, holder), UPDATE (stop) ON mx.sync_leases TO mx_app;
GRANT UPDATE (attempt, launched_at, status, claimed_by, claimed_at, finished_at, outcome, message, run_id,
              unanswered_at) ON mx.sync_requests TO mx_dispatcher;
GRANT UPDATE (phase, finished_at, outcome, message) ON mx.sync_runs TO mx_dispatcher;
GRANT SELECT, INSERT, UPDATE, DELETE ON mx.alerts TO mx_dispatcher;
GRANT SELECT, INSERT, UPDATE ON mx.canary TO mx_dispatcher;
GRANT SELECT (level, paused_until, opened_at, last_call_at) ON mx.credential_budgets TO mx_dispatcher;

-- Whoever acts says what was done; number, time and hash are the trigger's. Only the auditor reads it all.
GRANT INSERT (merchant_id, actor, action, subject, detail) ON mx.audit_log TO mx_loader, mx_app;
GRANT SELECT ON mx.audit_log TO mx_auditor;

GRANT SELECT ON ALL TABLES IN SCHEMA mx TO mx_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA mx TO mx_backup;

-- 9. Tenants: a connection sees the merchant it was opened for; without one it sees nothing ------

-- The merchant that this transaction was opened for: none where none was set, or where what was set is no id.
-- It never raises: the text of an error would tell whoever guesses.
-- Not in plain SQL: that is parsed anew for each table of each statement.
CREATE FUNCTION mx.current_merchant() RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN CASE WHEN current_setting('mx.merchant_id', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mx.merchant_id', true)::bigint END;
END $$;

-- A function may be called by the roles it is granted to, and not by everyone.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA mx FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.current_merchant() TO mx_loader, mx_app;
GRANT EXECUTE ON FUNCTION mx.merge_invoice_details(bigint, jsonb), mx.hold_lease(bigint, bigint, text),
    mx.plan_for_size() TO mx_loader;
GRANT EXECUTE ON FUNCTION mx.merchants_having(bigint, bigint[]) TO mx_app;
GRANT EXECUTE ON FUNCTION mx.place_of(bigint), mx.last_night(bigint, text, integer, timestamptz),
    mx.seconds_between_syncs(integer, timestamptz, bigint, double precision, timestamptz)
    TO mx_loader, mx_app, mx_dispatcher;

-- The tenant is a restriction: whatever another policy permits, now or later, it holds. The merchant is asked
-- once a statement, by the (SELECT ...) around it.
DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'mx_merchant_configs', 'payments', 'payment_people', 'payment_history', 'invoice_documents',
        'invoice_people', 'invoice_purchases', 'invoice_payments', 'invoice_map', 'invoice_map_misses',
        'payment_invoices', 'enriched_transactions', 'product_categories', 'transaction_workflow',
        'invoice_workflow', 'sync_requests', 'sync_runs', 'sync_leases', 'sync_state', 'certificates', 'quarantine', 'api_usage']
    LOOP
        EXECUTE format('ALTER TABLE mx.%I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE mx.%I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY owner_migrates ON mx.%I TO mx_owner USING (true) WITH CHECK (true)',
                       tenant_table);
        EXECUTE format('CREATE POLICY backup_reads ON mx.%I FOR SELECT TO mx_backup USING (true)', tenant_table);
        EXECUTE format(
            'CREATE POLICY only_this_merchant ON mx.%I AS RESTRICTIVE TO %s
                 USING (merchant_id = (SELECT mx.current_merchant()))
                 WITH CHECK (merchant_id = (SELECT mx.current_merchant()))',
            -- Where the application reads by permission, section 9b has its restriction.
            tenant_table, CASE WHEN tenant_table = ANY (ARRAY[
                'mx_merchant_configs', 'payments', 'payment_people', 'payment_history', 'invoice_documents',
                'invoice_people', 'invoice_purchases', 'invoice_payments', 'invoice_map', 'payment_invoices',
                'enriched_transactions', 'transaction_workflow', 'invoice_workflow'])
            THEN 'mx_loader' ELSE 'mx_loader, mx_app' END);
        EXECUTE format('CREATE POLICY loader_works ON mx.%I TO mx_loader USING (true) WITH CHECK (true)', tenant_table);
        -- Names have policies of their own, in section 9b.
        CONTINUE WHEN tenant_table IN ('payment_people', 'invoice_people');
        EXECUTE format('CREATE POLICY app_works ON mx.%I TO mx_app USING (true) WITH CHECK (true)', tenant_table);
    END LOOP;

    FOREACH tenant_table IN ARRAY ARRAY['mx_merchant_configs', 'sync_requests', 'sync_runs', 'sync_state',
                                        'sync_leases'] LOOP
        EXECUTE format('CREATE POLICY dispatcher_sees_all ON mx.%I FOR SELECT TO mx_dispatcher USING (true)',
                       tenant_table);
    END LOOP;
    CREATE POLICY dispatcher_launches ON mx.sync_requests FOR UPDATE TO mx_dispatcher USING (true) WITH CHECK (true);
    CREATE POLICY dispatcher_closes ON mx.sync_runs FOR UPDATE TO mx_dispatcher USING (true) WITH CHECK (true);
END $$;

-- Inside a merchant an event is that merchant's; outside of any it is the platform's. Nobody has a policy to
-- change or remove one, the owner neither.
ALTER TABLE mx.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_chains ON mx.audit_log FOR SELECT TO mx_owner USING (true);
CREATE POLICY owner_records ON mx.audit_log FOR INSERT TO mx_owner WITH CHECK (true);
CREATE POLICY only_this_merchant ON mx.audit_log AS RESTRICTIVE TO mx_loader, mx_app
    USING (merchant_id = (SELECT mx.current_merchant()))
    WITH CHECK (merchant_id = coalesce((SELECT mx.current_merchant()), 0));
CREATE POLICY writers_record ON mx.audit_log FOR INSERT TO mx_loader, mx_app WITH CHECK (true);
CREATE POLICY auditor_reads ON mx.audit_log FOR SELECT TO mx_auditor USING (true);
CREATE POLICY backup_reads ON mx.audit_log FOR SELECT TO mx_backup USING (true);

-- 9b. People: the application reads what the person it works for may, and for nobody it reads nothing ------

GRANT EXECUTE ON FUNCTION mx.permissions_of(text, jsonb), mx.standing_of(uuid, bigint), mx.access_of(uuid, bigint),
    mx.merchants_of(uuid), mx.current_person(), mx.role_at(bigint), mx.may(text, bigint), mx.enter(text, text),
    mx.may_give(bigint, uuid, text, jsonb), mx.is_at_merchant(uuid, bigint) TO mx_app;
GRANT EXECUTE ON FUNCTION mx.token_presented(uuid), mx.token_used(uuid), mx.person_of_subject(text, text, text),
    mx.invitation_presented(uuid), mx.accept_invitation(uuid, bytea), mx.people_at(bigint) TO mx_app;

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

ALTER TABLE mx.user_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.user_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.user_tokens TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.user_tokens FOR SELECT TO mx_backup USING (true);
CREATE POLICY app_sees_own ON mx.user_tokens FOR SELECT TO mx_app
    USING (user_id::text = (SELECT mx.current_person()) OR (SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'));
CREATE POLICY app_issues ON mx.user_tokens FOR INSERT TO mx_app
    WITH CHECK ((SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'));
CREATE POLICY app_revokes ON mx.user_tokens FOR UPDATE TO mx_app
    USING (user_id::text = (SELECT mx.current_person()) OR (SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'));

ALTER TABLE mx.user_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.user_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.user_sessions TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.user_sessions FOR SELECT TO mx_backup USING (true);
CREATE POLICY app_sees_own ON mx.user_sessions FOR SELECT TO mx_app
    USING (user_id::text = (SELECT mx.current_person()) OR (SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'));
CREATE POLICY app_opens_own ON mx.user_sessions FOR INSERT TO mx_app
    WITH CHECK (user_id::text = (SELECT mx.current_person()));
CREATE POLICY app_ends ON mx.user_sessions FOR UPDATE TO mx_app
    USING (user_id::text = (SELECT mx.current_person()) OR (SELECT mx.role_at(NULL)) IN ('operator', 'super_admin'));
CREATE POLICY app_forgets_own ON mx.user_sessions FOR DELETE TO mx_app
    USING (user_id::text = (SELECT mx.current_person()));

ALTER TABLE mx.invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.invitations TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.invitations FOR SELECT TO mx_backup USING (true);
CREATE POLICY only_this_merchant ON mx.invitations AS RESTRICTIVE TO mx_loader, mx_app
    USING (merchant_id = (SELECT mx.current_merchant()))
    WITH CHECK (merchant_id = (SELECT mx.current_merchant()));
CREATE POLICY app_works ON mx.invitations TO mx_app USING (true) WITH CHECK (true);
CREATE POLICY app_reads_with_permission ON mx.invitations AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.may('users.invite', mx.current_merchant())));
CREATE POLICY app_invites ON mx.invitations AS RESTRICTIVE FOR INSERT TO mx_app
    WITH CHECK (mx.may_give(merchant_id, '00000000-0000-0000-0000-000000000000', role, '{}'));

-- Names: with the permission for names, and for the record that carries them.
CREATE POLICY app_works ON mx.payment_people FOR SELECT TO mx_app USING (true);
CREATE POLICY app_works ON mx.invoice_people FOR SELECT TO mx_app USING (true);
CREATE POLICY app_reads_names ON mx.payment_people AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT nullif(current_setting('mx.may_read_names', true), '')) IS NOT NULL);
CREATE POLICY app_reads_names ON mx.invoice_people AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT nullif(current_setting('mx.may_read_names', true), '')) IS NOT NULL);

-- What a person may read is a merchant or none, so one comparison holds the tenant and the permission. Not as
-- (SELECT ...): the same words in the policies of two tables are one value to Postgres, and two (SELECT ...) are
-- not, which it would compare for each row (half a microsecond each, 2026-11).
DO $$
DECLARE
    readable record;
    read_table text;
BEGIN
    FOR readable IN
        SELECT named.setting, named.tables
          FROM (VALUES
            ('mx.may_enter', ARRAY['mx_merchant_configs']),
            ('mx.may_read_payments', ARRAY['payments', 'payment_people', 'payment_history', 'payment_invoices',
                'enriched_transactions', 'transaction_workflow']),
            ('mx.may_read_invoices', ARRAY['invoice_documents', 'invoice_people', 'invoice_purchases',
                'invoice_payments', 'invoice_map', 'invoice_workflow'])) AS named (setting, tables)
    LOOP
        FOREACH read_table IN ARRAY readable.tables LOOP
            EXECUTE format(
                'CREATE POLICY only_what_may_be_read ON mx.%I AS RESTRICTIVE TO mx_app
                     USING (merchant_id = nullif(current_setting(%L, true), '''')::bigint)
                     WITH CHECK (merchant_id = (SELECT mx.current_merchant()))', read_table, readable.setting);
        END LOOP;
    END LOOP;
END $$;

DO $$
DECLARE
    guarded record;
BEGIN
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

-- To stop a sync is to ask for one.
CREATE POLICY app_changes_with_permission ON mx.sync_leases AS RESTRICTIVE FOR UPDATE TO mx_app
    USING ((SELECT mx.may('sync.manual', mx.current_merchant())));
CREATE POLICY app_reads_with_permission ON mx.sync_leases AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.may('sync.manual', mx.current_merchant())));
CREATE POLICY app_asks_in_emergency ON mx.sync_requests AS RESTRICTIVE FOR INSERT TO mx_app
    WITH CHECK (NOT emergency OR (SELECT mx.may('sync.emergency', mx.current_merchant())));

ALTER TABLE mx.sql_logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.sql_logins FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.sql_logins TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.sql_logins FOR SELECT TO mx_backup USING (true);
CREATE POLICY only_this_merchant ON mx.sql_logins AS RESTRICTIVE TO mx_loader, mx_app
    USING (merchant_id = (SELECT mx.current_merchant())) WITH CHECK (merchant_id = (SELECT mx.current_merchant()));

-- Whoever manages the people of a merchant sees who reads it with SQL.
CREATE POLICY app_works ON mx.sql_logins FOR SELECT TO mx_app USING (true);
CREATE POLICY app_reads_with_permission ON mx.sql_logins AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.may('users.manage', mx.current_merchant())));

-- People with SQL, by who logged in and never by a setting; a restriction that no later policy can widen.
DO $$
DECLARE
    wanted text;
    read_table text;
BEGIN
    FOR wanted, read_table IN
        SELECT 'data', unnest(ARRAY[
               'mx_merchant_configs', 'payments', 'payment_history', 'invoice_documents', 'invoice_purchases',
               'invoice_payments', 'invoice_map', 'payment_invoices', 'enriched_transactions', 'product_categories',
               'transaction_workflow', 'invoice_workflow', 'sync_state', 'certificates'])
         UNION ALL
        SELECT 'names', unnest(ARRAY['payment_people', 'invoice_people'])
    LOOP
        EXECUTE format('CREATE POLICY analyst_reads ON mx.%I FOR SELECT TO mx_analyst USING (true)', read_table);
        EXECUTE format(
            'CREATE POLICY only_granted_merchants ON mx.%I AS RESTRICTIVE TO mx_analyst
                 USING (merchant_id = ANY ((SELECT mx.merchants_of_login(%L))::bigint[])) WITH CHECK (false)',
            read_table, wanted);
    END LOOP;

    -- No restriction here: it would hold mx_owner too, which is a member, so that it can hand views over.
    FOREACH read_table IN ARRAY ARRAY['mx_merchant_configs', 'payments', 'enriched_transactions', 'payment_people',
        'invoice_people', 'transaction_workflow']
    LOOP
        EXECUTE format(
            'CREATE POLICY aggregator_of_granted_merchants ON mx.%I FOR SELECT TO mx_aggregator
                 USING (merchant_id = ANY ((SELECT mx.merchants_with_figures())::bigint[]))', read_table);
    END LOOP;
END $$;

-- 10. Webhooks: MX rings, and what it says is not believed ----------------------------------------

-- MX signs nothing, so 256 random bits in the address say which merchant it rings for. Two are good at once; their
-- SHA-256 is kept.
CREATE TABLE mx.webhook_keys (
    merchant_id  bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    slot         smallint NOT NULL CHECK (slot IN (1, 2)),
    key_hash     bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text NOT NULL,
    retired_at   timestamptz,
    PRIMARY KEY (merchant_id, slot)
);
CREATE INDEX webhook_keys_by_hash ON mx.webhook_keys (key_hash) WHERE retired_at IS NULL;

-- Merchants that MX is to ring for.
CREATE TABLE mx.webhook_subscriptions (
    merchant_id  bigint PRIMARY KEY REFERENCES mx.mx_merchant_configs,
    is_wanted    boolean NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    looked_at    timestamptz, -- whether they have gone quiet
    repaired_at  timestamptz
);

-- What a notification names, and how it was handled. None of its figures and no person is kept: they are asked
-- for. The same body is one row.
CREATE TABLE mx.webhook_inbox (
    merchant_id      bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    body_hash        bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    event            text NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('record', 'batch', 'nothing')),
    names            text NOT NULL, -- notifications of the same are handled together
    mx_payment_id    bigint CHECK (mx_payment_id > 0),
    mx_invoice_id    bigint CHECK (mx_invoice_id > 0),
    names_another    boolean NOT NULL, -- it speaks of another merchant than the one that it came for
    times            integer NOT NULL DEFAULT 1,
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_heard_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at         timestamptz,
    attempts         smallint NOT NULL DEFAULT 0,
    run_id           bigint,
    handled_at       timestamptz,
    outcome          text CHECK (outcome IN ('fetched', 'rejected', 'asked', 'ignored', 'given_up')),
    first_seen       boolean NOT NULL DEFAULT false, -- its fetch was the first to see the payment
    PRIMARY KEY (merchant_id, body_hash),
    CHECK (kind <> 'record' OR mx_payment_id IS NOT NULL OR mx_invoice_id IS NOT NULL),
    CHECK ((handled_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX webhook_inbox_waiting ON mx.webhook_inbox (merchant_id, received_at) WHERE handled_at IS NULL;
CREATE INDEX webhook_inbox_taken ON mx.webhook_inbox (merchant_id, names, taken_at) WHERE taken_at IS NOT NULL;
CREATE INDEX webhook_inbox_handled ON mx.webhook_inbox (merchant_id, handled_at);

-- Who came with a key that nobody has is only counted.
CREATE TABLE mx.webhook_strangers (
    day      date PRIMARY KEY,
    refused  bigint NOT NULL
);

CREATE TRIGGER ring AFTER INSERT ON mx.webhook_inbox FOR EACH STATEMENT EXECUTE FUNCTION mx.ring_for_requests();

-- For the login that hears MX: it can do nothing but this. Which of these notifications came with a good key; they
-- are kept when this transaction ends. The same body rings again after a day.
CREATE FUNCTION mx.receive_webhooks(notifications jsonb) RETURNS integer[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    known integer[];
BEGIN
    WITH heard AS MATERIALIZED (
        SELECT notification.*, key.merchant_id
          FROM jsonb_to_recordset(notifications) AS notification (
               place integer, key_hash text, body_hash text, event text, kind text, names text, payment bigint,
               invoice bigint, merchant bigint)
          JOIN mx.webhook_keys AS key
            ON key.key_hash = decode(notification.key_hash, 'hex') AND key.retired_at IS NULL
    ), kept AS (
        INSERT INTO mx.webhook_inbox AS stored
               (merchant_id, body_hash, event, kind, names, mx_payment_id, mx_invoice_id, names_another, times,
                handled_at, outcome)
        SELECT merchant_id, decode(body_hash, 'hex'), min(event), min(kind), min(names), min(payment), min(invoice),
               coalesce(bool_or(merchant <> merchant_id), false), count(*),
               CASE WHEN min(kind) = 'nothing' THEN clock_timestamp() END,
               CASE WHEN min(kind) = 'nothing' THEN 'ignored' END
          FROM heard
         GROUP BY merchant_id, body_hash
         ORDER BY merchant_id, body_hash
            ON CONFLICT (merchant_id, body_hash) DO UPDATE
           SET times = stored.times + excluded.times,
               last_heard_at = clock_timestamp(),
               handled_at = CASE WHEN stored.kind <> 'nothing' AND stored.last_heard_at < now() - interval '1 day'
                                 THEN NULL ELSE stored.handled_at END,
               outcome = CASE WHEN stored.kind <> 'nothing' AND stored.last_heard_at < now() - interval '1 day'
                              THEN NULL ELSE stored.outcome END,
               received_at = CASE WHEN stored.kind <> 'nothing' AND stored.last_heard_at < now() - interval '1 day'
                                  THEN clock_timestamp() ELSE stored.received_at END,
               attempts = CASE WHEN stored.last_heard_at < now() - interval '1 day' THEN 0 ELSE stored.attempts END
    )
    SELECT coalesce(array_agg(DISTINCT place), '{}') INTO known FROM heard;
    RETURN known;
END $$;

CREATE FUNCTION mx.count_webhook_strangers(refused bigint) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
    INSERT INTO mx.webhook_strangers AS counted (day, refused)
    VALUES ((now() AT TIME ZONE 'UTC')::date, count_webhook_strangers.refused)
        ON CONFLICT (day) DO UPDATE SET refused = counted.refused + excluded.refused
$$;

GRANT USAGE ON SCHEMA mx TO mx_inbox;
GRANT EXECUTE ON FUNCTION mx.receive_webhooks(jsonb), mx.count_webhook_strangers(bigint) TO mx_inbox;
GRANT SELECT, UPDATE ON mx.webhook_inbox TO mx_loader;
GRANT SELECT ON mx.webhook_inbox TO mx_app;
GRANT SELECT (merchant_id, kind, names, received_at, taken_at, attempts, handled_at, first_seen) ON mx.webhook_inbox
    TO mx_dispatcher;
GRANT SELECT, INSERT, UPDATE ON mx.webhook_keys, mx.webhook_subscriptions TO mx_loader, mx_app;
GRANT SELECT ON mx.webhook_subscriptions, mx.webhook_strangers TO mx_dispatcher;
GRANT SELECT ON mx.webhook_keys, mx.webhook_subscriptions, mx.webhook_inbox, mx.webhook_strangers TO mx_backup;

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['webhook_keys', 'webhook_subscriptions', 'webhook_inbox'] LOOP
        EXECUTE format('ALTER TABLE mx.%I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE mx.%I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY owner_migrates ON mx.%I TO mx_owner USING (true) WITH CHECK (true)',
                       tenant_table);
        EXECUTE format('CREATE POLICY backup_reads ON mx.%I FOR SELECT TO mx_backup USING (true)', tenant_table);
        EXECUTE format(
            'CREATE POLICY only_this_merchant ON mx.%I AS RESTRICTIVE TO mx_loader, mx_app
                 USING (merchant_id = (SELECT mx.current_merchant()))
                 WITH CHECK (merchant_id = (SELECT mx.current_merchant()))',
            tenant_table);
        EXECUTE format('CREATE POLICY loader_works ON mx.%I TO mx_loader USING (true) WITH CHECK (true)', tenant_table);
        EXECUTE format('CREATE POLICY app_works ON mx.%I TO mx_app USING (true) WITH CHECK (true)', tenant_table);
        CONTINUE WHEN tenant_table = 'webhook_inbox';
        EXECUTE format(
            'CREATE POLICY app_with_permission ON mx.%I AS RESTRICTIVE TO mx_app
                 USING ((SELECT mx.may(''sync.webhook'', mx.current_merchant())))
                 WITH CHECK ((SELECT mx.may(''sync.webhook'', mx.current_merchant())))',
            tenant_table);
    END LOOP;
    CREATE POLICY app_reads_with_permission ON mx.webhook_inbox AS RESTRICTIVE FOR SELECT TO mx_app
        USING ((SELECT mx.may('transactions.view:readonly', mx.current_merchant()))
               OR (SELECT mx.may('invoices.view:readonly', mx.current_merchant())));
    CREATE POLICY dispatcher_sees_all ON mx.webhook_inbox FOR SELECT TO mx_dispatcher USING (true);
    CREATE POLICY dispatcher_sees_all ON mx.webhook_subscriptions FOR SELECT TO mx_dispatcher USING (true);
END $$;

-- 11. What a product is: by its exact name, by rules, by hand, by suggestion; every decision says who and when.

-- How the categories of one merchant stand. Each edit is a new version, and everything is derived again for it.
CREATE TABLE mx.category_books (
    merchant_id      bigint PRIMARY KEY REFERENCES mx.mx_merchant_configs,
    version          bigint NOT NULL DEFAULT 0,
    derived_version  bigint NOT NULL DEFAULT 0,
    apply_from       numeric NOT NULL DEFAULT 0.9,
    ask_from         numeric NOT NULL DEFAULT 0.6,
    changed_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (0 <= ask_from AND ask_from <= apply_from AND apply_from <= 1)
);

CREATE TABLE mx.category_rules (
    merchant_id   bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    rule_id       integer NOT NULL CHECK (rule_id > 0),
    kind          text NOT NULL CHECK (kind IN ('contains', 'starts_with', 'regex', 'price')),
    pattern       text CHECK (length(pattern) BETWEEN 1 AND 200),
    min_price     numeric CHECK (min_price <> 'NaN'),
    max_price     numeric CHECK (max_price <> 'NaN'),
    active_from   date,
    active_until  date,
    priority      integer NOT NULL DEFAULT 100,
    category      text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    withdrawn_by  text,
    withdrawn_at  timestamptz,
    PRIMARY KEY (merchant_id, rule_id),
    CHECK ((kind = 'price') = (pattern IS NULL)),
    CHECK (kind <> 'price' OR min_price IS NOT NULL OR max_price IS NOT NULL),
    CHECK (min_price <= max_price),
    CHECK (active_from < active_until),
    CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
);

CREATE TABLE mx.category_overrides (
    merchant_id    bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    override_id    integer NOT NULL CHECK (override_id > 0),
    mx_payment_id  bigint,
    product_name   text,
    category       text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    reason         text CHECK (length(reason) <= 500),
    made_by        text NOT NULL,
    made_at        timestamptz NOT NULL DEFAULT now(),
    withdrawn_by   text,
    withdrawn_at   timestamptz,
    PRIMARY KEY (merchant_id, override_id),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments,
    CHECK ((mx_payment_id IS NULL) <> (product_name IS NULL)),
    CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
);
CREATE UNIQUE INDEX category_overrides_of_payment ON mx.category_overrides (merchant_id, mx_payment_id)
    WHERE withdrawn_at IS NULL;
CREATE UNIQUE INDEX category_overrides_of_product ON mx.category_overrides (merchant_id, product_name)
    WHERE withdrawn_at IS NULL;

-- One per product: what a model thinks, and what a human said to that. Applied from `category_books.apply_from` on,
-- or once accepted; waits for a human from `ask_from` on.
CREATE TABLE mx.category_suggestions (
    merchant_id   bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    product_name  text NOT NULL,
    category      text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    confidence    numeric NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    model         text NOT NULL,
    suggested_at  timestamptz NOT NULL,
    decision      text CHECK (decision IN ('accepted', 'rejected')),
    decided_by    text,
    decided_at    timestamptz,
    active_from   date,
    active_until  date,
    model_category text,
    PRIMARY KEY (merchant_id, product_name),
    CHECK ((decision IS NULL) = (decided_at IS NULL)),
    CHECK (active_from < active_until)
);

-- The ledger: every change of a category that was derived before.
CREATE TABLE mx.category_history (
    merchant_id      bigint NOT NULL,
    mx_payment_id    bigint NOT NULL,
    changed_at       timestamptz NOT NULL,
    category_before  text,
    source_before    text,
    category         text,
    source           text,
    rule_id          integer,
    confidence       numeric,
    decided_by       text,
    PRIMARY KEY (merchant_id, mx_payment_id, changed_at),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments ON DELETE CASCADE
);

CREATE FUNCTION mx.remember_categories() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO mx.category_history (merchant_id, mx_payment_id, changed_at, category_before, source_before,
                                     category, source, rule_id, confidence, decided_by)
    SELECT after.merchant_id, after.mx_payment_id, clock_timestamp(), before.product_category, before.category_source,
           after.product_category, after.category_source, after.category_rule_id, after.category_confidence,
           after.category_decided_by
      FROM after
      JOIN before USING (merchant_id, mx_payment_id)
     WHERE (before.product_category, before.category_source, before.category_rule_id)
           IS DISTINCT FROM (after.product_category, after.category_source, after.category_rule_id);
    RETURN NULL;
END $$;
CREATE TRIGGER remember_categories AFTER UPDATE ON mx.enriched_transactions
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mx.remember_categories();

-- Whoever edits waits for what is being derived, and whoever derives sees all of an edit or nothing.
CREATE FUNCTION mx.categories_lock(merchant bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
    RETURN hashtextextended('mx.category_books ' || merchant, 0);

CREATE FUNCTION mx.begin_next_category_version() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(mx.categories_lock(changed.merchant_id))
       FROM (SELECT DISTINCT merchant_id FROM after ORDER BY merchant_id) AS changed;
    INSERT INTO mx.category_books AS book (merchant_id, version)
    SELECT DISTINCT merchant_id, 1 FROM after ORDER BY merchant_id
        ON CONFLICT (merchant_id) DO UPDATE SET version = book.version + 1, changed_at = now();
    RETURN NULL;
END $$;

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['product_categories', 'category_rules', 'category_overrides',
                                   'category_suggestions'] LOOP
        EXECUTE format('CREATE TRIGGER next_version_by_insert AFTER INSERT ON mx.%I REFERENCING NEW TABLE AS after
                            FOR EACH STATEMENT EXECUTE FUNCTION mx.begin_next_category_version()', guarded);
        EXECUTE format('CREATE TRIGGER next_version_by_update AFTER UPDATE ON mx.%I REFERENCING NEW TABLE AS after
                            FOR EACH STATEMENT EXECUTE FUNCTION mx.begin_next_category_version()', guarded);
    END LOOP;
    FOREACH guarded IN ARRAY ARRAY['category_books', 'category_rules', 'category_overrides', 'category_suggestions',
                                   'category_history'] LOOP
        EXECUTE format('ALTER TABLE mx.%I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE mx.%I FORCE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY owner_migrates ON mx.%I TO mx_owner USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY backup_reads ON mx.%I FOR SELECT TO mx_backup USING (true)', guarded);
        EXECUTE format(
            'CREATE POLICY only_this_merchant ON mx.%I AS RESTRICTIVE TO mx_loader, mx_app
                 USING (merchant_id = (SELECT mx.current_merchant()))
                 WITH CHECK (merchant_id = (SELECT mx.current_merchant()))', guarded);
        EXECUTE format('CREATE POLICY loader_works ON mx.%I TO mx_loader USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY app_works ON mx.%I TO mx_app USING (true) WITH CHECK (true)', guarded);
        EXECUTE format(
            'CREATE POLICY app_reads_with_permission ON mx.%I AS RESTRICTIVE FOR SELECT TO mx_app
                 USING ((SELECT mx.may(''transactions.view:readonly'', mx.current_merchant()))
                        OR (SELECT mx.may(''invoices.view:readonly'', mx.current_merchant())))', guarded);
        EXECUTE format(
            'CREATE POLICY app_adds_with_permission ON mx.%I AS RESTRICTIVE FOR INSERT TO mx_app
                 WITH CHECK ((SELECT mx.may(''transactions.view'', mx.current_merchant())))', guarded);
        EXECUTE format(
            'CREATE POLICY app_changes_with_permission ON mx.%I AS RESTRICTIVE FOR UPDATE TO mx_app
                 USING ((SELECT mx.may(''transactions.view'', mx.current_merchant())))', guarded);
        EXECUTE format('CREATE POLICY analyst_reads ON mx.%I FOR SELECT TO mx_analyst USING (true)', guarded);
        EXECUTE format(
            'CREATE POLICY only_granted_merchants ON mx.%I AS RESTRICTIVE TO mx_analyst
                 USING (merchant_id = ANY ((SELECT mx.merchants_of_login(''data''))::bigint[])) WITH CHECK (false)',
            guarded);
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION mx.remember_categories(), mx.begin_next_category_version(), mx.categories_lock(bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.categories_lock(bigint) TO mx_loader, mx_app;

GRANT SELECT ON mx.category_books, mx.category_rules, mx.category_overrides, mx.category_suggestions,
    mx.category_history TO mx_loader, mx_app, mx_analyst, mx_backup;
GRANT INSERT ON mx.category_history TO mx_loader;
GRANT INSERT, UPDATE (version, derived_version, changed_at) ON mx.category_books TO mx_loader;
GRANT INSERT, UPDATE (category, confidence, model, suggested_at) ON mx.category_suggestions TO mx_loader;
GRANT INSERT (merchant_id, version, apply_from, ask_from), UPDATE (version, apply_from, ask_from, changed_at)
    ON mx.category_books TO mx_app;
GRANT INSERT (merchant_id, rule_id, kind, pattern, min_price, max_price, active_from, active_until, priority, category,
              made_by), UPDATE (withdrawn_by, withdrawn_at) ON mx.category_rules TO mx_app;
GRANT INSERT (merchant_id, override_id, mx_payment_id, product_name, category, reason, made_by),
    UPDATE (withdrawn_by, withdrawn_at) ON mx.category_overrides TO mx_app;
GRANT UPDATE (decision, decided_by, decided_at, active_from, active_until) ON mx.category_suggestions TO mx_app;

COMMENT ON COLUMN mx.category_suggestions.model_category IS
    'What the model said, where a human accepted the product with another category.';

CREATE TRIGGER next_version_by_delete AFTER DELETE ON mx.category_suggestions REFERENCING OLD TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mx.begin_next_category_version();
CREATE POLICY model_changes_what_nobody_answered ON mx.category_suggestions AS RESTRICTIVE FOR UPDATE TO mx_loader
    USING (decision IS NULL) WITH CHECK (decision IS NULL);
CREATE POLICY model_takes_back_what_nobody_answered ON mx.category_suggestions AS RESTRICTIVE FOR DELETE TO mx_loader
    USING (decision IS NULL);
GRANT DELETE ON mx.category_suggestions TO mx_loader;
GRANT UPDATE (category, model_category) ON mx.category_suggestions TO mx_app;

-- What a merchant's people decided, as a model sees it: a name's hash, and the buckets that its pieces fall into.
CREATE TABLE mx.category_shares (
    merchant_id  bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    name_hash    bytea NOT NULL CHECK (length(name_hash) = 32),
    category     text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    buckets      integer[] NOT NULL,
    PRIMARY KEY (merchant_id, name_hash)
);
ALTER TABLE mx.category_shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.category_shares FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.category_shares TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.category_shares FOR SELECT TO mx_backup USING (true);
CREATE POLICY only_this_merchant ON mx.category_shares AS RESTRICTIVE TO mx_loader, mx_app
    USING (merchant_id = (SELECT mx.current_merchant())) WITH CHECK (merchant_id = (SELECT mx.current_merchant()));
CREATE POLICY loader_works ON mx.category_shares TO mx_loader USING (true) WITH CHECK (true);
GRANT SELECT ON mx.category_shares TO mx_loader, mx_backup;
GRANT INSERT, UPDATE, DELETE ON mx.category_shares TO mx_loader;

COMMENT ON TABLE mx.category_shares IS
    'Names that a merchant''s people gave a category, hashed, as a model sees them; for models that several merchants teach.';
COMMENT ON COLUMN mx.category_shares.name_hash IS
    'SHA-256 of the name''s words, without case, digits and signs.';
COMMENT ON COLUMN mx.category_shares.buckets IS
    'The buckets, of 4,096, that the pieces of those words fall into.';

-- Of each name that three merchants or more know by one category: the category and the buckets. Not the name, not its
-- hash, not who or how many; a name that fewer know changes nothing here.
CREATE FUNCTION mx.shared_products() RETURNS TABLE (category text, buckets integer[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT category, buckets
      FROM mx.category_shares
     GROUP BY name_hash, category, buckets
    HAVING count(*) >= 3
     ORDER BY category COLLATE "C", buckets;
$$;
REVOKE EXECUTE ON FUNCTION mx.shared_products() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.shared_products() TO mx_loader;

-- 12. Money: what payments count for, and its sums in each merchant's own days and months ----------

-- What one payment counts for is decided here and nowhere else; every other view of money adds these columns up.
-- Money back is what Returns say, on the day of the Return: `refunded_amount` of the sale says the same once more.
CREATE VIEW mx.payment_money WITH (security_invoker = true) AS
SELECT counted.*,
       gross - refunded AS net,
       gross - refunded - (surcharge - refunded_surcharge) - (tax - refunded_tax) AS earned
  FROM (SELECT payment.merchant_id,
               payment.mx_payment_id,
               payment.created AS transaction_date,
               (payment.created AT TIME ZONE merchant.timezone)::date AS day,
               date_trunc('month', payment.created AT TIME ZONE merchant.timezone)::date AS month,
               known.kind,
               payment.source,
               coalesce(enriched.product_category, 'Without a product') AS product_category,
               coalesce(enriched.product_name, 'Without a product') AS product_name,
               CASE known.kind WHEN 'sale' THEN payment.amount ELSE 0 END::numeric AS gross,
               CASE known.kind WHEN 'sale' THEN coalesce(payment.surcharge_amount, 0) ELSE 0 END::numeric AS surcharge,
               CASE known.kind WHEN 'sale' THEN coalesce(payment.tax_amount, 0) ELSE 0 END::numeric AS tax,
               CASE known.kind WHEN 'refund' THEN abs(payment.amount) ELSE 0 END::numeric AS refunded,
               CASE known.kind WHEN 'refund' THEN abs(coalesce(payment.surcharge_amount, 0)) ELSE 0 END::numeric
                   AS refunded_surcharge,
               CASE known.kind WHEN 'refund' THEN abs(coalesce(payment.tax_amount, 0)) ELSE 0 END::numeric
                   AS refunded_tax,
               CASE known.kind WHEN 'voided' THEN payment.amount ELSE 0 END::numeric AS voided,
               CASE known.kind WHEN 'chargeback' THEN payment.amount ELSE 0 END::numeric AS charged_back
          FROM mx.payments AS payment
          JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
          LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
         CROSS JOIN LATERAL (
               SELECT CASE
                      WHEN payment.status = 'Declined' THEN 'declined'
                      -- Money that was only set aside; the sale that takes it is a payment of its own.
                      WHEN payment.type = 'Authorization' THEN 'other'
                      WHEN payment.type = 'Return' OR payment.amount < 0
                          THEN CASE WHEN payment.status IN ('Approved', 'Settled') THEN 'refund' ELSE 'other' END
                      WHEN payment.status IN ('Approved', 'Settled') THEN 'sale'
                      WHEN payment.status = 'Voided' THEN 'voided'
                      WHEN payment.status = 'Chargedback' THEN 'chargeback'
                      ELSE 'other' END AS kind) AS known
         WHERE payment.vanished_at IS NULL) AS counted;

CREATE VIEW mx.revenue_by_day WITH (security_invoker = true) AS
SELECT merchant_id,
       day,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       sum(gross) AS gross,
       sum(surcharge) AS surcharge,
       sum(tax) AS tax,
       count(*) FILTER (WHERE kind = 'refund') AS refunds,
       sum(refunded) AS refunded,
       sum(refunded_surcharge) AS refunded_surcharge,
       sum(refunded_tax) AS refunded_tax,
       sum(net) AS net,
       sum(earned) AS earned
  FROM mx.payment_money
 WHERE kind IN ('sale', 'refund')
 GROUP BY merchant_id, day;

CREATE VIEW mx.money_by_month WITH (security_invoker = true) AS
SELECT merchant_id,
       month,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       sum(gross) AS gross,
       sum(surcharge) AS surcharge,
       sum(tax) AS tax,
       count(*) FILTER (WHERE kind = 'refund') AS refunds,
       sum(refunded) AS refunded,
       sum(refunded_surcharge) AS refunded_surcharge,
       sum(refunded_tax) AS refunded_tax,
       sum(net) AS net,
       sum(earned) AS earned,
       count(*) FILTER (WHERE kind = 'voided') AS voids,
       sum(voided) AS voided,
       count(*) FILTER (WHERE kind = 'chargeback') AS chargebacks,
       sum(charged_back) AS charged_back
  FROM mx.payment_money
 WHERE kind IN ('sale', 'refund', 'voided', 'chargeback')
 GROUP BY merchant_id, month;

CREATE VIEW mx.revenue_by_category WITH (security_invoker = true) AS
SELECT merchant_id,
       month,
       product_category,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       sum(gross) AS gross,
       sum(surcharge) AS surcharge,
       sum(tax) AS tax,
       count(*) FILTER (WHERE kind = 'refund') AS refunds,
       sum(refunded) AS refunded,
       sum(net) AS net,
       sum(earned) AS earned
  FROM mx.payment_money
 WHERE kind IN ('sale', 'refund')
 GROUP BY merchant_id, month, product_category;

-- Customers are counted, and not shown: by code, else by name. Who may not see names is told no number.
CREATE VIEW mx.product_mix WITH (security_invoker = true) AS
SELECT merchant_id,
       month,
       product_category,
       product_name,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       nullif(count(DISTINCT coalesce('code ' || nullif(btrim(person.customer_code), ''),
                                      'name ' || nullif(lower(btrim(person.customer_name)), '')))
                  FILTER (WHERE kind = 'sale'), 0) AS customers,
       sum(gross) AS gross,
       round(sum(gross) / nullif(sum(sum(gross)) OVER (PARTITION BY merchant_id, month), 0), 4) AS share_of_gross,
       sum(refunded) AS refunded,
       sum(net) AS net
  FROM mx.payment_money
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
 WHERE kind IN ('sale', 'refund')
 GROUP BY merchant_id, month, product_category, product_name;

-- Patient and product. Without the names permission there are no patients to tell apart: one row per product, its
-- name empty, as in mx.transactions.
CREATE VIEW mx.membership_census WITH (security_invoker = true) AS
SELECT merchant_id,
       (array_agg(person.customer_name ORDER BY transaction_date DESC, mx_payment_id DESC)
            FILTER (WHERE person.customer_name IS NOT NULL))[1] AS customer_name,
       product_name,
       (array_agg(product_category ORDER BY transaction_date DESC, mx_payment_id DESC))[1] AS product_category,
       (array_agg(coalesce(workflow.membership_status, 'active') ORDER BY transaction_date DESC, mx_payment_id DESC)
            FILTER (WHERE source = 'Recurring'))[1] AS membership_status,
       count(*) AS sales,
       count(*) FILTER (WHERE source = 'Recurring') AS recurring_sales,
       min(day) AS first_day,
       max(day) AS last_day,
       sum(gross) AS gross
  FROM mx.payment_money
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.transaction_workflow AS workflow USING (merchant_id, mx_payment_id)
 WHERE kind = 'sale'
 GROUP BY merchant_id, product_name,
          coalesce('code ' || nullif(btrim(person.customer_code), ''),
                   'name ' || nullif(lower(btrim(person.customer_name)), ''));

-- The loader draws pictures of them, for the catalog of assets; whoever pays is not its business.
GRANT SELECT ON mx.payment_money, mx.revenue_by_day, mx.money_by_month, mx.revenue_by_category, mx.product_mix
    TO mx_loader, mx_app, mx_analyst, mx_backup;
GRANT SELECT ON mx.membership_census TO mx_app, mx_analyst, mx_backup;

COMMENT ON VIEW mx.payment_money IS
    'One row per payment that MX Merchant still lists, with what it counts for; the views of money add these up.';
COMMENT ON COLUMN mx.payment_money.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.payment_money.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.payment_money.transaction_date IS
    'When it was made, in UTC.';
COMMENT ON COLUMN mx.payment_money.day IS
    'Its day in the merchant''s own time zone.';
COMMENT ON COLUMN mx.payment_money.month IS
    'The first day of its month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.payment_money.kind IS
    'sale or refund (approved or settled), voided, chargeback, declined, or other: authorised only, in progress, unknown.';
COMMENT ON COLUMN mx.payment_money.source IS
    'Where it was taken, in MX Merchant''s word.';
COMMENT ON COLUMN mx.payment_money.product_category IS
    'The category of its main product; Without a product where no invoice with lines is known. A Return inherits it.';
COMMENT ON COLUMN mx.payment_money.product_name IS
    'Its main product; Without a product where there is none. A Return inherits it.';
COMMENT ON COLUMN mx.payment_money.gross IS
    'The amount of a sale, surcharge and tax contained; 0 for everything else, and for a sale once voided or charged back.';
COMMENT ON COLUMN mx.payment_money.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.payment_money.tax IS
    'The tax contained in gross, as MX Merchant tells it.';
COMMENT ON COLUMN mx.payment_money.refunded IS
    'What a Return gave back, positive, surcharge and tax contained; refunded_amount of the sale is never added.';
COMMENT ON COLUMN mx.payment_money.refunded_surcharge IS
    'The surcharge contained in refunded.';
COMMENT ON COLUMN mx.payment_money.refunded_tax IS
    'The tax contained in refunded, where the Return tells one.';
COMMENT ON COLUMN mx.payment_money.voided IS
    'The amount of a sale that was voided, before or after it settled; contained in no other figure.';
COMMENT ON COLUMN mx.payment_money.charged_back IS
    'The amount of a sale that stands charged back; contained in no other figure. Reversed, it is gross again.';
COMMENT ON COLUMN mx.payment_money.net IS
    'gross - refunded: what stayed, surcharge and tax contained.';
COMMENT ON COLUMN mx.payment_money.earned IS
    'net - (surcharge - refunded_surcharge) - (tax - refunded_tax): what the goods themselves brought.';

COMMENT ON VIEW mx.revenue_by_day IS
    'One row per merchant and day, in its own time zone, with a sale or a refund.';
COMMENT ON COLUMN mx.revenue_by_day.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.revenue_by_day.day IS
    'The day in the merchant''s own time zone; a refund is on the day of the Return.';
COMMENT ON COLUMN mx.revenue_by_day.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_day.gross IS
    'What the sales came to, surcharge and tax contained.';
COMMENT ON COLUMN mx.revenue_by_day.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.revenue_by_day.tax IS
    'The tax contained in gross.';
COMMENT ON COLUMN mx.revenue_by_day.refunds IS
    'How many Returns, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_day.refunded IS
    'What the Returns gave back, positive.';
COMMENT ON COLUMN mx.revenue_by_day.refunded_surcharge IS
    'The surcharge contained in refunded.';
COMMENT ON COLUMN mx.revenue_by_day.refunded_tax IS
    'The tax contained in refunded.';
COMMENT ON COLUMN mx.revenue_by_day.net IS
    'gross - refunded.';
COMMENT ON COLUMN mx.revenue_by_day.earned IS
    'net - (surcharge - refunded_surcharge) - (tax - refunded_tax).';

COMMENT ON VIEW mx.money_by_month IS
    'One row per merchant and month, in its own time zone, with a sale, a refund, a void or a chargeback.';
COMMENT ON COLUMN mx.money_by_month.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.money_by_month.month IS
    'The first day of the month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.money_by_month.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.money_by_month.gross IS
    'What the sales came to, surcharge and tax contained.';
COMMENT ON COLUMN mx.money_by_month.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.money_by_month.tax IS
    'The tax contained in gross.';
COMMENT ON COLUMN mx.money_by_month.refunds IS
    'How many Returns, approved or settled.';
COMMENT ON COLUMN mx.money_by_month.refunded IS
    'What the Returns gave back, positive, in the month of the Return.';
COMMENT ON COLUMN mx.money_by_month.refunded_surcharge IS
    'The surcharge contained in refunded.';
COMMENT ON COLUMN mx.money_by_month.refunded_tax IS
    'The tax contained in refunded.';
COMMENT ON COLUMN mx.money_by_month.net IS
    'gross - refunded.';
COMMENT ON COLUMN mx.money_by_month.earned IS
    'net - (surcharge - refunded_surcharge) - (tax - refunded_tax).';
COMMENT ON COLUMN mx.money_by_month.voids IS
    'How many sales of this month were voided.';
COMMENT ON COLUMN mx.money_by_month.voided IS
    'What they came to; contained in no other figure.';
COMMENT ON COLUMN mx.money_by_month.chargebacks IS
    'How many sales of this month stand charged back.';
COMMENT ON COLUMN mx.money_by_month.charged_back IS
    'What they came to; contained in no other figure.';

COMMENT ON VIEW mx.revenue_by_category IS
    'One row per merchant, month and product category; Without a product holds the rest, so the rows add up to the month.';
COMMENT ON COLUMN mx.revenue_by_category.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.revenue_by_category.month IS
    'The first day of the month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.revenue_by_category.product_category IS
    'The category of the main product of what was paid, or given back.';
COMMENT ON COLUMN mx.revenue_by_category.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_category.gross IS
    'What the sales came to, surcharge and tax contained.';
COMMENT ON COLUMN mx.revenue_by_category.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.revenue_by_category.tax IS
    'The tax contained in gross.';
COMMENT ON COLUMN mx.revenue_by_category.refunds IS
    'How many Returns, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_category.refunded IS
    'What the Returns gave back, positive.';
COMMENT ON COLUMN mx.revenue_by_category.net IS
    'gross - refunded.';
COMMENT ON COLUMN mx.revenue_by_category.earned IS
    'Net without the surcharge and the tax that it contains.';

COMMENT ON VIEW mx.product_mix IS
    'One row per merchant, month, product category and main product.';
COMMENT ON COLUMN mx.product_mix.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.product_mix.month IS
    'The first day of the month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.product_mix.product_category IS
    'The category.';
COMMENT ON COLUMN mx.product_mix.product_name IS
    'The main product of what was paid, or given back.';
COMMENT ON COLUMN mx.product_mix.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.product_mix.customers IS
    'How many customers paid, by their codes, else names; empty where none is told, or the reader may not see names.';
COMMENT ON COLUMN mx.product_mix.gross IS
    'What the sales came to, surcharge and tax contained: the whole payment, also where it paid several lines.';
COMMENT ON COLUMN mx.product_mix.share_of_gross IS
    'Its part of the merchant''s gross of the month, 0 to 1, to four places.';
COMMENT ON COLUMN mx.product_mix.refunded IS
    'What the Returns gave back, positive.';
COMMENT ON COLUMN mx.product_mix.net IS
    'gross - refunded.';

COMMENT ON VIEW mx.membership_census IS
    'One row per merchant, patient and main product that they paid for; without the names permission one row per product.';
COMMENT ON COLUMN mx.membership_census.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.membership_census.customer_name IS
    'The patient, as their newest payment names them; patients are told apart by code, else by name.';
COMMENT ON COLUMN mx.membership_census.product_name IS
    'The main product.';
COMMENT ON COLUMN mx.membership_census.product_category IS
    'Its category on the newest sale.';
COMMENT ON COLUMN mx.membership_census.membership_status IS
    'As people set it on the newest recurring sale; active where nobody did, empty where none is recurring.';
COMMENT ON COLUMN mx.membership_census.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.membership_census.recurring_sales IS
    'How many of them were recurring.';
COMMENT ON COLUMN mx.membership_census.first_day IS
    'The day of the first one, in the merchant''s own time zone.';
COMMENT ON COLUMN mx.membership_census.last_day IS
    'The day of the newest one.';
COMMENT ON COLUMN mx.membership_census.gross IS
    'What they came to, surcharge and tax contained; what was given back is not taken off.';

-- 13. The dictionary ----------------------------------------------------------------------------

-- What was kept long enough is forgotten by the loader, of one merchant at a time; nobody may forget the audit log.
GRANT DELETE ON mx.webhook_inbox, mx.api_usage, mx.certificates, mx.sync_runs, mx.sync_requests TO mx_loader;

-- What each asset of the catalog shows of its columns is read from here.

COMMENT ON TABLE mx.payments IS
    'One row per payment or attempt, as MX Merchant tells it; the newest news of each.';
COMMENT ON COLUMN mx.payments.merchant_id IS
    'The merchant whose payment this is: MX Merchant''s own number.';
COMMENT ON COLUMN mx.payments.mx_payment_id IS
    'MX Merchant''s id of the payment; unique within the merchant.';
COMMENT ON COLUMN mx.payments.created IS
    'When the payment was made, as MX Merchant says, in UTC.';
COMMENT ON COLUMN mx.payments.amount IS
    'What the customer paid, tax and surcharge contained; negative for a return.';
COMMENT ON COLUMN mx.payments.status IS
    'Where the payment stands, in MX Merchant''s word, such as Approved, Settled, Declined or Voided.';
COMMENT ON COLUMN mx.payments.type IS
    'What kind of payment it is, in MX Merchant''s word, such as Sale or Return.';
COMMENT ON COLUMN mx.payments.source IS
    'Where it was taken, in MX Merchant''s word, such as QuickPay, Recurring or Invoice.';
COMMENT ON COLUMN mx.payments.tender_type IS
    'What it was paid with, such as Card or Cash.';
COMMENT ON COLUMN mx.payments.invoice_reference IS
    'The reference that the payment carries: an invoice number, or a text that MX Merchant or a caller made up.';
COMMENT ON COLUMN mx.payments.invoice_number IS
    'The reference as a number, where it is all digits; it proposes an invoice and proves none.';
COMMENT ON COLUMN mx.payments.invoice_ids IS
    'The invoices that MX Merchant itself names for the payment, where a list or a detail told them.';
COMMENT ON COLUMN mx.payments.original_payment_id IS
    'Of a return: the payment that it gives back, where the payment''s own page told it.';
COMMENT ON COLUMN mx.payments.refunded_amount IS
    'How much of it was given back so far; told by the list only.';
COMMENT ON COLUMN mx.payments.settled_amount IS
    'What MX Merchant tells as settled; it may say 0 for a settled payment.';
COMMENT ON COLUMN mx.payments.surcharge_amount IS
    'The surcharge contained in the amount; negative for a return.';
COMMENT ON COLUMN mx.payments.tax_amount IS
    'The tax contained in the amount.';
COMMENT ON COLUMN mx.payments.payload IS
    'Every other declared field as MX Merchant sent it; no name, no token.';
COMMENT ON COLUMN mx.payments.detail IS
    'What only the payment''s own page tells, such as its batch; empty until that page was read.';
COMMENT ON COLUMN mx.payments.list_hash IS
    'A hash of the list''s last news, so that unchanged rows are not written again.';
COMMENT ON COLUMN mx.payments.detail_hash IS
    'A hash of the last news of the payment''s own page.';
COMMENT ON COLUMN mx.payments.first_seen_at IS
    'When this warehouse first stored the payment.';
COMMENT ON COLUMN mx.payments.observed_at IS
    'When the stored news was asked for, by the database''s clock; later news wins.';
COMMENT ON COLUMN mx.payments.detail_observed_at IS
    'When the payment''s own page was last asked for with news; empty if never.';
COMMENT ON COLUMN mx.payments.vanished_at IS
    'When MX stopped listing the payment; such a payment is kept and no longer counted or shown.';
COMMENT ON COLUMN mx.payments.changed_at IS
    'When a sync last changed this row.';

COMMENT ON TABLE mx.payment_people IS
    'One row per payment that names a customer; kept apart so that names need a permission of their own.';
COMMENT ON COLUMN mx.payment_people.merchant_id IS
    'The merchant whose payment this is.';
COMMENT ON COLUMN mx.payment_people.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.payment_people.customer_name IS
    'The customer''s name as it stands on the payment.';
COMMENT ON COLUMN mx.payment_people.customer_code IS
    'The customer''s code as it stands on the payment.';

COMMENT ON TABLE mx.invoice_documents IS
    'One row per invoice, from the invoice list and, where it was wanted, the invoice''s own page.';
COMMENT ON COLUMN mx.invoice_documents.merchant_id IS
    'The merchant whose invoice this is.';
COMMENT ON COLUMN mx.invoice_documents.mx_invoice_id IS
    'MX Merchant''s id of the invoice; unique within the merchant.';
COMMENT ON COLUMN mx.invoice_documents.invoice_number IS
    'The number printed on the invoice; several invoices may carry the same.';
COMMENT ON COLUMN mx.invoice_documents.status IS
    'Where the invoice stands, in MX Merchant''s word, such as Paid or Unpaid.';
COMMENT ON COLUMN mx.invoice_documents.type IS
    'What kind of invoice it is, in MX Merchant''s word.';
COMMENT ON COLUMN mx.invoice_documents.receipt_number IS
    'The number of the receipt, where there is one.';
COMMENT ON COLUMN mx.invoice_documents.total_amount IS
    'What is to be paid, without the surcharge that a payment of it may carry.';
COMMENT ON COLUMN mx.invoice_documents.subtotal_amount IS
    'The sum of the lines before discount and tax.';
COMMENT ON COLUMN mx.invoice_documents.discount_amount IS
    'What was taken off.';
COMMENT ON COLUMN mx.invoice_documents.tax_amount IS
    'The tax on it; told by the list only.';
COMMENT ON COLUMN mx.invoice_documents.balance IS
    'What is still open.';
COMMENT ON COLUMN mx.invoice_documents.paid_amount IS
    'What has been paid.';
COMMENT ON COLUMN mx.invoice_documents.quantity IS
    'How many pieces its lines hold together.';
COMMENT ON COLUMN mx.invoice_documents.return_quantity IS
    'How many of them were given back.';
COMMENT ON COLUMN mx.invoice_documents.return_status IS
    'Whether it was given back, in MX Merchant''s word.';
COMMENT ON COLUMN mx.invoice_documents.invoice_date IS
    'The invoice''s date: midnight of the merchant''s day, in UTC.';
COMMENT ON COLUMN mx.invoice_documents.due_date IS
    'When it is due: midnight of the merchant''s day, in UTC.';
COMMENT ON COLUMN mx.invoice_documents.api_created IS
    'When MX Merchant made the invoice, in UTC.';
COMMENT ON COLUMN mx.invoice_documents.source_type IS
    'Where the invoice came from, in MX Merchant''s word.';
COMMENT ON COLUMN mx.invoice_documents.terms IS
    'The terms of payment.';
COMMENT ON COLUMN mx.invoice_documents.currency IS
    'The currency; told by the list only.';
COMMENT ON COLUMN mx.invoice_documents.is_tax_exempt IS
    'Whether the customer pays no tax.';
COMMENT ON COLUMN mx.invoice_documents.raw_data IS
    'The invoice''s own page as MX Merchant sent it, with its lines, less people and secrets; empty until it was read.';
COMMENT ON COLUMN mx.invoice_documents.list_hash IS
    'A hash of the list''s last news, so that unchanged rows are not written again.';
COMMENT ON COLUMN mx.invoice_documents.detail_hash IS
    'A hash of the last news of the invoice''s own page.';
COMMENT ON COLUMN mx.invoice_documents.listed_total IS
    'The total that the list told last.';
COMMENT ON COLUMN mx.invoice_documents.listed_quantity IS
    'The quantity that the list told last.';
COMMENT ON COLUMN mx.invoice_documents.detail_of_total IS
    'The listed total for which the lines were read; where it differs, they are read again.';
COMMENT ON COLUMN mx.invoice_documents.detail_of_quantity IS
    'The listed quantity for which the lines were read; where it differs, they are read again.';
COMMENT ON COLUMN mx.invoice_documents.first_seen_at IS
    'When this warehouse first stored the invoice.';
COMMENT ON COLUMN mx.invoice_documents.observed_at IS
    'When the stored news was asked for, by the database''s clock; later news wins.';
COMMENT ON COLUMN mx.invoice_documents.detail_observed_at IS
    'When the invoice''s own page was last asked for with news; empty if never.';
COMMENT ON COLUMN mx.invoice_documents.vanished_at IS
    'When MX stopped listing the invoice, or denied it; its product lines stay.';
COMMENT ON COLUMN mx.invoice_documents.changed_at IS
    'When a sync last changed this row.';

COMMENT ON TABLE mx.invoice_purchases IS
    'One row per product line of an invoice whose own page was read.';
COMMENT ON COLUMN mx.invoice_purchases.merchant_id IS
    'The merchant whose invoice this is.';
COMMENT ON COLUMN mx.invoice_purchases.mx_invoice_id IS
    'The invoice.';
COMMENT ON COLUMN mx.invoice_purchases.line IS
    'The place of the line on the invoice, from 1.';
COMMENT ON COLUMN mx.invoice_purchases.mx_purchase_id IS
    'MX Merchant''s id of the line.';
COMMENT ON COLUMN mx.invoice_purchases.product_id IS
    'MX Merchant''s id of the product.';
COMMENT ON COLUMN mx.invoice_purchases.product_name IS
    'The product''s name as sent, with the spaces that it may carry at its ends.';
COMMENT ON COLUMN mx.invoice_purchases.description IS
    'The description of the line.';
COMMENT ON COLUMN mx.invoice_purchases.quantity IS
    'How many pieces.';
COMMENT ON COLUMN mx.invoice_purchases.quantity_returned IS
    'How many of them were given back.';
COMMENT ON COLUMN mx.invoice_purchases.price IS
    'The price of one piece.';
COMMENT ON COLUMN mx.invoice_purchases.discount_amount IS
    'What was taken off the line.';
COMMENT ON COLUMN mx.invoice_purchases.price_discount_amount IS
    'What was taken off the price.';
COMMENT ON COLUMN mx.invoice_purchases.subtotal_amount IS
    'The line before tax.';
COMMENT ON COLUMN mx.invoice_purchases.tax_amount IS
    'The tax on the line.';
COMMENT ON COLUMN mx.invoice_purchases.total_amount IS
    'The line in the end; the greatest one names the payment''s product.';
COMMENT ON COLUMN mx.invoice_purchases.api_created IS
    'When MX Merchant made the line, in UTC.';

COMMENT ON TABLE mx.invoice_map IS
    'One row per invoice number and invoice id that belong together, learned from the invoice list.';
COMMENT ON COLUMN mx.invoice_map.merchant_id IS
    'The merchant whose invoice this is.';
COMMENT ON COLUMN mx.invoice_map.invoice_number IS
    'The number printed on the invoice, which payments may carry as their reference.';
COMMENT ON COLUMN mx.invoice_map.mx_invoice_id IS
    'MX Merchant''s id of an invoice with that number; there may be several.';

COMMENT ON TABLE mx.enriched_transactions IS
    'One row per payment with the invoice that it paid and what was bought; derived, and rebuilt without a call.';
COMMENT ON COLUMN mx.enriched_transactions.merchant_id IS
    'The merchant whose payment this is.';
COMMENT ON COLUMN mx.enriched_transactions.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.enriched_transactions.has_invoice IS
    'Whether an invoice is known that the payment paid, or gave back.';
COMMENT ON COLUMN mx.enriched_transactions.mx_invoice_id IS
    'That invoice; the first where the payment names several.';
COMMENT ON COLUMN mx.enriched_transactions.link_basis IS
    'The evidence for it: invoice_ids, invoice_payments, original_payment or number.';
COMMENT ON COLUMN mx.enriched_transactions.unlinked_reason IS
    'Why no invoice is known though something points to one; empty for a payment that stands alone.';
COMMENT ON COLUMN mx.enriched_transactions.product_name IS
    'What was bought: the line with the greatest total, its name trimmed.';
COMMENT ON COLUMN mx.enriched_transactions.product_category IS
    'The category of that product.';
COMMENT ON COLUMN mx.enriched_transactions.category_source IS
    'What the category was taken from: override, exact_name, rule, suggestion, or none.';
COMMENT ON COLUMN mx.enriched_transactions.category_rule_id IS
    'The rule that decided it, of the merchant''s category rules.';
COMMENT ON COLUMN mx.enriched_transactions.category_confidence IS
    'How sure the model was, 0 to 1, where a suggestion decided it.';
COMMENT ON COLUMN mx.enriched_transactions.category_decided_by IS
    'Who made the override, the name''s category, the rule or the suggestion.';
COMMENT ON COLUMN mx.enriched_transactions.category_decided_at IS
    'When they did.';

COMMENT ON TABLE mx.sql_logins IS
    'One row per merchant that a person''s own SQL login may read.';
COMMENT ON COLUMN mx.sql_logins.merchant_id IS
    'The merchant that may be read.';
COMMENT ON COLUMN mx.sql_logins.login IS
    'The login role in Postgres.';
COMMENT ON COLUMN mx.sql_logins.kind IS
    'analyst reads the merchant''s tables and views; investor reads the investor_ views alone.';
COMMENT ON COLUMN mx.sql_logins.sees_names IS
    'Whether an analyst sees customers'' names; they are empty otherwise.';
COMMENT ON COLUMN mx.sql_logins.granted_by IS
    'Who gave it.';
COMMENT ON COLUMN mx.sql_logins.granted_at IS
    'When it was given.';
COMMENT ON COLUMN mx.sql_logins.expires_at IS
    'When it ends by itself; empty if it does not.';
COMMENT ON COLUMN mx.sql_logins.is_active IS
    'False once it was taken away.';

COMMENT ON VIEW mx.investor_payments IS
    'One row per payment that the investors figures add up; read by their owner alone.';

COMMENT ON VIEW mx.investor_cells IS
    'One row per smallest group of sales that may be shown; read by their owner alone.';

COMMENT ON VIEW mx.investor_revenue_by_month IS
    'One row per merchant and complete month with 5 customers or more.';
COMMENT ON COLUMN mx.investor_revenue_by_month.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_revenue_by_month.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_revenue_by_month.revenue IS
    'What the sales came to, tax and surcharge contained; what was given back is not taken off.';
COMMENT ON COLUMN mx.investor_revenue_by_month.payments IS
    'How many sales.';
COMMENT ON COLUMN mx.investor_revenue_by_month.average_ticket IS
    'Revenue by sale.';

COMMENT ON VIEW mx.investor_revenue_by_category IS
    'One row per merchant, complete month and product category with 5 customers or more.';
COMMENT ON COLUMN mx.investor_revenue_by_category.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_revenue_by_category.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_revenue_by_category.product_category IS
    'The category; All other categories holds those that too few customers bought from.';
COMMENT ON COLUMN mx.investor_revenue_by_category.revenue IS
    'What the sales came to, tax and surcharge contained; what was given back is not taken off.';
COMMENT ON COLUMN mx.investor_revenue_by_category.payments IS
    'How many sales.';
COMMENT ON COLUMN mx.investor_revenue_by_category.average_ticket IS
    'Revenue by sale.';

COMMENT ON VIEW mx.investor_revenue_by_product IS
    'One row per merchant, complete month, product category and product with 5 customers or more.';
COMMENT ON COLUMN mx.investor_revenue_by_product.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_revenue_by_product.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_revenue_by_product.product_category IS
    'The category; All other categories holds those that too few customers bought from.';
COMMENT ON COLUMN mx.investor_revenue_by_product.product_name IS
    'The product; All other products holds those that too few customers bought.';
COMMENT ON COLUMN mx.investor_revenue_by_product.revenue IS
    'What the sales came to, tax and surcharge contained; what was given back is not taken off.';
COMMENT ON COLUMN mx.investor_revenue_by_product.payments IS
    'How many sales.';
COMMENT ON COLUMN mx.investor_revenue_by_product.average_ticket IS
    'Revenue by sale.';

COMMENT ON VIEW mx.investor_payments_by_month IS
    'One row per merchant, complete month and kind of payment with 5 customers or more.';
COMMENT ON COLUMN mx.investor_payments_by_month.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_payments_by_month.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_payments_by_month.kind IS
    'sale, refund or declined.';
COMMENT ON COLUMN mx.investor_payments_by_month.payments IS
    'How many.';
COMMENT ON COLUMN mx.investor_payments_by_month.amount IS
    'What they came to; for declined ones, what they would have.';

COMMENT ON VIEW mx.investor_memberships IS
    'One row per merchant and membership status with 5 members or more.';
COMMENT ON COLUMN mx.investor_memberships.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_memberships.membership_status IS
    'The status of the members newest recurring payment in a complete month; All others holds the rare ones.';
COMMENT ON COLUMN mx.investor_memberships.members IS
    'How many customers.';

-- What the tables and columns mean, for whoever reads them with SQL: docs/columns.md is made from here.

COMMENT ON TABLE mx.users IS
    'One row per person who may sign in.';

COMMENT ON TABLE mx.mx_merchant_configs IS
    'One row per merchant: a clinic with its own API key, sealed.';
COMMENT ON COLUMN mx.mx_merchant_configs.merchant_id IS
    'MX Merchant''s own number of the merchant.';
COMMENT ON COLUMN mx.mx_merchant_configs.id IS
    'A random id of the row.';
COMMENT ON COLUMN mx.mx_merchant_configs.name IS
    'What the merchant is called here.';
COMMENT ON COLUMN mx.mx_merchant_configs.environment IS
    'Which of MX Merchant''s worlds it is in: sandbox or production.';
COMMENT ON COLUMN mx.mx_merchant_configs.timezone IS
    'The merchant''s own time zone, an IANA name; its days and months are of it.';
COMMENT ON COLUMN mx.mx_merchant_configs.consumer_key IS
    'The API key, sealed; nobody with SQL reads it.';
COMMENT ON COLUMN mx.mx_merchant_configs.consumer_secret IS
    'The API key''s secret, sealed; nobody with SQL reads it.';
COMMENT ON COLUMN mx.mx_merchant_configs.sealing_key_id IS
    'Which sealing key opens them.';
COMMENT ON COLUMN mx.mx_merchant_configs.user_id IS
    'The owner whom the configuration names.';
COMMENT ON COLUMN mx.mx_merchant_configs.calls_in_flight IS
    'How many calls may be under way at once.';
COMMENT ON COLUMN mx.mx_merchant_configs.calls_per_second IS
    'How many calls may begin in a second; empty for no bound of our own.';
COMMENT ON COLUMN mx.mx_merchant_configs.delay_seconds IS
    'How long to wait between two calls.';
COMMENT ON COLUMN mx.mx_merchant_configs.calls_per_day IS
    'How many calls a day may cost; empty for no quota.';
COMMENT ON COLUMN mx.mx_merchant_configs.is_active IS
    'False while it is paused: nothing is synced.';
COMMENT ON COLUMN mx.mx_merchant_configs.credentials_refused_at IS
    'Since when MX Merchant refuses its key; empty while it is good.';
COMMENT ON COLUMN mx.mx_merchant_configs.created_at IS
    'When the merchant was registered.';
COMMENT ON COLUMN mx.mx_merchant_configs.updated_at IS
    'When this row was last changed.';
COMMENT ON COLUMN mx.mx_merchant_configs.interval_minutes IS
    'How often it is synced, in minutes; empty where the schedule finds out by itself.';
COMMENT ON COLUMN mx.mx_merchant_configs.access_check IS
    'Which check rules who may read it: owner, both or permissions.';

COMMENT ON TABLE mx.user_tenant_permissions IS
    'One row per person and merchant: the role they have there, and what was granted or revoked beside it.';

COMMENT ON TABLE mx.role_permissions IS
    'One row per role and permission that it holds; the same everywhere.';

COMMENT ON TABLE mx.permission_implications IS
    'One row per permission that contains another.';

COMMENT ON TABLE mx.role_gives IS
    'One row per role and role that it may give to others.';

COMMENT ON TABLE mx.user_tokens IS
    'One row per token of a person; hashes only.';

COMMENT ON TABLE mx.user_sessions IS
    'One row per sign-in of a person in a browser; hashes only.';

COMMENT ON TABLE mx.invitations IS
    'One row per invitation to a merchant; its secret is kept as a hash.';

COMMENT ON TABLE mx.payment_history IS
    'One row per change of a payment''s amount, status, refund or settlement.';
COMMENT ON COLUMN mx.payment_history.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.payment_history.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.payment_history.change_id IS
    'The number of the change.';
COMMENT ON COLUMN mx.payment_history.changed_at IS
    'When a sync wrote the change.';
COMMENT ON COLUMN mx.payment_history.observed_at IS
    'When the news was asked for.';
COMMENT ON COLUMN mx.payment_history.amount_before IS
    'The amount before; empty where the change is the first news.';
COMMENT ON COLUMN mx.payment_history.amount IS
    'The amount since.';
COMMENT ON COLUMN mx.payment_history.status_before IS
    'The status before.';
COMMENT ON COLUMN mx.payment_history.status IS
    'The status since.';
COMMENT ON COLUMN mx.payment_history.refunded_amount_before IS
    'What was given back before.';
COMMENT ON COLUMN mx.payment_history.refunded_amount IS
    'What was given back since.';
COMMENT ON COLUMN mx.payment_history.settled_amount_before IS
    'What was told as settled before.';
COMMENT ON COLUMN mx.payment_history.settled_amount IS
    'What is told as settled since.';

COMMENT ON TABLE mx.invoice_people IS
    'One row per invoice that names a customer; kept apart so that names need a permission of their own.';
COMMENT ON COLUMN mx.invoice_people.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoice_people.mx_invoice_id IS
    'The invoice.';
COMMENT ON COLUMN mx.invoice_people.customer_id IS
    'MX Merchant''s id of the customer.';
COMMENT ON COLUMN mx.invoice_people.customer_name IS
    'The customer''s name as it stands on the invoice.';
COMMENT ON COLUMN mx.invoice_people.customer_number IS
    'The customer''s number as it stands on the invoice.';
COMMENT ON COLUMN mx.invoice_people.memo IS
    'What somebody wrote on the invoice.';

COMMENT ON TABLE mx.invoice_payments IS
    'One row per payment that an invoice''s own page names.';
COMMENT ON COLUMN mx.invoice_payments.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoice_payments.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.invoice_payments.mx_invoice_id IS
    'The invoice.';

COMMENT ON TABLE mx.invoice_map_misses IS
    'One row per invoice number that payments carry and the invoice list does not hold, so that it is not sought by every sync.';

COMMENT ON VIEW mx.number_evidence IS
    'One row per payment and invoice of the same number, with what speaks for their belonging together; read by the program alone.';

COMMENT ON TABLE mx.payment_invoices IS
    'One row per payment and invoice that it is known to have paid, or given back.';
COMMENT ON COLUMN mx.payment_invoices.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.payment_invoices.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.payment_invoices.position IS
    'The place of the invoice where the payment names several, from 1.';
COMMENT ON COLUMN mx.payment_invoices.mx_invoice_id IS
    'The invoice.';
COMMENT ON COLUMN mx.payment_invoices.basis IS
    'The evidence: invoice_ids, invoice_payments, original_payment or number.';

COMMENT ON TABLE mx.product_categories IS
    'One row per product name that has a category by its exact name.';
COMMENT ON COLUMN mx.product_categories.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.product_categories.product_name IS
    'The product''s name, trimmed.';
COMMENT ON COLUMN mx.product_categories.category IS
    'Its category.';
COMMENT ON COLUMN mx.product_categories.is_active IS
    'False where it is used no more.';
COMMENT ON COLUMN mx.product_categories.created_at IS
    'When it was made.';
COMMENT ON COLUMN mx.product_categories.updated_at IS
    'When it was last changed.';
COMMENT ON COLUMN mx.product_categories.made_by IS
    'Who made it.';

COMMENT ON TABLE mx.transaction_workflow IS
    'One row per payment of which the clinic keeps something; no sync writes here.';
COMMENT ON COLUMN mx.transaction_workflow.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.transaction_workflow.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.transaction_workflow.membership_status IS
    'How the membership stands, such as active or canceled.';
COMMENT ON COLUMN mx.transaction_workflow.fulfillment_type IS
    'How it is fulfilled.';
COMMENT ON COLUMN mx.transaction_workflow.referral_source IS
    'Where the customer came from.';
COMMENT ON COLUMN mx.transaction_workflow.google_review_submitted IS
    'Whether they wrote a review.';
COMMENT ON COLUMN mx.transaction_workflow.date_started IS
    'When the membership began.';
COMMENT ON COLUMN mx.transaction_workflow.last_payment_date IS
    'When it was last paid.';
COMMENT ON COLUMN mx.transaction_workflow.next_billing_date IS
    'When it is billed next.';
COMMENT ON COLUMN mx.transaction_workflow.ordered_by_provider IS
    'Whether the provider ordered it.';
COMMENT ON COLUMN mx.transaction_workflow.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.transaction_workflow.updated_at IS
    'When somebody last wrote here.';

COMMENT ON TABLE mx.invoice_workflow IS
    'One row per invoice of which the clinic keeps something; no sync writes here.';
COMMENT ON COLUMN mx.invoice_workflow.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoice_workflow.mx_invoice_id IS
    'The invoice.';
COMMENT ON COLUMN mx.invoice_workflow.data_sent_status IS
    'Whether the data were sent: pending, yes or no.';
COMMENT ON COLUMN mx.invoice_workflow.data_sent_at IS
    'When they were sent.';
COMMENT ON COLUMN mx.invoice_workflow.data_sent_notes IS
    'What somebody noted about it.';
COMMENT ON COLUMN mx.invoice_workflow.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.invoice_workflow.updated_at IS
    'When somebody last wrote here.';

COMMENT ON TABLE mx.sync_requests IS
    'One row per wish for a sync; each is answered once.';

COMMENT ON TABLE mx.sync_runs IS
    'One row per sync of one merchant: its parameters, phases, counts and outcome.';

COMMENT ON TABLE mx.sync_state IS
    'One row per merchant and stream: how far it was read, when, and with which outcome.';
COMMENT ON COLUMN mx.sync_state.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.sync_state.stream IS
    'payments, invoices or enriched_transactions.';
COMMENT ON COLUMN mx.sync_state.run_id IS
    'The last run that wrote here.';
COMMENT ON COLUMN mx.sync_state.position IS
    'Where a walk over the list that was cut off goes on.';
COMMENT ON COLUMN mx.sync_state.walk_open IS
    'Whether such a walk is open.';
COMMENT ON COLUMN mx.sync_state.record_count IS
    'How many records MX Merchant last counted.';
COMMENT ON COLUMN mx.sync_state.walked_at IS
    'When the list was last walked.';
COMMENT ON COLUMN mx.sync_state.daily_at IS
    'When the daily part was last done.';
COMMENT ON COLUMN mx.sync_state.weekly_at IS
    'When the weekly part was last done.';
COMMENT ON COLUMN mx.sync_state.derived_through IS
    'Up to which change everything is derived.';
COMMENT ON COLUMN mx.sync_state.completed_at IS
    'When a sync last came to its end.';
COMMENT ON COLUMN mx.sync_state.last_outcome IS
    'How the last sync ended.';
COMMENT ON COLUMN mx.sync_state.last_success_at IS
    'When a sync last succeeded.';
COMMENT ON COLUMN mx.sync_state.last_verdict IS
    'What the last certificate said: agrees, differs or unproven.';
COMMENT ON COLUMN mx.sync_state.quarantined IS
    'How many records are set aside.';
COMMENT ON COLUMN mx.sync_state.updated_at IS
    'When this row was last written.';
COMMENT ON COLUMN mx.sync_state.resumes_at IS
    'When it goes on by itself, where MX Merchant holds it back.';
COMMENT ON COLUMN mx.sync_state.open_each_sync IS
    'Payments that each sync reads again.';
COMMENT ON COLUMN mx.sync_state.open_daily IS
    'Payments that are read again once a day.';
COMMENT ON COLUMN mx.sync_state.open_weekly IS
    'Payments that are read again once a week.';
COMMENT ON COLUMN mx.sync_state.monthly_at IS
    'When everything was last read whole.';
COMMENT ON COLUMN mx.sync_state.changed_at IS
    'When a sync last brought something new.';

COMMENT ON TABLE mx.sync_leases IS
    'One row per merchant that is or was synced: who holds it, and until when.';

COMMENT ON TABLE mx.credential_budgets IS
    'One row per API key, known by a keyed hash: how much it may be asked.';

COMMENT ON TABLE mx.credential_users IS
    'One row per process that uses an API key, known by a keyed hash.';

COMMENT ON TABLE mx.certificates IS
    'One row per comparison of what MX Merchant says it has with what is stored.';
COMMENT ON COLUMN mx.certificates.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.certificates.certificate_id IS
    'The number of the certificate.';
COMMENT ON COLUMN mx.certificates.run_id IS
    'The run that made it.';
COMMENT ON COLUMN mx.certificates.stream IS
    'payments or invoices.';
COMMENT ON COLUMN mx.certificates.scope IS
    'What was compared: all of the stream, or a part of it.';
COMMENT ON COLUMN mx.certificates.basis IS
    'count where numbers were compared, enumerated where every id was.';
COMMENT ON COLUMN mx.certificates.verdict IS
    'agrees, differs, or unproven where MX Merchant could not tell.';
COMMENT ON COLUMN mx.certificates.source_count IS
    'How many MX Merchant says it has.';
COMMENT ON COLUMN mx.certificates.our_count IS
    'How many are stored.';
COMMENT ON COLUMN mx.certificates.source_sum IS
    'What they come to, by MX Merchant.';
COMMENT ON COLUMN mx.certificates.our_sum IS
    'What the stored ones come to.';
COMMENT ON COLUMN mx.certificates.missing_ids IS
    'Ids that MX Merchant has and we do not.';
COMMENT ON COLUMN mx.certificates.surplus_ids IS
    'Ids that we have and MX Merchant does not list.';
COMMENT ON COLUMN mx.certificates.note IS
    'What a person should know of it.';
COMMENT ON COLUMN mx.certificates.made_at IS
    'When it was made.';

COMMENT ON TABLE mx.quarantine IS
    'One row per record that could not be taken in, with the reason; never what the record said.';

COMMENT ON TABLE mx.api_usage IS
    'One row per merchant, day, run, endpoint and outcome: how many calls there were.';

COMMENT ON TABLE mx.audit_log IS
    'One row per thing that somebody did; each merchant''s are a chain of hashes, and are never changed.';

COMMENT ON VIEW mx.transactions IS
    'One row per payment that MX Merchant lists, with the invoice it paid, its product and its category.';
COMMENT ON COLUMN mx.transactions.id IS
    'A stable id of the row, made from merchant and payment.';
COMMENT ON COLUMN mx.transactions.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.transactions.mx_payment_id IS
    'MX Merchant''s id of the payment; unique within the merchant.';
COMMENT ON COLUMN mx.transactions.amount IS
    'What the customer paid, tax and surcharge contained; negative for a return.';
COMMENT ON COLUMN mx.transactions.transaction_date IS
    'When the payment was made, in UTC.';
COMMENT ON COLUMN mx.transactions.status IS
    'Where the payment stands, in MX Merchant''s word, such as Approved, Settled, Declined or Voided.';
COMMENT ON COLUMN mx.transactions.refunded_amount IS
    'How much of it was given back so far.';
COMMENT ON COLUMN mx.transactions.settled_amount IS
    'What MX Merchant tells as settled; it may say 0 for a settled payment.';
COMMENT ON COLUMN mx.transactions.mx_invoice_number IS
    'The reference as a number, where it is all digits; it proposes an invoice and proves none.';
COMMENT ON COLUMN mx.transactions.invoice_reference IS
    'The reference that the payment carries, as it is.';
COMMENT ON COLUMN mx.transactions.mx_invoice_id IS
    'The invoice that it paid, by MX Merchant''s id; empty where none is known.';
COMMENT ON COLUMN mx.transactions.has_invoice IS
    'Whether an invoice is known that it paid, or gave back.';
COMMENT ON COLUMN mx.transactions.invoice_id IS
    'The same invoice, by the id of mx.invoices.';
COMMENT ON COLUMN mx.transactions.link_basis IS
    'The evidence for it: invoice_ids, invoice_payments, original_payment or number.';
COMMENT ON COLUMN mx.transactions.unlinked_reason IS
    'Why no invoice is known though something points to one.';
COMMENT ON COLUMN mx.transactions.product_name IS
    'What was bought: the line with the greatest total.';
COMMENT ON COLUMN mx.transactions.product_category IS
    'The category of that product.';
COMMENT ON COLUMN mx.transactions.category_source IS
    'What the category was taken from: override, exact_name, rule, suggestion, or none.';
COMMENT ON COLUMN mx.transactions.source IS
    'Where it was taken, in MX Merchant''s word, such as QuickPay, Recurring or Invoice.';
COMMENT ON COLUMN mx.transactions.transaction_type IS
    'What kind of payment it is, such as Sale or Return.';
COMMENT ON COLUMN mx.transactions.tender_type IS
    'What it was paid with, such as Card or Cash.';
COMMENT ON COLUMN mx.transactions.customer_name IS
    'The customer''s name; empty without the permission for names.';
COMMENT ON COLUMN mx.transactions.customer_code IS
    'The customer''s code; empty without the permission for names.';
COMMENT ON COLUMN mx.transactions.client_reference IS
    'The reference that the caller of MX Merchant gave.';
COMMENT ON COLUMN mx.transactions.reference_number IS
    'MX Merchant''s own reference.';
COMMENT ON COLUMN mx.transactions.auth_code IS
    'The code of the bank''s authorisation.';
COMMENT ON COLUMN mx.transactions.auth_message IS
    'What the bank said.';
COMMENT ON COLUMN mx.transactions.response_code IS
    'The bank''s answer as a number.';
COMMENT ON COLUMN mx.transactions.card_type IS
    'The card''s brand.';
COMMENT ON COLUMN mx.transactions.card_last4 IS
    'The card''s last four digits.';
COMMENT ON COLUMN mx.transactions.card_token IS
    'Always empty: tokens that can charge a card are not stored.';
COMMENT ON COLUMN mx.transactions.currency IS
    'The currency.';
COMMENT ON COLUMN mx.transactions.tax_amount IS
    'The tax contained in the amount.';
COMMENT ON COLUMN mx.transactions.surcharge_amount IS
    'The surcharge contained in the amount.';
COMMENT ON COLUMN mx.transactions.surcharge_label IS
    'What the surcharge is called.';
COMMENT ON COLUMN mx.transactions.batch IS
    'The batch that it was settled in.';
COMMENT ON COLUMN mx.transactions.original_payment_id IS
    'Of a return: the payment that it gives back.';
COMMENT ON COLUMN mx.transactions.synced_at IS
    'When the stored news was asked for.';
COMMENT ON COLUMN mx.transactions.raw_data IS
    'Every other declared field as MX Merchant sent it; no name, no token.';
COMMENT ON COLUMN mx.transactions.membership_status IS
    'How the membership stands; active where nobody wrote otherwise.';
COMMENT ON COLUMN mx.transactions.fulfillment_type IS
    'How it is fulfilled, as the clinic wrote.';
COMMENT ON COLUMN mx.transactions.referral_source IS
    'Where the customer came from, as the clinic wrote.';
COMMENT ON COLUMN mx.transactions.google_review_submitted IS
    'Whether they wrote a review, as the clinic noted.';
COMMENT ON COLUMN mx.transactions.date_started IS
    'When the membership began.';
COMMENT ON COLUMN mx.transactions.last_payment_date IS
    'When it was last paid.';
COMMENT ON COLUMN mx.transactions.next_billing_date IS
    'When it is billed next.';
COMMENT ON COLUMN mx.transactions.ordered_by_provider IS
    'Whether the provider ordered it.';
COMMENT ON COLUMN mx.transactions.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.transactions.created_at IS
    'When this warehouse first stored the payment.';
COMMENT ON COLUMN mx.transactions.updated_at IS
    'When the payment or its workflow was last changed here.';

COMMENT ON VIEW mx.invoices IS
    'One row per invoice that MX Merchant lists, with what the clinic keeps of it.';
COMMENT ON COLUMN mx.invoices.id IS
    'A stable id of the row, made from merchant and invoice.';
COMMENT ON COLUMN mx.invoices.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoices.mx_invoice_id IS
    'MX Merchant''s id of the invoice; unique within the merchant.';
COMMENT ON COLUMN mx.invoices.invoice_number IS
    'The number printed on the invoice; several may carry the same.';
COMMENT ON COLUMN mx.invoices.status IS
    'Where the invoice stands, such as Paid or Unpaid.';
COMMENT ON COLUMN mx.invoices.total_amount IS
    'What is to be paid, without a surcharge.';
COMMENT ON COLUMN mx.invoices.subtotal_amount IS
    'The sum of the lines before discount and tax.';
COMMENT ON COLUMN mx.invoices.discount_amount IS
    'What was taken off.';
COMMENT ON COLUMN mx.invoices.tax_amount IS
    'The tax on it.';
COMMENT ON COLUMN mx.invoices.balance IS
    'What is still open.';
COMMENT ON COLUMN mx.invoices.paid_amount IS
    'What has been paid.';
COMMENT ON COLUMN mx.invoices.invoice_date IS
    'The invoice''s day, in the merchant''s own time zone.';
COMMENT ON COLUMN mx.invoices.due_date IS
    'When it is due, in the merchant''s own time zone.';
COMMENT ON COLUMN mx.invoices.api_created IS
    'When MX Merchant made the invoice, in UTC.';
COMMENT ON COLUMN mx.invoices.customer_id IS
    'MX Merchant''s id of the customer; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.customer_name IS
    'The customer''s name; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.customer_number IS
    'The customer''s number; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.memo IS
    'What somebody wrote on it; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.currency IS
    'The currency.';
COMMENT ON COLUMN mx.invoices.receipt_number IS
    'The number of the receipt.';
COMMENT ON COLUMN mx.invoices.quantity IS
    'How many pieces its lines hold together.';
COMMENT ON COLUMN mx.invoices.return_quantity IS
    'How many of them were given back.';
COMMENT ON COLUMN mx.invoices.return_status IS
    'Whether it was given back, in MX Merchant''s word.';
COMMENT ON COLUMN mx.invoices.source_type IS
    'Where the invoice came from.';
COMMENT ON COLUMN mx.invoices.type IS
    'What kind of invoice it is.';
COMMENT ON COLUMN mx.invoices.terms IS
    'The terms of payment.';
COMMENT ON COLUMN mx.invoices.is_tax_exempt IS
    'Whether the customer pays no tax.';
COMMENT ON COLUMN mx.invoices.raw_data IS
    'The invoice''s own page as MX Merchant sent it, less people and secrets; empty until it was read.';
COMMENT ON COLUMN mx.invoices.data_sent_status IS
    'Whether the data were sent: pending, yes or no.';
COMMENT ON COLUMN mx.invoices.data_sent_at IS
    'When they were sent.';
COMMENT ON COLUMN mx.invoices.data_sent_notes IS
    'What somebody noted about it.';
COMMENT ON COLUMN mx.invoices.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.invoices.created_at IS
    'When this warehouse first stored the invoice.';
COMMENT ON COLUMN mx.invoices.updated_at IS
    'When the invoice or its workflow was last changed here.';

COMMENT ON TABLE mx.webhook_keys IS
    'One row per key in the address that MX Merchant rings at; hashes only.';

COMMENT ON TABLE mx.webhook_subscriptions IS
    'One row per merchant that is to be rung for.';

COMMENT ON TABLE mx.webhook_inbox IS
    'One row per notification that came in: what it names, and what became of it.';

COMMENT ON TABLE mx.webhook_strangers IS
    'One row per day: how many came with a key that nobody has.';

COMMENT ON TABLE mx.category_books IS
    'One row per merchant: which version of its categories everything is derived by.';
COMMENT ON COLUMN mx.category_books.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_books.version IS
    'Grows with every change of a name, rule or override.';
COMMENT ON COLUMN mx.category_books.derived_version IS
    'The version by which everything is derived.';
COMMENT ON COLUMN mx.category_books.apply_from IS
    'How sure a suggestion must be to be applied by itself, 0 to 1.';
COMMENT ON COLUMN mx.category_books.ask_from IS
    'How sure it must be to be shown to a person, 0 to 1.';
COMMENT ON COLUMN mx.category_books.changed_at IS
    'When it last changed.';

COMMENT ON TABLE mx.category_rules IS
    'One row per rule that gives a category by a product''s name or price.';
COMMENT ON COLUMN mx.category_rules.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_rules.rule_id IS
    'The number of the rule.';
COMMENT ON COLUMN mx.category_rules.kind IS
    'What it looks at: contains, starts_with or regex of the name, or price.';
COMMENT ON COLUMN mx.category_rules.pattern IS
    'What the name is compared with.';
COMMENT ON COLUMN mx.category_rules.min_price IS
    'The lowest price that it holds for.';
COMMENT ON COLUMN mx.category_rules.max_price IS
    'The highest price that it holds for.';
COMMENT ON COLUMN mx.category_rules.active_from IS
    'The first day that it holds for.';
COMMENT ON COLUMN mx.category_rules.active_until IS
    'The first day that it holds for no more.';
COMMENT ON COLUMN mx.category_rules.priority IS
    'Which of several decides.';
COMMENT ON COLUMN mx.category_rules.category IS
    'The category that it gives.';
COMMENT ON COLUMN mx.category_rules.made_by IS
    'Who made it.';
COMMENT ON COLUMN mx.category_rules.made_at IS
    'When it was made.';
COMMENT ON COLUMN mx.category_rules.withdrawn_by IS
    'Who withdrew it.';
COMMENT ON COLUMN mx.category_rules.withdrawn_at IS
    'When it was withdrawn; empty while it is in force.';

COMMENT ON TABLE mx.category_overrides IS
    'One row per category that a person decided by hand, for a payment or a product name.';
COMMENT ON COLUMN mx.category_overrides.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_overrides.override_id IS
    'The number of the override.';
COMMENT ON COLUMN mx.category_overrides.mx_payment_id IS
    'The payment that it is for, if for one.';
COMMENT ON COLUMN mx.category_overrides.product_name IS
    'The product name that it is for, if for one.';
COMMENT ON COLUMN mx.category_overrides.category IS
    'The category.';
COMMENT ON COLUMN mx.category_overrides.reason IS
    'Why.';
COMMENT ON COLUMN mx.category_overrides.made_by IS
    'Who decided it.';
COMMENT ON COLUMN mx.category_overrides.made_at IS
    'When.';
COMMENT ON COLUMN mx.category_overrides.withdrawn_by IS
    'Who withdrew it.';
COMMENT ON COLUMN mx.category_overrides.withdrawn_at IS
    'When it was withdrawn; empty while it is in force.';

COMMENT ON TABLE mx.category_suggestions IS
    'One row per category that a model suggested for a product name.';
COMMENT ON COLUMN mx.category_suggestions.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_suggestions.product_name IS
    'The product name.';
COMMENT ON COLUMN mx.category_suggestions.category IS
    'The category that is suggested.';
COMMENT ON COLUMN mx.category_suggestions.confidence IS
    'How sure the model is, 0 to 1.';
COMMENT ON COLUMN mx.category_suggestions.model IS
    'Which model.';
COMMENT ON COLUMN mx.category_suggestions.suggested_at IS
    'When.';
COMMENT ON COLUMN mx.category_suggestions.decision IS
    'accepted or rejected, where a person said so.';
COMMENT ON COLUMN mx.category_suggestions.decided_by IS
    'Who decided.';
COMMENT ON COLUMN mx.category_suggestions.decided_at IS
    'When.';
COMMENT ON COLUMN mx.category_suggestions.active_from IS
    'The first day that it holds for.';
COMMENT ON COLUMN mx.category_suggestions.active_until IS
    'The first day that it holds for no more.';

COMMENT ON TABLE mx.category_history IS
    'One row per change of a payment''s category.';
COMMENT ON COLUMN mx.category_history.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_history.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.category_history.changed_at IS
    'When it changed.';
COMMENT ON COLUMN mx.category_history.category_before IS
    'The category before.';
COMMENT ON COLUMN mx.category_history.source_before IS
    'What that was taken from.';
COMMENT ON COLUMN mx.category_history.category IS
    'The category since.';
COMMENT ON COLUMN mx.category_history.source IS
    'What it is taken from.';
COMMENT ON COLUMN mx.category_history.rule_id IS
    'The rule, where one decided.';
COMMENT ON COLUMN mx.category_history.confidence IS
    'How sure the model was, where a suggestion decided.';
COMMENT ON COLUMN mx.category_history.decided_by IS
    'Who made what decided.';

COMMENT ON TABLE mx.canary IS
    'How the last look of the canary ended; one row at most.';
COMMENT ON TABLE mx.alerts IS
    'One row per fault that operators were told of, by a hash of what it is about, so that nobody is told it twice.';
