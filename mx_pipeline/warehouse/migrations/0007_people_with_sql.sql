-- People with SQL: a login each, mapped to merchants by a table; and what investors read.

-- People with SQL have a login role each. Which merchants a login reads stands here and nowhere else.
CREATE TABLE mx.sql_logins (
    merchant_id  bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    login        text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('analyst', 'investor')),
    sees_names   boolean NOT NULL DEFAULT false,
    granted_by   text NOT NULL,
    granted_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    is_active    boolean NOT NULL DEFAULT true,
    PRIMARY KEY (merchant_id, login),
    CHECK (kind = 'analyst' OR NOT sees_names)
);
CREATE INDEX sql_logins_by_login ON mx.sql_logins (login);

-- Decided by who logged in: `session_user` cannot be changed by SET ROLE or by any setting. Called once a
-- statement, as (SELECT ...), and each statement anew, so that what was taken away is gone at once.
CREATE FUNCTION mx.merchants_of_login(wanted text) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(merchant_id), '{}')
      FROM mx.sql_logins
     WHERE login = session_user
       AND is_active
       AND (expires_at IS NULL OR expires_at > statement_timestamp())
       AND CASE wanted WHEN 'data' THEN kind = 'analyst'
                       WHEN 'names' THEN kind = 'analyst' AND sees_names
                       WHEN 'figures' THEN kind = 'investor'
           END
$$;

