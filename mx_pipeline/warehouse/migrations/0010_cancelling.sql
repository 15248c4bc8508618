-- A request can be cancelled; the sync that runs for it sees so at its next page.

ALTER TABLE mx.sync_requests ADD COLUMN cancelled_by text;
ALTER TABLE mx.sync_leases ADD COLUMN stop text;
GRANT SELECT (merchant_id), UPDATE (stop) ON mx.sync_leases TO mx_app;
