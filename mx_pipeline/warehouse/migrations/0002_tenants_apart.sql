-- A tenant is a restriction, not a permission: whatever a later policy permits, a connection stays inside the
-- merchant it was opened for. And nothing may be done by everyone.

-- The merchant that this transaction was opened for: none where none was set, or where what was set is no id.
-- It never raises: the text of an error would tell whoever guesses.
CREATE FUNCTION mx.current_merchant() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT CASE WHEN current_setting('mx.merchant_id', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mx.merchant_id', true)::bigint END
$$;

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA mx FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.current_merchant() TO mx_loader, mx_app;

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'mx_merchant_configs', 'payments', 'payment_people', 'payment_history', 'invoice_documents',
        'invoice_people', 'invoice_purchases', 'invoice_payments', 'invoice_map', 'invoice_map_misses',
        'payment_invoices', 'enriched_transactions', 'product_categories', 'transaction_workflow',
        'invoice_workflow', 'sync_requests', 'sync_runs', 'sync_leases', 'sync_state', 'certificates', 'quarantine', 'api_usage']
    LOOP
        EXECUTE format(
            'CREATE POLICY only_this_merchant ON mx.%I AS RESTRICTIVE TO mx_loader, mx_app
                 USING (merchant_id = (SELECT mx.current_merchant()))
                 WITH CHECK (merchant_id = (SELECT mx.current_merchant()))',
            tenant_table);
        EXECUTE format('DROP POLICY loader_of_this_merchant ON mx.%I', tenant_table);
        EXECUTE format('CREATE POLICY loader_works ON mx.%I TO mx_loader USING (true) WITH CHECK (true)', tenant_table);
        CONTINUE WHEN tenant_table IN ('payment_people', 'invoice_people');
        EXECUTE format('DROP POLICY app_of_this_merchant ON mx.%I', tenant_table);
        EXECUTE format('CREATE POLICY app_works ON mx.%I TO mx_app USING (true) WITH CHECK (true)', tenant_table);
    END LOOP;
END $$;
