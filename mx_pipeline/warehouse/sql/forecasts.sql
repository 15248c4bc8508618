-- name: figures
-- What earlier syncs left, from which the calls of the next one are reckoned: one row per merchant, from small rows
-- alone. For one merchant, or for the dispatcher. `overhead` is what the last syncs needed for each call that they
-- could not do without.
SELECT merchant.merchant_id,
       payments.record_count AS payments, coalesce(payments.walked_at IS NOT NULL, false) AS is_walked,
       coalesce(payments.daily_at < mx.last_night(merchant.merchant_id, merchant.timezone, 1, now()), true) AS daily_due,
       coalesce(payments.weekly_at < mx.last_night(merchant.merchant_id, merchant.timezone, 6, now()), true) AS weekly_due,
       coalesce(payments.open_each_sync, 0) AS open_each_sync, coalesce(payments.open_daily, 0) AS open_daily,
       coalesce(extract(epoch FROM now() - payments.completed_at), 0)::float8 AS seconds_since,
       invoices.record_count AS invoices,
       coalesce(invoices.daily_at < mx.last_night(merchant.merchant_id, merchant.timezone, 1, now()), true) AS invoices_daily_due,
       coalesce(invoices.weekly_at < mx.last_night(merchant.merchant_id, merchant.timezone, 6, now()), true) AS invoices_weekly_due,
       lately.overhead, (now() AT TIME ZONE 'UTC')::date AS today
  FROM (SELECT merchant_id, timezone
          FROM mx.mx_merchant_configs
         WHERE merchant_id = ANY (CAST(:merchants AS bigint[]))) AS merchant
  LEFT JOIN mx.sync_state AS payments
    ON payments.merchant_id = merchant.merchant_id AND payments.stream = 'payments'
  LEFT JOIN mx.sync_state AS invoices
    ON invoices.merchant_id = merchant.merchant_id AND invoices.stream = 'invoices'
 CROSS JOIN LATERAL (SELECT sum((run.stats->>'apiCalls')::float8)
                            / nullif(sum((run.stats->>'fewestCalls')::float8), 0) AS overhead
                       FROM (SELECT stats
                               FROM mx.sync_runs
                              WHERE merchant_id = merchant.merchant_id AND outcome = 'success' AND NOT dry_run
                                AND mode <> 'named'
                              ORDER BY started_at DESC
                              LIMIT 5) AS run) AS lately
