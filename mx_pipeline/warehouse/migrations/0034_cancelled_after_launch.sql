-- Requests that were cancelled while Dagster held a run for them are found at once, however many others there are.

CREATE INDEX sync_requests_cancelled ON mx.sync_requests (merchant_id)
    WHERE status = 'done' AND outcome = 'cancelled' AND launched_at IS NOT NULL;
