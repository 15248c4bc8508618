-- For the owner, by the migrating login: no role of a running process may erase a merchant.

-- name: tenant_tables
-- Every table that holds rows of a merchant, whoever made it, but for the log that outlives the merchant.
SELECT cls.relname AS name
  FROM pg_class AS cls
  JOIN pg_attribute AS att ON att.attrelid = cls.oid AND att.attname = 'merchant_id' AND NOT att.attisdropped
 WHERE cls.relnamespace = 'mx'::regnamespace
   AND cls.relkind IN ('r', 'p')
   AND NOT cls.relispartition
   AND cls.relname <> 'audit_log'
 ORDER BY cls.relname

-- name: references
-- Which of them refer to which.
SELECT child.relname AS child, parent.relname AS parent
  FROM pg_constraint AS con
  JOIN pg_class AS child ON child.oid = con.conrelid
  JOIN pg_class AS parent ON parent.oid = con.confrelid
 WHERE con.contype = 'f' AND con.connamespace = 'mx'::regnamespace AND con.conrelid <> con.confrelid

-- name: stop_for_good
-- Waits for the write that is under way; every later one is refused.
UPDATE mx.mx_merchant_configs
   SET is_active = false, updated_at = now()
 WHERE merchant_id = :merchant_id
RETURNING name

-- name: hold
SELECT merchant_id FROM mx.mx_merchant_configs WHERE merchant_id = :merchant_id FOR UPDATE

-- name: last_entry
SELECT entry, hash, at FROM mx.audit_log WHERE merchant_id = :merchant_id ORDER BY entry DESC LIMIT 1
