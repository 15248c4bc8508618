-- Plans of a first load grow with its tables: made while they are empty, they read all of a merchant's rows for each row.

-- Plans are kept for as long as the session: those of functions, and those by which foreign keys are looked up. Made
-- on empty tables, where every index that begins with the merchant costs the same, they may read all of the merchant's
-- rows for each row. So they are made anew whenever one of the tables has doubled (then the product has); how large they
-- were then is remembered with the plans, in the session.
CREATE FUNCTION mx.plan_for_size() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    size CONSTANT double precision :=
        (8192.0 + pg_relation_size('mx.payments')) * (8192.0 + pg_relation_size('mx.invoice_documents'));
BEGIN
    IF size > 2 * coalesce(nullif(current_setting('mx_plans.size', true), ''), '0')::double precision THEN
        EXECUTE 'DISCARD PLANS';
        PERFORM set_config('mx_plans.size', size::text, false);
    END IF;
END $$;

GRANT EXECUTE ON FUNCTION mx.plan_for_size() TO mx_loader;

CREATE OR REPLACE FUNCTION mx.merge_invoice_details(merchant bigint, news jsonb, OUT inserted bigint, OUT updated bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM mx.plan_for_size();
    WITH page AS MATERIALIZED (
        SELECT invoice.*, detail.hash, detail.observed_at,
               (detail.told #>> '{customer,id}')::bigint AS customer_id,
               coalesce(detail.told #>> '{customer,name}', detail.told ->> 'customerName') AS customer_name,
               -- Its `raw_data` contains no person.
               (detail.told - '{customer,customerName,customerNumber,memo,purchases,payments}'::text[])
                   || jsonb_build_object('purchases', detail.sent) AS raw_data
          FROM jsonb_to_recordset(news) AS detail (told jsonb, sent jsonb, hash bigint, observed_at timestamptz),
               jsonb_to_record(detail.told) AS invoice (
               id bigint, "invoiceNumber" bigint, status text, type text, "receiptNumber" text,
               "totalAmount" numeric, "subTotalAmount" numeric, "discountAmount" numeric, "taxAmount" numeric,
               balance numeric, "paidAmount" numeric, quantity numeric, "returnQuantity" numeric,
               "returnStatus" text, "invoiceDate" timestamptz, "dueDate" timestamptz, created timestamptz,
               "sourceType" text, terms text, currency text, "isTaxExempt" boolean, memo text, purchases jsonb,
               payments jsonb)
    ), read_before AS MATERIALIZED (
        SELECT page.id
          FROM page
          JOIN LATERAL (SELECT detail_observed_at
                          FROM mx.invoice_documents AS stored
                         WHERE stored.merchant_id = merchant AND stored.mx_invoice_id = page.id
                        OFFSET 0) AS stored ON stored.detail_observed_at IS NOT NULL
    ), merged AS (
        INSERT INTO mx.invoice_documents AS stored
               (merchant_id, mx_invoice_id, invoice_number, status, type, receipt_number, total_amount,
                subtotal_amount, discount_amount, tax_amount, balance, paid_amount, quantity, return_quantity,
                return_status, invoice_date, due_date, api_created, source_type, terms, currency, is_tax_exempt,
                raw_data, detail_hash, detail_of_total, detail_of_quantity, observed_at, detail_observed_at)
        SELECT merchant, id, "invoiceNumber", status, type, "receiptNumber", "totalAmount", "subTotalAmount",
               "discountAmount", "taxAmount", balance, "paidAmount", quantity, "returnQuantity", "returnStatus",
               "invoiceDate", "dueDate", created, "sourceType", terms, currency, "isTaxExempt",
               raw_data, hash, "totalAmount", quantity, observed_at, observed_at
          FROM page
         ORDER BY id
            ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
           SET invoice_number = excluded.invoice_number,
               status = excluded.status,
               type = excluded.type,
               receipt_number = excluded.receipt_number,
               total_amount = excluded.total_amount,
               subtotal_amount = excluded.subtotal_amount,
               discount_amount = excluded.discount_amount,
               tax_amount = coalesce(excluded.tax_amount, stored.tax_amount),
               balance = excluded.balance,
               paid_amount = excluded.paid_amount,
               quantity = excluded.quantity,
               return_quantity = excluded.return_quantity,
               return_status = excluded.return_status,
               invoice_date = excluded.invoice_date,
               due_date = excluded.due_date,
               api_created = excluded.api_created,
               source_type = excluded.source_type,
               terms = excluded.terms,
               currency = coalesce(excluded.currency, stored.currency),
               is_tax_exempt = excluded.is_tax_exempt,
               raw_data = excluded.raw_data,
               detail_hash = excluded.detail_hash,
               detail_of_total = coalesce(stored.listed_total, excluded.detail_of_total),
               detail_of_quantity = coalesce(stored.listed_quantity, excluded.detail_of_quantity),
               observed_at = excluded.observed_at,
               detail_observed_at = excluded.detail_observed_at,
               vanished_at = NULL,
               changed_at = now()
         WHERE stored.observed_at <= excluded.observed_at
        RETURNING stored.mx_invoice_id, (stored.first_seen_at = now()) AS is_new
    ), fresh AS (
        SELECT page.* FROM page JOIN merged ON merged.mx_invoice_id = page.id
    ), mapped AS (
        INSERT INTO mx.invoice_map (merchant_id, invoice_number, mx_invoice_id)
        SELECT merchant, "invoiceNumber", id
          FROM fresh
         ORDER BY "invoiceNumber", id
            ON CONFLICT DO NOTHING
    ), people AS (
        INSERT INTO mx.invoice_people AS stored (merchant_id, mx_invoice_id, customer_id, customer_name, memo)
        SELECT merchant, id, customer_id, customer_name, memo
          FROM fresh
         ORDER BY id
            ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
           SET customer_id = coalesce(excluded.customer_id, stored.customer_id),
               customer_name = coalesce(excluded.customer_name, stored.customer_name),
               memo = excluded.memo
    ), kept_lines AS (
        INSERT INTO mx.invoice_purchases AS stored
               (merchant_id, mx_invoice_id, mx_purchase_id, product_id, product_name, description, quantity,
                quantity_returned, price, discount_amount, price_discount_amount, subtotal_amount, tax_amount,
                total_amount, api_created, line)
        SELECT merchant, fresh.id, line.*
          FROM fresh,
               ROWS FROM (jsonb_to_recordset(fresh.purchases) AS (
                   id bigint, "productId" bigint, "productName" text, description text, quantity numeric,
                   "quantityReturned" numeric, price numeric, "discountAmount" numeric,
                   "priceDiscountAmount" numeric, "subTotalAmount" numeric, "taxAmount" numeric,
                   "totalAmount" numeric, created timestamptz)) WITH ORDINALITY AS line
            ON CONFLICT (merchant_id, mx_invoice_id, line) DO UPDATE
           SET mx_purchase_id = excluded.mx_purchase_id,
               product_id = excluded.product_id,
               product_name = excluded.product_name,
               description = excluded.description,
               quantity = excluded.quantity,
               quantity_returned = excluded.quantity_returned,
               price = excluded.price,
               discount_amount = excluded.discount_amount,
               price_discount_amount = excluded.price_discount_amount,
               subtotal_amount = excluded.subtotal_amount,
               tax_amount = excluded.tax_amount,
               total_amount = excluded.total_amount,
               api_created = excluded.api_created
    ), dropped_lines AS (
        DELETE FROM mx.invoice_purchases AS stored
         USING fresh
         WHERE stored.merchant_id = merchant
           AND stored.mx_invoice_id = ANY (ARRAY(SELECT id FROM read_before))
           AND stored.mx_invoice_id = fresh.id
           AND stored.line > coalesce(jsonb_array_length(fresh.purchases), 0)
    ), named_payments AS (
        INSERT INTO mx.invoice_payments (merchant_id, mx_payment_id, mx_invoice_id)
        SELECT DISTINCT merchant, payment.id, fresh.id
          FROM fresh, jsonb_to_recordset(fresh.payments) AS payment (id bigint)
            ON CONFLICT DO NOTHING
    ), unnamed_payments AS (
        DELETE FROM mx.invoice_payments AS stored
         USING fresh
         WHERE stored.merchant_id = merchant
           AND stored.mx_invoice_id = ANY (ARRAY(SELECT id FROM read_before))
           AND stored.mx_invoice_id = fresh.id
           AND NOT coalesce(fresh.payments @> jsonb_build_array(jsonb_build_object('id', stored.mx_payment_id)), false)
    )
    SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new)
      INTO inserted, updated
      FROM merged;
END $$;

CREATE OR REPLACE FUNCTION mx.hold_lease(merchant bigint, held_token bigint, this_batch text,
                              OUT has_landed boolean, OUT stop text, OUT is_active boolean,
                              OUT key_seen text)
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM mx.plan_for_size();
    SELECT is_active, md5(consumer_key || consumer_secret)
      INTO is_active, key_seen
      FROM mx.mx_merchant_configs
     WHERE merchant_id = merchant
       FOR SHARE;
    UPDATE mx.sync_leases
       SET batch_before = batch, batch = this_batch
     WHERE merchant_id = merchant AND token = held_token
    RETURNING batch_before IS NOT DISTINCT FROM batch, stop INTO has_landed, stop;
    is_active := coalesce(is_active, false);
END $$;
