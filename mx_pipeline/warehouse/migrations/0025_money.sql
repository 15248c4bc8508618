-- What was earned: gross, surcharge, tax and refunds apart, in each merchant's own days and months.

-- What one payment counts for is decided here and nowhere else; every other view of money adds these columns up.
-- Money back is what Returns say, on the day of the Return: `refunded_amount` of the sale says the same once more.
CREATE VIEW mx.payment_money WITH (security_invoker = true) AS
SELECT counted.*,
       gross - refunded AS net,
       gross - refunded - (surcharge - refunded_surcharge) - (tax - refunded_tax) AS earned
  FROM (SELECT payment.merchant_id,
               payment.mx_payment_id,
               payment.created AS transaction_date,
               (payment.created AT TIME ZONE merchant.timezone)::date AS day,
               date_trunc('month', payment.created AT TIME ZONE merchant.timezone)::date AS month,
               known.kind,
               payment.source,
               coalesce(enriched.product_category, 'Without a product') AS product_category,
               coalesce(enriched.product_name, 'Without a product') AS product_name,
               CASE known.kind WHEN 'sale' THEN payment.amount ELSE 0 END::numeric AS gross,
               CASE known.kind WHEN 'sale' THEN coalesce(payment.surcharge_amount, 0) ELSE 0 END::numeric AS surcharge,
               CASE known.kind WHEN 'sale' THEN coalesce(payment.tax_amount, 0) ELSE 0 END::numeric AS tax,
               CASE known.kind WHEN 'refund' THEN abs(payment.amount) ELSE 0 END::numeric AS refunded,
               CASE known.kind WHEN 'refund' THEN abs(coalesce(payment.surcharge_amount, 0)) ELSE 0 END::numeric
                   AS refunded_surcharge,
               CASE known.kind WHEN 'refund' THEN abs(coalesce(payment.tax_amount, 0)) ELSE 0 END::numeric
                   AS refunded_tax,
               CASE known.kind WHEN 'voided' THEN payment.amount ELSE 0 END::numeric AS voided,
               CASE known.kind WHEN 'chargeback' THEN payment.amount ELSE 0 END::numeric AS charged_back
          FROM mx.payments AS payment
          JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
          LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
         CROSS JOIN LATERAL (
               SELECT CASE
                      WHEN payment.status = 'Declined' THEN 'declined'
                      -- Money that was only set aside; the sale that takes it is a payment of its own.
                      WHEN payment.type = 'Authorization' THEN 'other'
                      WHEN payment.type = 'Return' OR payment.amount < 0
                          THEN CASE WHEN payment.status IN ('Approved', 'Settled') THEN 'refund' ELSE 'other' END
                      WHEN payment.status IN ('Approved', 'Settled') THEN 'sale'
                      WHEN payment.status = 'Voided' THEN 'voided'
                      WHEN payment.status = 'Chargedback' THEN 'chargeback'
                      ELSE 'other' END AS kind) AS known
         WHERE payment.vanished_at IS NULL) AS counted;

CREATE VIEW mx.revenue_by_day WITH (security_invoker = true) AS
SELECT merchant_id,
       day,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       sum(gross) AS gross,
       sum(surcharge) AS surcharge,
       sum(tax) AS tax,
       count(*) FILTER (WHERE kind = 'refund') AS refunds,
       sum(refunded) AS refunded,
       sum(refunded_surcharge) AS refunded_surcharge,
       sum(refunded_tax) AS refunded_tax,
       sum(net) AS net,
       sum(earned) AS earned
  FROM mx.payment_money
 WHERE kind IN ('sale', 'refund')
 GROUP BY merchant_id, day;

