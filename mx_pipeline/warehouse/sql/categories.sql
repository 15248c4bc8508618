-- name: add_category
-- The category of one product by its exact name; a name that has an active one keeps it.
INSERT INTO mx.product_categories (merchant_id, product_name, category)
VALUES (:merchant_id, :product_name, :category)
    ON CONFLICT (merchant_id, product_name) WHERE is_active DO NOTHING
