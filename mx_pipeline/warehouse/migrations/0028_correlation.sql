-- What a request was asked with goes with it to whoever answers it.

ALTER TABLE mx.sync_requests ADD COLUMN correlation_id text, ADD COLUMN traceparent text;