CREATE VIEW mx.money_by_month WITH (security_invoker = true) AS
SELECT merchant_id,
       month,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       sum(gross) AS gross,
       sum(surcharge) AS surcharge,
       sum(tax) AS tax,
       count(*) FILTER (WHERE kind = 'refund') AS refunds,
       sum(refunded) AS refunded,
       sum(refunded_surcharge) AS refunded_surcharge,
       sum(refunded_tax) AS refunded_tax,
       sum(net) AS net,
       sum(earned) AS earned,
       count(*) FILTER (WHERE kind = 'voided') AS voids,
       sum(voided) AS voided,
       count(*) FILTER (WHERE kind = 'chargeback') AS chargebacks,
       sum(charged_back) AS charged_back
  FROM mx.payment_money
 WHERE kind IN ('sale', 'refund', 'voided', 'chargeback')
 GROUP BY merchant_id, month;

CREATE VIEW mx.revenue_by_category WITH (security_invoker = true) AS
SELECT merchant_id,
       month,
       product_category,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       sum(gross) AS gross,
       sum(surcharge) AS surcharge,
       sum(tax) AS tax,
       count(*) FILTER (WHERE kind = 'refund') AS refunds,
       sum(refunded) AS refunded,
       sum(net) AS net,
       sum(earned) AS earned
  FROM mx.payment_money
 WHERE kind IN ('sale', 'refund')
 GROUP BY merchant_id, month, product_category;

-- Customers are counted, and not shown: by code, else by name. Who may not see names is told no number.
CREATE VIEW mx.product_mix WITH (security_invoker = true) AS
SELECT merchant_id,
       month,
       product_category,
       product_name,
       count(*) FILTER (WHERE kind = 'sale') AS sales,
       nullif(count(DISTINCT coalesce('code ' || nullif(btrim(person.customer_code), ''),
                                      'name ' || nullif(lower(btrim(person.customer_name)), '')))
                  FILTER (WHERE kind = 'sale'), 0) AS customers,
       sum(gross) AS gross,
       round(sum(gross) / nullif(sum(sum(gross)) OVER (PARTITION BY merchant_id, month), 0), 4) AS share_of_gross,
       sum(refunded) AS refunded,
       sum(net) AS net
  FROM mx.payment_money
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
 WHERE kind IN ('sale', 'refund')
 GROUP BY merchant_id, month, product_category, product_name;

-- Patient and product. Without the names permission there are no patients to tell apart: one row per product, its
-- name empty, as in mx.transactions.
CREATE VIEW mx.membership_census WITH (security_invoker = true) AS
SELECT merchant_id,
       (array_agg(person.customer_name ORDER BY transaction_date DESC, mx_payment_id DESC)
            FILTER (WHERE person.customer_name IS NOT NULL))[1] AS customer_name,
       product_name,
       (array_agg(product_category ORDER BY transaction_date DESC, mx_payment_id DESC))[1] AS product_category,
       (array_agg(coalesce(workflow.membership_status, 'active') ORDER BY transaction_date DESC, mx_payment_id DESC)
            FILTER (WHERE source = 'Recurring'))[1] AS membership_status,
       count(*) AS sales,
       count(*) FILTER (WHERE source = 'Recurring') AS recurring_sales,
       min(day) AS first_day,
       max(day) AS last_day,
       sum(gross) AS gross
  FROM mx.payment_money
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.transaction_workflow AS workflow USING (merchant_id, mx_payment_id)
 WHERE kind = 'sale'
 GROUP BY merchant_id, product_name,
          coalesce('code ' || nullif(btrim(person.customer_code), ''),
                   'name ' || nullif(lower(btrim(person.customer_name)), ''));

-- The loader draws pictures of them, for the catalog of assets; whoever pays is not its business.
GRANT SELECT ON mx.payment_money, mx.revenue_by_day, mx.money_by_month, mx.revenue_by_category, mx.product_mix
    TO mx_loader, mx_app, mx_analyst, mx_backup;
GRANT SELECT ON mx.membership_census TO mx_app, mx_analyst, mx_backup;

COMMENT ON VIEW mx.payment_money IS
    'One row per payment that MX Merchant still lists, with what it counts for; the views of money add these up.';
COMMENT ON COLUMN mx.payment_money.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.payment_money.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.payment_money.transaction_date IS
    'When it was made, in UTC.';
COMMENT ON COLUMN mx.payment_money.day IS
    'Its day in the merchant''s own time zone.';
