-- name: count_of
-- Of a merchant that is named here, not set: what whoever asks does not see is not counted.
SELECT count(*) AS payments FROM mx.transactions WHERE merchant_id = :whose

-- name: count_stored
-- The same for the loader, which reads tables and no view.
SELECT count(*) AS payments FROM mx.payments WHERE merchant_id = :whose

-- name: stored
SELECT amount, status, client_reference FROM mx.transactions WHERE merchant_id = :whose AND mx_payment_id = :payment_id

-- name: days_known
-- How many days have begun since this merchant was added, by the database's clock.
SELECT (now() AT TIME ZONE 'UTC')::date - (created_at AT TIME ZONE 'UTC')::date AS days
  FROM mx.mx_merchant_configs
 WHERE merchant_id = :whose

-- name: keep_look
INSERT INTO mx.canary AS known (is_well, ended_at, last_well_at)
VALUES (:is_well, now(), CASE WHEN :is_well THEN now() END)
    ON CONFLICT (is_only) DO UPDATE
   SET is_well = excluded.is_well, ended_at = excluded.ended_at,
       last_well_at = coalesce(excluded.last_well_at, known.last_well_at)

-- name: last_look
SELECT is_well, ended_at, last_well_at, extract(epoch FROM now() - ended_at)::float8 AS seconds_ago,
       coalesce(extract(epoch FROM now() - last_well_at)::float8, 0) AS well_seconds_ago
  FROM mx.canary
