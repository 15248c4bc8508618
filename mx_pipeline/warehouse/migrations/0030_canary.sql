-- How the last look of the canary ended.

CREATE TABLE mx.canary (
    is_only       boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    is_well       boolean NOT NULL,
    ended_at      timestamptz NOT NULL,
    last_well_at  timestamptz
);
COMMENT ON TABLE mx.canary IS
    'How the last look of the canary ended; one row at most.';
GRANT SELECT, INSERT, UPDATE ON mx.canary TO mx_dispatcher;
GRANT SELECT ON mx.canary TO mx_backup;
