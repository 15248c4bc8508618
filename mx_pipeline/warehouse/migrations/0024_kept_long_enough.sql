-- What was kept long enough is forgotten by the loader, of one merchant at a time; nobody may forget the audit log.
GRANT DELETE ON mx.webhook_inbox, mx.api_usage, mx.certificates, mx.sync_runs, mx.sync_requests TO mx_loader;

-- A certificate belongs to its run.
ALTER TABLE mx.certificates
    DROP CONSTRAINT certificates_merchant_id_run_id_fkey,
    ADD CONSTRAINT certificates_merchant_id_run_id_fkey
        FOREIGN KEY (merchant_id, run_id) REFERENCES mx.sync_runs ON DELETE CASCADE;