-- Whose figures may be added up for whoever asks.
CREATE FUNCTION mx.merchants_with_figures() RETURNS bigint[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    person CONSTANT text := mx.current_person();
    wanted CONSTANT text[] := ARRAY['reports.view', 'analytics.view'];
BEGIN
    -- The person is a setting, so it is believed to the application alone.
    IF NOT pg_has_role(session_user, 'mx_app', 'MEMBER') THEN
        RETURN mx.merchants_of_login('figures');
    ELSIF person IS NULL THEN
        RETURN '{}';
    ELSIF person = 'operator' THEN
        RETURN (SELECT coalesce(array_agg(merchant_id), '{}')
                  FROM mx.mx_merchant_configs
                 WHERE mx.may('reports.view', merchant_id)
                   AND merchant_id = coalesce(mx.current_merchant(), merchant_id));
    END IF;
    RETURN (SELECT coalesce(array_agg(merchant_id), '{}')
              FROM mx.merchants_of(person::uuid)
             WHERE permissions && wanted
               AND merchant_id = coalesce(mx.current_merchant(), merchant_id));
END $$;

-- Whoever may say that data were sent may write that, and nothing else about an invoice. Held here, on the table,
-- because the application may write it without the view.
CREATE FUNCTION mx.only_data_sent() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    before mx.invoice_workflow;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := OLD;
    ELSE
        -- The row may be there already: then INSERT ... ON CONFLICT goes on to change it.
        SELECT * INTO before
          FROM mx.invoice_workflow AS stored
         WHERE stored.merchant_id = NEW.merchant_id AND stored.mx_invoice_id = NEW.mx_invoice_id;
    END IF;
    IF NEW.ordered_by_provider_at IS DISTINCT FROM before.ordered_by_provider_at
       AND pg_has_role(current_user, 'mx_app', 'MEMBER') AND NOT pg_has_role(current_user, 'mx_owner', 'MEMBER')
       AND NOT mx.may('invoices.manage', NEW.merchant_id) THEN
        RAISE EXCEPTION 'of an invoice''s workflow this person may write data_sent_status, data_sent_at and data_sent_notes'
            USING ERRCODE = 'insufficient_privilege', HINT = 'the rest needs invoices.manage';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER only_data_sent BEFORE INSERT OR UPDATE ON mx.invoice_workflow FOR EACH ROW
    EXECUTE FUNCTION mx.only_data_sent();

-- Sales, refunds and declined payments of complete months, with whoever paid. A person is a name, where there is
-- one: two people of one name count as one, which is on the safe side.
CREATE VIEW mx.investor_payments WITH (security_barrier = true) AS
SELECT payment.merchant_id,
       payment.mx_payment_id,
       date_trunc('month', payment.created AT TIME ZONE merchant.timezone)::date AS month,
       CASE WHEN payment.status = 'Declined' THEN 'declined'
            WHEN payment.type = 'Return' OR payment.amount < 0 THEN 'refund'
            ELSE 'sale' END AS kind,
       abs(payment.amount)::numeric AS amount,
       coalesce(enriched.product_category, 'Without a product') AS category,
       coalesce(enriched.product_name, 'Without a product') AS product,
       CASE WHEN payment.source = 'Recurring' THEN coalesce(workflow.membership_status, 'active') END AS membership,
       payment.created,
       coalesce('name ' || nullif(lower(btrim(regexp_replace(person.customer_name, '\s+', ' ', 'g'))), ''),
                'name ' || nullif(lower(btrim(regexp_replace(billed.customer_name, '\s+', ' ', 'g'))), ''),
                'code ' || nullif(btrim(person.customer_code), ''),
                'id ' || billed.customer_id,
                'number ' || nullif(btrim(billed.customer_number), '')) AS customer
  FROM mx.payments AS payment
  JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
  LEFT JOIN mx.enriched_transactions AS enriched USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.payment_people AS person USING (merchant_id, mx_payment_id)
  LEFT JOIN mx.invoice_people AS billed
    ON billed.merchant_id = payment.merchant_id AND billed.mx_invoice_id = enriched.mx_invoice_id
  LEFT JOIN mx.transaction_workflow AS workflow
    ON workflow.merchant_id = payment.merchant_id AND workflow.mx_payment_id = payment.mx_payment_id
 WHERE payment.vanished_at IS NULL
   AND payment.status IN ('Approved', 'Settled', 'Declined')
   AND payment.created <
       date_trunc('month', now() AT TIME ZONE merchant.timezone) AT TIME ZONE merchant.timezone;

-- The sales, cut into cells that may be shown: each holds 5 customers or more, and none of them paid more than
-- three quarters of it. Every figure about sales that investors read is a sum of whole cells, and no sale is in
-- two of them: so whatever is added and subtracted, what comes out is whole cells, never a part of one.
--
-- A product (of a category and month), a category (of a month) and a month is a part of something greater. Parts
-- that may not be shown are put together as the rest. Where the rest may not be shown either, the smallest part
-- that may goes with it; and where even that does not suffice, nothing is shown but the whole.
CREATE VIEW mx.investor_cells WITH (security_barrier = true) AS
WITH sale AS MATERIALIZED (
    SELECT merchant_id, month, category, product, amount, customer,
           coalesce(customer, 'payment ' || mx_payment_id) AS payer
      FROM mx.investor_payments
     WHERE kind = 'sale'
), paid AS MATERIALIZED (
    SELECT merchant_id, month, whole, part, payer, customer, sum(amount) AS amount
      FROM sale
     CROSS JOIN LATERAL (VALUES ('category ' || category, 'product ' || product),
                                ('month', 'category ' || category),
                                ('all', 'month')) AS level (whole, part)
     GROUP BY merchant_id, month, whole, part, payer, customer
), part AS (
    SELECT merchant_id, month, whole, part, sum(amount) AS amount,
           count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount) AS is_safe
      FROM paid
     GROUP BY merchant_id, month, whole, part
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY merchant_id, month, whole, is_safe ORDER BY amount, part) AS place
      FROM part
), rest AS (
    SELECT merchant_id, month, whole, count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount) AS is_safe
      FROM (SELECT merchant_id, month, whole, payer, customer, sum(paid.amount) AS amount
              FROM paid
              JOIN part USING (merchant_id, month, whole, part)
             WHERE NOT part.is_safe
             GROUP BY merchant_id, month, whole, payer, customer) AS payer
     GROUP BY merchant_id, month, whole
), kept AS (
    SELECT merchant_id, month, whole, part,
           ranked.is_safe AND (coalesce(rest.is_safe, true) OR place > 1) AS is_kept
      FROM ranked
      LEFT JOIN rest USING (merchant_id, month, whole)
), greater_rest AS (
    SELECT merchant_id, month, whole, count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount) AS is_safe
      FROM (SELECT merchant_id, month, whole, payer, customer, sum(paid.amount) AS amount
              FROM paid
              JOIN kept USING (merchant_id, month, whole, part)
             WHERE NOT is_kept
             GROUP BY merchant_id, month, whole, payer, customer) AS payer
     GROUP BY merchant_id, month, whole
), shown AS (
    SELECT merchant_id, month, whole, part
      FROM kept
      LEFT JOIN greater_rest USING (merchant_id, month, whole)
     WHERE is_kept AND coalesce(greater_rest.is_safe, true)
)
SELECT sale.merchant_id,
       sale.month,
       coalesce(substr(category.part, 10), 'All other categories') AS product_category,
       CASE WHEN category.part IS NULL THEN 'All other products'
            ELSE coalesce(substr(product.part, 9), 'All other products') END AS product_name,
       sum(sale.amount) AS sales,
       count(*) AS payments
  FROM sale
  JOIN shown AS month
    ON month.merchant_id = sale.merchant_id AND month.month = sale.month AND month.whole = 'all'
  LEFT JOIN shown AS category
    ON category.merchant_id = sale.merchant_id AND category.month = sale.month
   AND category.whole = 'month' AND category.part = 'category ' || sale.category
  LEFT JOIN shown AS product
    ON product.merchant_id = sale.merchant_id AND product.month = sale.month
   AND product.whole = 'category ' || sale.category AND product.part = 'product ' || sale.product
 GROUP BY 1, 2, 3, 4;

