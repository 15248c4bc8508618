-- How a person says who they are: tokens of this installation, and invitations that a person answers.

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

GRANT SELECT (id, user_id, issued_by, created_at, expires_at, revoked_at, last_used_at) ON mx.user_tokens TO mx_app;
GRANT INSERT, UPDATE (revoked_at) ON mx.user_tokens TO mx_app;
GRANT SELECT (merchant_id, invitation_id, email, role, invited_by, created_at, expires_at, accepted_by, accepted_at)
    ON mx.invitations TO mx_app;
GRANT INSERT ON mx.invitations TO mx_app;
GRANT SELECT ON mx.user_tokens, mx.invitations TO mx_backup;
GRANT EXECUTE ON FUNCTION mx.token_presented(uuid), mx.token_used(uuid), mx.person_of_subject(text, text, text),
    mx.invitation_presented(uuid), mx.accept_invitation(uuid, bytea), mx.people_at(bigint) TO mx_app;

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
