-- Tables may be partitioned by merchant: a row inserted into a partition tells no system column, so what is new is told
-- by when it was first seen. And a payment is found among any number of merchants in one look.

CREATE OR REPLACE FUNCTION mx.merge_invoice_details(merchant bigint, news jsonb, OUT inserted bigint, OUT updated bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
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

-- At which of these merchants there is such a payment, stored or in quarantine: for `trace`, which may be asked with
-- ten thousand. Each is entered as a transaction of its own would enter it, so policies hold and a person sees no more.
CREATE FUNCTION mx.merchants_having(payment bigint, merchants bigint[]) RETURNS SETOF bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, mx, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
DECLARE
    person CONSTANT text := coalesce(current_setting('mx.user_id', true), '');
    merchant bigint;
BEGIN
    FOREACH merchant IN ARRAY merchants LOOP
        PERFORM mx.enter(merchant::text, person);
        IF EXISTS (SELECT FROM mx.payments AS stored
                    WHERE stored.merchant_id = merchant AND stored.mx_payment_id = payment)
           OR EXISTS (SELECT FROM mx.quarantine AS held
                       WHERE held.merchant_id = merchant AND held.mx_id = payment
                         AND held.stream IN ('payments', 'payment_details')) THEN
            RETURN NEXT merchant;
        END IF;
    END LOOP;
    PERFORM mx.enter('', person);
END $$;

GRANT EXECUTE ON FUNCTION mx.merchants_having(bigint, bigint[]) TO mx_app;
