-- name: retire_categories
-- These products have no category by name from here on; a row that says what is wanted already stays.
UPDATE mx.product_categories AS stored
   SET is_active = false, updated_at = now()
  FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS wanted (product_name text, category text)
 WHERE stored.merchant_id = :merchant_id
   AND stored.is_active
   AND stored.product_name = wanted.product_name
   AND stored.category IS DISTINCT FROM wanted.category

-- name: set_categories
INSERT INTO mx.product_categories (merchant_id, product_name, category, made_by)
SELECT :merchant_id, product_name, category, :made_by
  FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS wanted (product_name text, category text)
 WHERE category IS NOT NULL
    ON CONFLICT (merchant_id, product_name) WHERE is_active DO NOTHING

-- name: categories
SELECT product_name, category, made_by, updated_at
  FROM mx.product_categories
 WHERE merchant_id = :merchant_id AND is_active
 ORDER BY category, product_name

-- name: lock_book
-- Edits of one merchant's categories take turns, and wait for what is being derived.
SELECT pg_advisory_xact_lock(mx.categories_lock(:merchant_id))

-- name: book
SELECT version, derived_version, apply_from, ask_from FROM mx.category_books WHERE merchant_id = :merchant_id

-- name: set_thresholds
INSERT INTO mx.category_books AS book (merchant_id, version, apply_from, ask_from)
VALUES (:merchant_id, 1, :apply_from, :ask_from)
    ON CONFLICT (merchant_id) DO UPDATE
   SET version = book.version + 1, apply_from = excluded.apply_from, ask_from = excluded.ask_from, changed_at = now()

-- name: limit_time
-- For the rest of the transaction.
SELECT set_config('statement_timeout', :limit, true)

-- name: try_pattern
-- Whether Postgres takes the pattern as a regular expression, and quickly, on names made to be hard.
SELECT bool_or(probe ~* :pattern)
  FROM (VALUES (''), (repeat('a', 1000)), (repeat('ab', 500)), (repeat('a ', 500) || '!')) AS hard (probe)

-- name: add_rule
INSERT INTO mx.category_rules (merchant_id, rule_id, kind, pattern, min_price, max_price, active_from, active_until,
                               priority, category, made_by)
SELECT :merchant_id, coalesce(max(rule_id), 0) + 1, :kind, :pattern, :min_price, :max_price, :active_from,
       :active_until, :priority, :category, :made_by
  FROM mx.category_rules
 WHERE merchant_id = :merchant_id
RETURNING rule_id

-- name: withdraw_rule
UPDATE mx.category_rules
   SET withdrawn_by = :withdrawn_by, withdrawn_at = now()
 WHERE merchant_id = :merchant_id AND rule_id = :rule_id AND withdrawn_at IS NULL
RETURNING rule_id

-- name: rules
SELECT rule_id, kind, pattern, min_price, max_price, active_from, active_until, priority, category, made_by, made_at,
       withdrawn_by, withdrawn_at
  FROM mx.category_rules
 WHERE merchant_id = :merchant_id AND (:withdrawn_too OR withdrawn_at IS NULL)
 ORDER BY withdrawn_at IS NOT NULL, priority, rule_id

-- name: is_payment
SELECT EXISTS (SELECT FROM mx.payments WHERE merchant_id = :merchant_id AND mx_payment_id = :payment_id)

-- name: withdraw_override
UPDATE mx.category_overrides
   SET withdrawn_by = :withdrawn_by, withdrawn_at = now()
 WHERE merchant_id = :merchant_id
   AND withdrawn_at IS NULL
   AND (mx_payment_id = CAST(:payment_id AS bigint) OR product_name = CAST(:product_name AS text))
RETURNING override_id

-- name: set_override
INSERT INTO mx.category_overrides (merchant_id, override_id, mx_payment_id, product_name, category, reason, made_by)
SELECT :merchant_id, coalesce(max(override_id), 0) + 1, :payment_id, :product_name, :category, :reason, :made_by
  FROM mx.category_overrides
 WHERE merchant_id = :merchant_id
RETURNING override_id

-- name: overrides
SELECT override_id, mx_payment_id, product_name, category, reason, made_by, made_at, withdrawn_by, withdrawn_at
  FROM mx.category_overrides
 WHERE merchant_id = :merchant_id AND (:withdrawn_too OR withdrawn_at IS NULL)
 ORDER BY withdrawn_at IS NOT NULL, override_id