COMMENT ON COLUMN mx.payment_money.month IS
    'The first day of its month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.payment_money.kind IS
    'sale or refund (approved or settled), voided, chargeback, declined, or other: authorised only, in progress, unknown.';
COMMENT ON COLUMN mx.payment_money.source IS
    'Where it was taken, in MX Merchant''s word.';
COMMENT ON COLUMN mx.payment_money.product_category IS
    'The category of its main product; Without a product where no invoice with lines is known. A Return inherits it.';
COMMENT ON COLUMN mx.payment_money.product_name IS
    'Its main product; Without a product where there is none. A Return inherits it.';
COMMENT ON COLUMN mx.payment_money.gross IS
    'The amount of a sale, surcharge and tax contained; 0 for everything else, and for a sale once voided or charged back.';
COMMENT ON COLUMN mx.payment_money.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.payment_money.tax IS
    'The tax contained in gross, as MX Merchant tells it.';
COMMENT ON COLUMN mx.payment_money.refunded IS
    'What a Return gave back, positive, surcharge and tax contained; refunded_amount of the sale is never added.';
COMMENT ON COLUMN mx.payment_money.refunded_surcharge IS
    'The surcharge contained in refunded.';
COMMENT ON COLUMN mx.payment_money.refunded_tax IS
    'The tax contained in refunded, where the Return tells one.';
COMMENT ON COLUMN mx.payment_money.voided IS
    'The amount of a sale that was voided, before or after it settled; contained in no other figure.';
COMMENT ON COLUMN mx.payment_money.charged_back IS
    'The amount of a sale that stands charged back; contained in no other figure. Reversed, it is gross again.';
COMMENT ON COLUMN mx.payment_money.net IS
    'gross - refunded: what stayed, surcharge and tax contained.';
COMMENT ON COLUMN mx.payment_money.earned IS
    'net - (surcharge - refunded_surcharge) - (tax - refunded_tax): what the goods themselves brought.';

COMMENT ON VIEW mx.revenue_by_day IS
    'One row per merchant and day, in its own time zone, with a sale or a refund.';
COMMENT ON COLUMN mx.revenue_by_day.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.revenue_by_day.day IS
    'The day in the merchant''s own time zone; a refund is on the day of the Return.';
COMMENT ON COLUMN mx.revenue_by_day.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_day.gross IS
    'What the sales came to, surcharge and tax contained.';
COMMENT ON COLUMN mx.revenue_by_day.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.revenue_by_day.tax IS
    'The tax contained in gross.';
COMMENT ON COLUMN mx.revenue_by_day.refunds IS
    'How many Returns, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_day.refunded IS
    'What the Returns gave back, positive.';
COMMENT ON COLUMN mx.revenue_by_day.refunded_surcharge IS
    'The surcharge contained in refunded.';
COMMENT ON COLUMN mx.revenue_by_day.refunded_tax IS
    'The tax contained in refunded.';
COMMENT ON COLUMN mx.revenue_by_day.net IS
    'gross - refunded.';
COMMENT ON COLUMN mx.revenue_by_day.earned IS
    'net - (surcharge - refunded_surcharge) - (tax - refunded_tax).';

COMMENT ON VIEW mx.money_by_month IS
    'One row per merchant and month, in its own time zone, with a sale, a refund, a void or a chargeback.';
COMMENT ON COLUMN mx.money_by_month.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.money_by_month.month IS
    'The first day of the month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.money_by_month.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.money_by_month.gross IS
    'What the sales came to, surcharge and tax contained.';
COMMENT ON COLUMN mx.money_by_month.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.money_by_month.tax IS
    'The tax contained in gross.';
COMMENT ON COLUMN mx.money_by_month.refunds IS
    'How many Returns, approved or settled.';
COMMENT ON COLUMN mx.money_by_month.refunded IS
    'What the Returns gave back, positive, in the month of the Return.';
COMMENT ON COLUMN mx.money_by_month.refunded_surcharge IS
    'The surcharge contained in refunded.';
COMMENT ON COLUMN mx.money_by_month.refunded_tax IS
    'The tax contained in refunded.';
