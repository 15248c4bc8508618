-- name: accepted_products
-- What people said that products are, strongest word first: all that a model may be taught. No table with a person
-- in it is read here, and no column of one.
SELECT product_name, category
  FROM (SELECT product_name, category, 1 AS strength
          FROM mx.category_overrides
         WHERE merchant_id = :merchant_id AND product_name IS NOT NULL AND withdrawn_at IS NULL
         UNION ALL
        SELECT product_name, category, 2
          FROM mx.product_categories
         WHERE merchant_id = :merchant_id AND is_active
         UNION ALL
        SELECT product_name, category, 3
          FROM mx.category_suggestions
         WHERE merchant_id = :merchant_id AND decision = 'accepted') AS said
 WHERE category <> 'Uncategorized'
 ORDER BY strength, product_name COLLATE "C"

-- name: products_to_suggest
-- Products that were sold, and that no override, no exact name, no rule and no human's answer to a suggestion decides.
SELECT enriched.product_name
  FROM mx.enriched_transactions AS enriched
 WHERE enriched.merchant_id = :merchant_id
   AND enriched.product_name IS NOT NULL
   AND enriched.category_source IN ('none', 'suggestion')
   AND NOT EXISTS (SELECT FROM mx.category_suggestions AS answered
                    WHERE answered.merchant_id = :merchant_id
                      AND answered.product_name = enriched.product_name
                      AND answered.decision IS NOT NULL)
 GROUP BY enriched.product_name
 ORDER BY enriched.product_name COLLATE "C"

-- name: forget_suggestions
-- What the model does not say any more, and nobody answered.
DELETE FROM mx.category_suggestions AS stored
 WHERE stored.merchant_id = :merchant_id
   AND stored.decision IS NULL
   AND NOT EXISTS (SELECT FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS said (product_name text)
                    WHERE said.product_name = stored.product_name)

-- name: keep_suggestions
-- What a human answered stays as it is, and so does what is said again.
INSERT INTO mx.category_suggestions AS stored
       (merchant_id, product_name, category, confidence, model, suggested_at)
SELECT :merchant_id, product_name, category, confidence, :model, now()
  FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS said (product_name text, category text, confidence numeric)
    ON CONFLICT (merchant_id, product_name) DO UPDATE
   SET category = excluded.category, confidence = excluded.confidence, model = excluded.model,
       suggested_at = excluded.suggested_at
 WHERE stored.decision IS NULL
   AND (stored.category, stored.confidence) IS DISTINCT FROM (excluded.category, excluded.confidence)

-- name: suggestions
-- Those that wait for a human, most money first, with the payments that they would decide; all, where asked.
WITH behind AS (
    SELECT enriched.product_name, count(*) AS payments, sum(payment.amount)::numeric AS amount
      FROM mx.enriched_transactions AS enriched
      JOIN mx.payments AS payment USING (merchant_id, mx_payment_id)
     WHERE enriched.merchant_id = :merchant_id
       AND enriched.product_name IS NOT NULL
       AND enriched.category_source IN ('none', 'suggestion')
     GROUP BY enriched.product_name
), told AS (
    SELECT own.product_name, own.category, own.confidence, own.model, own.suggested_at, own.decided_by,
           own.decided_at, own.active_from, own.active_until, own.model_category,
           coalesce(behind.payments, 0) AS payments, coalesce(behind.amount, 0) AS amount,
           CASE
               WHEN own.decision IS NOT NULL THEN own.decision
               WHEN behind.payments IS NULL THEN 'not_needed'
               WHEN own.confidence >= coalesce(book.apply_from, 0.9) THEN 'applied'
               WHEN own.confidence >= coalesce(book.ask_from, 0.6) THEN 'waiting'
               ELSE 'not_sure_enough'
           END AS state
      FROM mx.category_suggestions AS own
      LEFT JOIN behind ON behind.product_name = own.product_name
      LEFT JOIN mx.category_books AS book ON book.merchant_id = :merchant_id
     WHERE own.merchant_id = :merchant_id
)
SELECT *
  FROM told
 WHERE CAST(:everything AS boolean) OR state = 'waiting'
 ORDER BY state = 'waiting' DESC, amount DESC, product_name COLLATE "C"

-- name: decide_suggestion
-- A human's word on what the model said; with another category it remembers what that was.
UPDATE mx.category_suggestions AS stored
   SET decision = :decision, decided_by = :decided_by, decided_at = now(),
       category = coalesce(CAST(:category AS text), stored.model_category, stored.category),
       model_category = CASE
           WHEN CAST(:category AS text) <> coalesce(stored.model_category, stored.category)
               THEN coalesce(stored.model_category, stored.category) END,
       active_from = CAST(:active_from AS date), active_until = CAST(:active_until AS date)
 WHERE stored.merchant_id = :merchant_id AND stored.product_name = :product_name
RETURNING stored.category

-- name: shared_products
SELECT category, buckets FROM mx.shared_products()

-- name: withdraw_shares
DELETE FROM mx.category_shares AS stored
 WHERE stored.merchant_id = :merchant_id
   AND NOT EXISTS (SELECT FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS own (name_hash text)
                    WHERE decode(own.name_hash, 'hex') = stored.name_hash)

-- name: share
INSERT INTO mx.category_shares AS stored (merchant_id, name_hash, category, buckets)
SELECT :merchant_id, decode(name_hash, 'hex'), category, buckets
  FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS own (name_hash text, category text, buckets integer[])
    ON CONFLICT (merchant_id, name_hash) DO UPDATE
   SET category = excluded.category, buckets = excluded.buckets
 WHERE (stored.category, stored.buckets) IS DISTINCT FROM (excluded.category, excluded.buckets)
