-- What a person may read is decided once a transaction, and row-level security costs next to nothing.

-- What a person may do at a merchant, in one look; none where they have no role there. The same decision as
-- `mx.access_of`; a test holds both to `access.py`.
CREATE FUNCTION mx.words_at(person text, merchant bigint) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    role_there text;
    overrides jsonb;
    allowed text[];
BEGIN
    IF person = 'operator' THEN
        RETURN mx.permissions_of('operator', '{}');
    ELSIF person ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
        SELECT standing.role, standing.overrides,
               ARRAY(SELECT known.permission FROM mx.role_permissions AS known WHERE known.role = standing.role)
          INTO role_there, overrides, allowed
          FROM (SELECT CASE WHEN known.platform_role = 'super_admin' THEN 'super_admin'
                            WHEN config.user_id = known.id AND config.is_active THEN 'tenant_owner'
                            WHEN coalesce(config.access_check, 'permissions') = 'permissions' AND given.is_active
                                 AND coalesce(given.expires_at > statement_timestamp(), true) THEN given.role END
                           AS role,
                       CASE WHEN known.platform_role IS NULL
                                 AND (config.user_id = known.id AND config.is_active) IS NOT TRUE
                            THEN given.permissions END AS overrides
                  FROM mx.users AS known
                  LEFT JOIN mx.mx_merchant_configs AS config ON config.merchant_id = merchant
                  LEFT JOIN mx.user_tenant_permissions AS given
                    ON given.merchant_id = merchant AND given.user_id = known.id
                 WHERE known.id = person::uuid AND known.is_active
                OFFSET 0) AS standing; -- so that the role is decided once
    END IF;
    IF role_there IS NULL THEN
        RETURN NULL;
    ELSIF overrides IS NULL OR overrides = '{}' THEN
        RETURN allowed;
    END IF;
    RETURN mx.permissions_of(role_there, overrides);
END $$;

-- Whether they may. Policies ask it as (SELECT mx.may(...)), so that it runs once a statement.
CREATE OR REPLACE FUNCTION mx.may(permission text, merchant bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
BEGIN
    RETURN coalesce(permission = ANY (mx.words_at(current_setting('mx.user_id', true), merchant)), false);
END $$;

-- The application's transactions begin here: for a merchant and a person, until they end. What the person may read
-- there is decided now and stands in settings of its own, for to decide it for each table of each statement costs
-- a third of a read; what they may write is decided by each statement. Only policies for the application believe
-- these settings, and whoever has that login could as well set the person. Tells what the connection came with.
CREATE FUNCTION mx.enter(merchant text, person text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS $$
DECLARE
    came_with CONSTANT text := coalesce(current_setting('mx.merchant_id', true), '')
                               || coalesce(current_setting('mx.user_id', true), '');
    merchant_id CONSTANT text := CASE WHEN merchant ~ '^[1-9][0-9]{0,17}$' THEN merchant END;
    words CONSTANT text[] := mx.words_at(person, merchant_id::bigint);
    entered text;
BEGIN
    entered := concat(
        set_config('mx.merchant_id', merchant, true),
        set_config('mx.user_id', person, true),
        set_config('mx.may_enter', CASE WHEN words IS NOT NULL THEN merchant_id END, true),
        set_config('mx.may_read_payments',
                   CASE WHEN 'transactions.view:readonly' = ANY (words) THEN merchant_id END, true),
        set_config('mx.may_read_invoices',
                   CASE WHEN 'invoices.view:readonly' = ANY (words) THEN merchant_id END, true),
        set_config('mx.may_read_names', CASE WHEN 'names.view' = ANY (words) THEN merchant_id END, true));
    RETURN came_with;
END $$;

GRANT EXECUTE ON FUNCTION mx.enter(text, text) TO mx_app;

-- What a person may read is a merchant or none, so one comparison holds the tenant and the permission. Not as
-- (SELECT ...): the same words in the policies of two tables are one value to Postgres, and two (SELECT ...) are
-- not, which it would compare for each row (half a microsecond each, 2026-11).
DO $$
DECLARE
    readable record;
    read_table text;
BEGIN
    FOR readable IN
        SELECT named.setting, named.tables
          FROM (VALUES
            ('mx.may_enter', ARRAY['mx_merchant_configs']),
            ('mx.may_read_payments', ARRAY['payments', 'payment_people', 'payment_history', 'payment_invoices',
                'enriched_transactions', 'transaction_workflow']),
            ('mx.may_read_invoices', ARRAY['invoice_documents', 'invoice_people', 'invoice_purchases',
                'invoice_payments', 'invoice_map', 'invoice_workflow'])) AS named (setting, tables)
    LOOP
        FOREACH read_table IN ARRAY readable.tables LOOP
            EXECUTE format('DROP POLICY app_reads_with_permission ON mx.%I', read_table);
            EXECUTE format('ALTER POLICY only_this_merchant ON mx.%I TO mx_loader', read_table);
            EXECUTE format(
                'CREATE POLICY only_what_may_be_read ON mx.%I AS RESTRICTIVE TO mx_app
                     USING (merchant_id = nullif(current_setting(%L, true), '''')::bigint)
                     WITH CHECK (merchant_id = (SELECT mx.current_merchant()))', read_table, readable.setting);
        END LOOP;
    END LOOP;
END $$;

ALTER POLICY app_reads_names ON mx.payment_people USING ((SELECT nullif(current_setting('mx.may_read_names', true), '')) IS NOT NULL);
ALTER POLICY app_reads_names ON mx.invoice_people USING ((SELECT nullif(current_setting('mx.may_read_names', true), '')) IS NOT NULL);

-- The zone is not asked for where no date is.
CREATE OR REPLACE VIEW mx.invoices WITH (security_invoker = true) AS
SELECT md5('invoice/' || invoice.merchant_id || '/' || invoice.mx_invoice_id)::uuid AS id,
       invoice.merchant_id,
       invoice.mx_invoice_id,
       invoice.invoice_number,
       invoice.status,
       invoice.total_amount::numeric AS total_amount,
       invoice.subtotal_amount::numeric AS subtotal_amount,
       invoice.discount_amount::numeric AS discount_amount,
       invoice.tax_amount::numeric AS tax_amount,
       invoice.balance::numeric AS balance,
       invoice.paid_amount::numeric AS paid_amount,
       (invoice.invoice_date AT TIME ZONE merchant.timezone)::date AS invoice_date,
       (invoice.due_date AT TIME ZONE merchant.timezone)::date AS due_date,
       invoice.api_created,
       person.customer_id,
       person.customer_name,
       person.customer_number,
       person.memo,
       invoice.currency,
       invoice.receipt_number,
       invoice.quantity::numeric AS quantity,
       invoice.return_quantity::numeric AS return_quantity,
       invoice.return_status,
       invoice.source_type,
       invoice.type,
       invoice.terms,
       invoice.is_tax_exempt,
       invoice.raw_data,
       coalesce(workflow.data_sent_status, 'pending') AS data_sent_status,
       workflow.data_sent_at,
       workflow.data_sent_notes,
       workflow.ordered_by_provider_at,
       invoice.first_seen_at AS created_at,
       greatest(invoice.changed_at, workflow.updated_at) AS updated_at
  FROM mx.invoice_documents AS invoice
  LEFT JOIN mx.mx_merchant_configs AS merchant USING (merchant_id)
  LEFT JOIN mx.invoice_people AS person USING (merchant_id, mx_invoice_id)
  LEFT JOIN mx.invoice_workflow AS workflow USING (merchant_id, mx_invoice_id)
 WHERE invoice.vanished_at IS NULL;
