-- Who did what, as a chain that shows every change.

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
        'webhook.added', 'webhook.removed')),
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
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mx AS $$
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

-- Whoever acts says what was done; number, time and hash are the trigger's. Only the auditor reads it all.
GRANT INSERT (merchant_id, actor, action, subject, detail) ON mx.audit_log TO mx_loader, mx_app;
GRANT SELECT ON mx.audit_log TO mx_auditor;
GRANT SELECT ON mx.audit_log TO mx_backup;

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
