-- name: record
INSERT INTO mx.audit_log (merchant_id, actor, action, subject, detail)
VALUES (:merchant_id, :actor, :action, :subject, CAST(:detail AS jsonb))

-- name: events
-- The newest events, of one chain or of all.
SELECT merchant_id, entry, at, actor, action, subject, detail, written_by
  FROM mx.audit_log
 WHERE (CAST(:merchant AS bigint) IS NULL OR merchant_id = CAST(:merchant AS bigint))
   AND (CAST(:since AS timestamptz) IS NULL OR at >= CAST(:since AS timestamptz))
 ORDER BY at DESC, merchant_id, entry DESC
 LIMIT :most

-- name: entries
-- The next page of every chain from its beginning; the detail as text, for the hash is over text.
SELECT merchant_id, entry, at, actor, action, subject, detail::text AS detail, written_by, previous_hash, hash
  FROM mx.audit_log
 WHERE (merchant_id, entry) > (:after_merchant, :after_entry)
 ORDER BY merchant_id, entry
 LIMIT :most

-- name: guards
-- The triggers that keep the log as it is, and whether they do; none may be missing.
SELECT guard.name, coalesce(found.tgenabled = 'A', false) AS is_on
  FROM unnest(ARRAY['chain_entry', 'only_added_to']) AS guard (name)
  LEFT JOIN pg_trigger AS found ON found.tgrelid = 'mx.audit_log'::regclass AND found.tgname = guard.name
 ORDER BY guard.name
