-- What is drawn of one merchant: sums of the views of money; no person is in them, and none is counted.

-- name: days_drawn
-- The newest days on which money moved.
SELECT day, gross, refunded, net
  FROM mx.revenue_by_day
 WHERE merchant_id = :merchant_id
 ORDER BY day DESC
 LIMIT :most

-- name: months_drawn
SELECT month, sales, gross, surcharge, tax, refunded, net, voided, charged_back
  FROM mx.money_by_month
 WHERE merchant_id = :merchant_id
 ORDER BY month DESC
 LIMIT :most

-- name: categories_drawn
SELECT product_category, sum(sales)::bigint AS sales, sum(gross) AS gross, sum(refunded) AS refunded, sum(net) AS net
  FROM mx.revenue_by_category
 WHERE merchant_id = :merchant_id AND month >= :since
 GROUP BY product_category
 ORDER BY sum(gross) DESC, product_category

-- name: products_drawn
SELECT product_name, sum(sales)::bigint AS sales, sum(gross) AS gross, sum(refunded) AS refunded, sum(net) AS net
  FROM mx.product_mix
 WHERE merchant_id = :merchant_id AND month >= :since
 GROUP BY product_name
 ORDER BY sum(gross) DESC, product_name