CREATE VIEW mx.investor_revenue_by_month WITH (security_barrier = true) AS
SELECT merchant_id, month, sum(sales) AS revenue, sum(payments)::bigint AS payments,
       round(sum(sales) / sum(payments), 2) AS average_ticket
  FROM mx.investor_cells
 GROUP BY merchant_id, month;

CREATE VIEW mx.investor_revenue_by_category WITH (security_barrier = true) AS
SELECT merchant_id, month, product_category, sum(sales) AS revenue, sum(payments)::bigint AS payments,
       round(sum(sales) / sum(payments), 2) AS average_ticket
  FROM mx.investor_cells
 GROUP BY merchant_id, month, product_category;

CREATE VIEW mx.investor_revenue_by_product WITH (security_barrier = true) AS
SELECT merchant_id, month, product_category, product_name, sales AS revenue, payments,
       round(sales / payments, 2) AS average_ticket
  FROM mx.investor_cells;

-- Sales, refunds and declined payments share no payment, and no figure holds two of them.
CREATE VIEW mx.investor_payments_by_month WITH (security_barrier = true) AS
SELECT merchant_id, month, kind, sum(payments)::bigint AS payments, sum(amount) AS amount
  FROM (SELECT merchant_id, month, kind, customer, count(*) AS payments, sum(amount) AS amount
          FROM mx.investor_payments
         GROUP BY merchant_id, month, kind, customer, CASE WHEN customer IS NULL THEN mx_payment_id END) AS payer
 GROUP BY merchant_id, month, kind
HAVING count(customer) >= 5 AND max(amount) <= 0.75 * sum(amount);

-- Each customer of a recurring payment is counted once, where the newest one stands.
CREATE VIEW mx.investor_memberships WITH (security_barrier = true) AS
WITH member AS (
    SELECT DISTINCT ON (merchant_id, customer) merchant_id, customer, membership
      FROM mx.investor_payments
     WHERE kind = 'sale' AND membership IS NOT NULL AND customer IS NOT NULL
     ORDER BY merchant_id, customer, created DESC, mx_payment_id DESC
), counted AS (
    SELECT merchant_id, membership, count(*) AS members, count(*) >= 5 AS is_safe
      FROM member
     GROUP BY merchant_id, membership
), ranked AS (
    SELECT merchant_id, membership, members, is_safe,
           row_number() OVER (PARTITION BY merchant_id, is_safe ORDER BY members, membership) AS place,
           sum(members) FILTER (WHERE NOT is_safe) OVER (PARTITION BY merchant_id) AS rest
      FROM counted
)
SELECT merchant_id,
       CASE WHEN is_safe AND (coalesce(rest, 5) >= 5 OR place > 1) THEN membership ELSE 'All others' END
           AS membership_status,
       sum(members)::bigint AS members
  FROM ranked
 GROUP BY 1, 2
HAVING sum(members) >= 5;

DO $$
DECLARE
    investor_view text;
BEGIN
    GRANT CREATE ON SCHEMA mx TO mx_aggregator;
    FOREACH investor_view IN ARRAY ARRAY['investor_payments', 'investor_cells', 'investor_revenue_by_month',
        'investor_revenue_by_category', 'investor_revenue_by_product', 'investor_payments_by_month',
        'investor_memberships']
    LOOP
        EXECUTE format('ALTER VIEW mx.%I OWNER TO mx_aggregator', investor_view);
    END LOOP;
    REVOKE CREATE ON SCHEMA mx FROM mx_aggregator;
