-- How often a merchant is synced is said in one place, for whose turn it is and for who is late; what operators were
-- told is remembered, so that nobody is told the same twice; the figures of all merchants together can be counted.

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
REVOKE EXECUTE ON FUNCTION mx.seconds_between_syncs(integer, timestamptz, bigint, double precision, timestamptz)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.seconds_between_syncs(integer, timestamptz, bigint, double precision, timestamptz)
    TO mx_loader, mx_app, mx_dispatcher;

CREATE TABLE mx.alerts (
    subject_hash  bytea PRIMARY KEY CHECK (octet_length(subject_hash) = 32),
    told_at       timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON mx.alerts TO mx_dispatcher;
GRANT SELECT ON mx.alerts TO mx_backup;

CREATE INDEX sync_runs_by_time ON mx.sync_runs USING brin (started_at) WITH (pages_per_range = 16);
GRANT SELECT (level, paused_until, opened_at, last_call_at) ON mx.credential_budgets TO mx_dispatcher;