COMMENT ON COLUMN mx.money_by_month.net IS
    'gross - refunded.';
COMMENT ON COLUMN mx.money_by_month.earned IS
    'net - (surcharge - refunded_surcharge) - (tax - refunded_tax).';
COMMENT ON COLUMN mx.money_by_month.voids IS
    'How many sales of this month were voided.';
COMMENT ON COLUMN mx.money_by_month.voided IS
    'What they came to; contained in no other figure.';
COMMENT ON COLUMN mx.money_by_month.chargebacks IS
    'How many sales of this month stand charged back.';
COMMENT ON COLUMN mx.money_by_month.charged_back IS
    'What they came to; contained in no other figure.';

COMMENT ON VIEW mx.revenue_by_category IS
    'One row per merchant, month and product category; Without a product holds the rest, so the rows add up to the month.';
COMMENT ON COLUMN mx.revenue_by_category.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.revenue_by_category.month IS
    'The first day of the month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.revenue_by_category.product_category IS
    'The category of the main product of what was paid, or given back.';
COMMENT ON COLUMN mx.revenue_by_category.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_category.gross IS
    'What the sales came to, surcharge and tax contained.';
COMMENT ON COLUMN mx.revenue_by_category.surcharge IS
    'The surcharge contained in gross.';
COMMENT ON COLUMN mx.revenue_by_category.tax IS
    'The tax contained in gross.';
COMMENT ON COLUMN mx.revenue_by_category.refunds IS
    'How many Returns, approved or settled.';
COMMENT ON COLUMN mx.revenue_by_category.refunded IS
    'What the Returns gave back, positive.';
COMMENT ON COLUMN mx.revenue_by_category.net IS
    'gross - refunded.';
COMMENT ON COLUMN mx.revenue_by_category.earned IS
    'Net without the surcharge and the tax that it contains.';

COMMENT ON VIEW mx.product_mix IS
    'One row per merchant, month, product category and main product.';
COMMENT ON COLUMN mx.product_mix.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.product_mix.month IS
    'The first day of the month in the merchant''s own time zone.';
COMMENT ON COLUMN mx.product_mix.product_category IS
    'The category.';
COMMENT ON COLUMN mx.product_mix.product_name IS
    'The main product of what was paid, or given back.';
COMMENT ON COLUMN mx.product_mix.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.product_mix.customers IS
    'How many customers paid, by their codes, else names; empty where none is told, or the reader may not see names.';
COMMENT ON COLUMN mx.product_mix.gross IS
    'What the sales came to, surcharge and tax contained: the whole payment, also where it paid several lines.';
COMMENT ON COLUMN mx.product_mix.share_of_gross IS
    'Its part of the merchant''s gross of the month, 0 to 1, to four places.';
COMMENT ON COLUMN mx.product_mix.refunded IS
    'What the Returns gave back, positive.';
COMMENT ON COLUMN mx.product_mix.net IS
    'gross - refunded.';

COMMENT ON VIEW mx.membership_census IS
    'One row per merchant, patient and main product that they paid for; without the names permission one row per product.';
COMMENT ON COLUMN mx.membership_census.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.membership_census.customer_name IS
    'The patient, as their newest payment names them; patients are told apart by code, else by name.';
COMMENT ON COLUMN mx.membership_census.product_name IS
    'The main product.';
COMMENT ON COLUMN mx.membership_census.product_category IS
    'Its category on the newest sale.';
COMMENT ON COLUMN mx.membership_census.membership_status IS
    'As people set it on the newest recurring sale; active where nobody did, empty where none is recurring.';
COMMENT ON COLUMN mx.membership_census.sales IS
    'How many sales, approved or settled.';
COMMENT ON COLUMN mx.membership_census.recurring_sales IS
    'How many of them were recurring.';
COMMENT ON COLUMN mx.membership_census.first_day IS
    'The day of the first one, in the merchant''s own time zone.';
COMMENT ON COLUMN mx.membership_census.last_day IS
    'The day of the newest one.';
COMMENT ON COLUMN mx.membership_census.gross IS
    'What they came to, surcharge and tax contained; what was given back is not taken off.';
