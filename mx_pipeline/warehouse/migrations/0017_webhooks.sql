-- MX rings: its notifications are kept by a login that can do nothing else, and ask for what they name.

ALTER TABLE mx.sync_requests
    DROP CONSTRAINT sync_requests_mode_check,
    ADD CONSTRAINT sync_requests_mode_check
        CHECK (mode IN ('incremental', 'latest', 'range', 'full', 'named'));

ALTER TABLE mx.audit_log
    DROP CONSTRAINT audit_log_action_check,
    ADD CONSTRAINT audit_log_action_check CHECK (action IN (
        'sync.asked', 'sync.refused', 'sync.cancelled',
        'merchant.added', 'merchant.changed', 'merchant.paused', 'merchant.resumed', 'merchant.removed',
        'credential.used', 'credential.changed', 'keys.rotated',
        'user.added', 'user.changed', 'user.removed', 'user.invited', 'owner.changed',
        'permission.granted', 'permission.changed', 'permission.revoked',
        'access.refused', 'access.reviewed', 'access.disagreed', 'access.mode_changed',
        'login.granted', 'login.revoked', 'token.issued', 'token.revoked', 'session.opened', 'session.closed',
        'names.read', 'data.exported', 'workflow.changed', 'category.changed',
        'override.set', 'override.removed', 'quarantine.replayed',
        'webhook.added', 'webhook.removed', 'webhook.rejected', 'backup.made', 'backup.restored'));

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
