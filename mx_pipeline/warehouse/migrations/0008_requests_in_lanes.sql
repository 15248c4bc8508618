-- Requests are taken by lane, one that is being answered already is joined, and workers hear of each at once.

ALTER TABLE mx.sync_requests
    ADD COLUMN lane smallint NOT NULL DEFAULT 1 CHECK (lane BETWEEN 1 AND 3),
    ADD COLUMN joined_to bigint,
    DROP CONSTRAINT sync_requests_status_check,
    ADD CONSTRAINT sync_requests_status_check CHECK (status IN ('asked', 'claimed', 'joined', 'done')),
    ADD CHECK (status <> 'joined' OR joined_to IS NOT NULL),
    ADD FOREIGN KEY (merchant_id, joined_to) REFERENCES mx.sync_requests;

DROP INDEX mx.sync_requests_waiting;
CREATE INDEX sync_requests_waiting ON mx.sync_requests (lane, asked_at) WHERE status = 'asked';
CREATE INDEX sync_requests_joined ON mx.sync_requests (merchant_id, joined_to) WHERE status = 'joined';
GRANT UPDATE (run_id) ON mx.sync_requests TO mx_dispatcher;

-- It rings and says nothing: notifications know no tenant.
CREATE FUNCTION mx.ring_for_requests() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
BEGIN
    PERFORM pg_notify('mx_sync_requests', '');
    RETURN NULL;
END $$;

CREATE TRIGGER ring AFTER INSERT OR UPDATE OF status ON mx.sync_requests FOR EACH ROW
    WHEN (NEW.status IN ('asked', 'done')) EXECUTE FUNCTION mx.ring_for_requests();