END $$;

GRANT USAGE ON SCHEMA mx TO mx_analyst, mx_investor, mx_aggregator;
GRANT SELECT ON mx.sql_logins, mx.investor_payments, mx.investor_cells TO mx_backup;

-- People with SQL read their merchants' data. No key, request, quarantine, user or audit.
GRANT SELECT (merchant_id, name, environment, timezone, is_active, created_at) ON mx.mx_merchant_configs TO mx_analyst;
GRANT SELECT ON mx.payments, mx.payment_people, mx.payment_history, mx.invoice_documents, mx.invoice_people,
    mx.invoice_purchases, mx.invoice_payments, mx.invoice_map, mx.payment_invoices, mx.enriched_transactions,
    mx.product_categories, mx.transaction_workflow, mx.invoice_workflow, mx.sync_state, mx.certificates,
    mx.transactions, mx.invoices TO mx_analyst;

-- The owner of the investors' views reads what they add up; who reads them is decided by their merchants.
GRANT SELECT (merchant_id, timezone) ON mx.mx_merchant_configs TO mx_aggregator;
GRANT SELECT (merchant_id, mx_payment_id, created, amount, status, type, source, vanished_at) ON mx.payments
    TO mx_aggregator;
GRANT SELECT (merchant_id, mx_payment_id, mx_invoice_id, product_name, product_category)
    ON mx.enriched_transactions TO mx_aggregator;
GRANT SELECT ON mx.payment_people TO mx_aggregator;
GRANT SELECT (merchant_id, mx_invoice_id, customer_id, customer_name, customer_number) ON mx.invoice_people
    TO mx_aggregator;
GRANT SELECT (merchant_id, mx_payment_id, membership_status) ON mx.transaction_workflow TO mx_aggregator;
GRANT SELECT ON mx.investor_revenue_by_month, mx.investor_revenue_by_category, mx.investor_revenue_by_product,
    mx.investor_payments_by_month, mx.investor_memberships TO mx_investor, mx_app, mx_backup;
GRANT EXECUTE ON FUNCTION mx.merchants_of_login(text) TO mx_analyst;
GRANT EXECUTE ON FUNCTION mx.merchants_with_figures() TO mx_investor, mx_app;

ALTER TABLE mx.sql_logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.sql_logins FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.sql_logins TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.sql_logins FOR SELECT TO mx_backup USING (true);
CREATE POLICY only_this_merchant ON mx.sql_logins AS RESTRICTIVE TO mx_loader, mx_app
    USING (merchant_id = (SELECT mx.current_merchant())) WITH CHECK (merchant_id = (SELECT mx.current_merchant()));

-- People with SQL, by who logged in and never by a setting; a restriction that no later policy can widen.
DO $$
DECLARE
    wanted text;
    read_table text;
