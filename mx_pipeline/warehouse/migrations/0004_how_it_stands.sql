-- What `status`, the scheduler and the dispatcher have to know of every merchant without reading its data.

ALTER TABLE mx.mx_merchant_configs
    ADD COLUMN interval_minutes integer CHECK (interval_minutes BETWEEN 1 AND 10080);
GRANT SELECT (interval_minutes) ON mx.mx_merchant_configs TO mx_app, mx_dispatcher;

ALTER TABLE mx.sync_runs ADD COLUMN resumes_at timestamptz;
ALTER TABLE mx.sync_state
    ADD COLUMN resumes_at timestamptz,
    ADD COLUMN open_each_sync bigint,
    ADD COLUMN open_daily bigint,
    ADD COLUMN open_weekly bigint;

CREATE INDEX sync_requests_claimed ON mx.sync_requests (claimed_at) WHERE status = 'claimed';
CREATE INDEX sync_runs_open ON mx.sync_runs (merchant_id) WHERE finished_at IS NULL;

-- The dispatcher ends what a lost process left open.
GRANT SELECT (merchant_id, holder, expires_at) ON mx.sync_leases TO mx_dispatcher;
GRANT UPDATE (status, claimed_by, claimed_at, finished_at, outcome, message) ON mx.sync_requests TO mx_dispatcher;
GRANT UPDATE (phase, finished_at, outcome, message) ON mx.sync_runs TO mx_dispatcher;
CREATE POLICY dispatcher_sees_all ON mx.sync_leases FOR SELECT TO mx_dispatcher USING (true);
CREATE POLICY dispatcher_closes ON mx.sync_runs FOR UPDATE TO mx_dispatcher USING (true) WITH CHECK (true);
