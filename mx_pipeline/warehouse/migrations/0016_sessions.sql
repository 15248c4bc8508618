-- Browsers sign in for a session: server-side, revocable, 15 minutes idle.

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

GRANT SELECT (id, user_id, token_id, opened_at, used_at, expires_at, ended_at) ON mx.user_sessions TO mx_app;
GRANT INSERT, DELETE, UPDATE (ended_at) ON mx.user_sessions TO mx_app;
GRANT SELECT ON mx.user_sessions TO mx_backup;
GRANT EXECUTE ON FUNCTION mx.session_presented(uuid), mx.session_used(uuid) TO mx_app;

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
