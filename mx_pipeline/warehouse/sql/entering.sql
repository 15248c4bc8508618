-- name: enter
-- What a transaction begins with: its merchant, its person and its limits, which end with it, and what it belongs to,
-- for whoever looks at pg_stat_activity. Tells first what the connection came with: nothing, unless someone else has
-- used it and a plain SET.
SELECT coalesce(current_setting('mx.merchant_id', true), '') || coalesce(current_setting('mx.user_id', true), '')
           AS came_with,
       set_config('mx.merchant_id', :merchant, true) AS merchant_id,
       set_config('mx.user_id', :person, true),
       set_config('TimeZone', 'UTC', true),
       set_config('lock_timeout', :lock_timeout, true),
       set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
       set_config('statement_timeout', :statement_timeout, true),
       set_config('jit', 'off', true),
       set_config('application_name', :application, true)

-- name: enter_for_a_person
-- The same for the application: what the person may read is decided with it.
SELECT mx.enter(:merchant, :person) AS came_with,
       set_config('TimeZone', 'UTC', true),
       set_config('lock_timeout', :lock_timeout, true),
       set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
       set_config('statement_timeout', :statement_timeout, true),
       set_config('jit', 'off', true),
       set_config('application_name', :application, true)

-- name: enter_holding_lease
-- The same, and the lease is held for a write (schema.sql, section 6), in one round trip. The merchant given to it
-- is what was just set, so it runs after that.
SELECT entered.came_with, lease.has_landed, lease.stop, lease.is_active, lease.key_seen
  FROM (SELECT coalesce(current_setting('mx.merchant_id', true), '') || coalesce(current_setting('mx.user_id', true), '')
                   AS came_with,
               set_config('mx.merchant_id', :merchant, true) AS merchant_id,
               set_config('mx.user_id', :person, true),
               set_config('TimeZone', 'UTC', true),
               set_config('lock_timeout', :lock_timeout, true),
               set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
               set_config('statement_timeout', :statement_timeout, true),
               set_config('jit', 'off', true),
               set_config('application_name', :application, true)) AS entered,
       LATERAL mx.hold_lease(CAST(entered.merchant_id AS bigint), :token, :batch) AS lease

-- name: enter_merging_invoice_details
-- The same, and the transaction's one write with it: a batch of invoices (schema.sql, section 3). Where the lease is
-- not held, or nothing may be written any more, an empty batch is merged. Two statements in one message: the limits
-- of the second are set by the first.
SELECT set_config('TimeZone', 'UTC', true),
       set_config('lock_timeout', :lock_timeout, true),
       set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
       set_config('statement_timeout', :statement_timeout, true),
       set_config('jit', 'off', true),
       set_config('application_name', :application, true);
SELECT entered.came_with, lease.has_landed, lease.stop, lease.is_active, lease.key_seen, merged.inserted, merged.updated
  FROM (SELECT coalesce(current_setting('mx.merchant_id', true), '') || coalesce(current_setting('mx.user_id', true), '')
                   AS came_with,
               set_config('mx.merchant_id', :merchant, true) AS merchant_id,
               set_config('mx.user_id', :person, true)) AS entered,
       LATERAL mx.hold_lease(CAST(entered.merchant_id AS bigint), :token, :batch) AS lease,
       LATERAL mx.merge_invoice_details(
           CAST(entered.merchant_id AS bigint),
           CASE WHEN entered.came_with = '' AND NOT lease.has_landed AND lease.is_active AND lease.stop IS NULL
                THEN CAST(:page AS jsonb) ELSE '[]' END) AS merged