BEGIN
    FOR wanted, read_table IN
        SELECT 'data', unnest(ARRAY[
               'mx_merchant_configs', 'payments', 'payment_history', 'invoice_documents', 'invoice_purchases',
               'invoice_payments', 'invoice_map', 'payment_invoices', 'enriched_transactions', 'product_categories',
               'transaction_workflow', 'invoice_workflow', 'sync_state', 'certificates'])
         UNION ALL
        SELECT 'names', unnest(ARRAY['payment_people', 'invoice_people'])
    LOOP
        EXECUTE format('CREATE POLICY analyst_reads ON mx.%I FOR SELECT TO mx_analyst USING (true)', read_table);
        EXECUTE format(
            'CREATE POLICY only_granted_merchants ON mx.%I AS RESTRICTIVE TO mx_analyst
                 USING (merchant_id = ANY ((SELECT mx.merchants_of_login(%L))::bigint[])) WITH CHECK (false)',
            read_table, wanted);
    END LOOP;

    -- No restriction here: it would hold mx_owner too, which is a member, so that it can hand views over.
    FOREACH read_table IN ARRAY ARRAY['mx_merchant_configs', 'payments', 'enriched_transactions', 'payment_people',
        'invoice_people', 'transaction_workflow']
    LOOP
        EXECUTE format(
            'CREATE POLICY aggregator_of_granted_merchants ON mx.%I FOR SELECT TO mx_aggregator
                 USING (merchant_id = ANY ((SELECT mx.merchants_with_figures())::bigint[]))', read_table);
    END LOOP;
END $$;

COMMENT ON TABLE mx.sql_logins IS
    'One row per merchant that a person''s own SQL login may read.';
COMMENT ON COLUMN mx.sql_logins.merchant_id IS
    'The merchant that may be read.';
COMMENT ON COLUMN mx.sql_logins.login IS
    'The login role in Postgres.';
COMMENT ON COLUMN mx.sql_logins.kind IS
    'analyst reads the merchant''s tables and views; investor reads the investor_ views alone.';
COMMENT ON COLUMN mx.sql_logins.sees_names IS
    'Whether an analyst sees customers'' names; they are empty otherwise.';
COMMENT ON COLUMN mx.sql_logins.granted_by IS
    'Who gave it.';
COMMENT ON COLUMN mx.sql_logins.granted_at IS
    'When it was given.';
COMMENT ON COLUMN mx.sql_logins.expires_at IS
    'When it ends by itself; empty if it does not.';
COMMENT ON COLUMN mx.sql_logins.is_active IS
    'False once it was taken away.';

COMMENT ON VIEW mx.investor_payments IS
    'One row per payment that the investors figures add up; read by their owner alone.';

COMMENT ON VIEW mx.investor_cells IS
    'One row per smallest group of sales that may be shown; read by their owner alone.';

COMMENT ON VIEW mx.investor_revenue_by_month IS
    'One row per merchant and complete month with 5 customers or more.';
COMMENT ON COLUMN mx.investor_revenue_by_month.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_revenue_by_month.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_revenue_by_month.revenue IS
    'What the sales came to, tax and surcharge contained; what was given back is not taken off.';
COMMENT ON COLUMN mx.investor_revenue_by_month.payments IS
    'How many sales.';
COMMENT ON COLUMN mx.investor_revenue_by_month.average_ticket IS
    'Revenue by sale.';

COMMENT ON VIEW mx.investor_revenue_by_category IS
    'One row per merchant, complete month and product category with 5 customers or more.';
COMMENT ON COLUMN mx.investor_revenue_by_category.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_revenue_by_category.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_revenue_by_category.product_category IS
    'The category; All other categories holds those that too few customers bought from.';
COMMENT ON COLUMN mx.investor_revenue_by_category.revenue IS
    'What the sales came to, tax and surcharge contained; what was given back is not taken off.';
COMMENT ON COLUMN mx.investor_revenue_by_category.payments IS
    'How many sales.';
COMMENT ON COLUMN mx.investor_revenue_by_category.average_ticket IS
    'Revenue by sale.';

COMMENT ON VIEW mx.investor_revenue_by_product IS
    'One row per merchant, complete month, product category and product with 5 customers or more.';
COMMENT ON COLUMN mx.investor_revenue_by_product.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_revenue_by_product.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_revenue_by_product.product_category IS
    'The category; All other categories holds those that too few customers bought from.';
COMMENT ON COLUMN mx.investor_revenue_by_product.product_name IS
    'The product; All other products holds those that too few customers bought.';
COMMENT ON COLUMN mx.investor_revenue_by_product.revenue IS
    'What the sales came to, tax and surcharge contained; what was given back is not taken off.';
COMMENT ON COLUMN mx.investor_revenue_by_product.payments IS
    'How many sales.';
COMMENT ON COLUMN mx.investor_revenue_by_product.average_ticket IS
    'Revenue by sale.';

COMMENT ON VIEW mx.investor_payments_by_month IS
    'One row per merchant, complete month and kind of payment with 5 customers or more.';
COMMENT ON COLUMN mx.investor_payments_by_month.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_payments_by_month.month IS
    'The first day of the month, in the merchants own time zone; complete months only.';
COMMENT ON COLUMN mx.investor_payments_by_month.kind IS
    'sale, refund or declined.';
COMMENT ON COLUMN mx.investor_payments_by_month.payments IS
    'How many.';
COMMENT ON COLUMN mx.investor_payments_by_month.amount IS
    'What they came to; for declined ones, what they would have.';

COMMENT ON VIEW mx.investor_memberships IS
    'One row per merchant and membership status with 5 members or more.';
COMMENT ON COLUMN mx.investor_memberships.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.investor_memberships.membership_status IS
    'The status of the members newest recurring payment in a complete month; All others holds the rare ones.';
COMMENT ON COLUMN mx.investor_memberships.members IS
    'How many customers.';
