-- For the owner, by the migrating login: no role of a running process both reads and writes a sealed key.

-- name: sealed_with
-- Which key seals how many merchants.
SELECT sealing_key_id, count(*) AS merchants
  FROM mx.mx_merchant_configs
 GROUP BY sealing_key_id
 ORDER BY sealing_key_id

-- name: sealed_otherwise
-- The next merchants that the current key does not seal; nobody replaces their keys until this transaction ends.
SELECT merchant_id, consumer_key, consumer_secret, sealing_key_id
  FROM mx.mx_merchant_configs
 WHERE sealing_key_id <> :current AND merchant_id > :after
 ORDER BY merchant_id
 LIMIT :most
   FOR NO KEY UPDATE

-- name: reseal
UPDATE mx.mx_merchant_configs
   SET consumer_key = :consumer_key, consumer_secret = :consumer_secret, sealing_key_id = :sealing_key_id
 WHERE merchant_id = :merchant_id

-- name: who_knows_another_key
-- Open connections of processes that were started without the current key; each says which keys it knows.
SELECT count(*)
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND application_name LIKE 'mx\_pipeline mx\_%'
   AND position(CAST(:current AS text) IN application_name) = 0
