-- What the nightly tidying does in Dagster's own database, where Dagster 1.13.27 itself deletes nothing: the verdicts of
-- asset checks, which stay when their run goes, and the events that belong to no run.

-- name: old_verdicts
-- The newest of each check and partition stays, however old it is: it is what the UI shows.
SELECT id
  FROM asset_check_executions
 WHERE create_timestamp < :before
   AND id NOT IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name, partition)
 ORDER BY id
 LIMIT :most

-- name: forget_verdicts
DELETE FROM asset_check_executions WHERE id = ANY (CAST(:ids AS bigint[]))

-- name: old_events_of_no_run
-- The newest of each kind of an asset and a partition stays, and what a verdict that is there tells.
SELECT id
  FROM event_logs
 WHERE run_id = ''
   AND timestamp < :before
   AND id NOT IN (SELECT max(id) FROM event_logs WHERE run_id = '' GROUP BY dagster_event_type, asset_key, partition)
   AND id NOT IN (SELECT evaluation_event_storage_id
                    FROM asset_check_executions
                   WHERE run_id = '' AND evaluation_event_storage_id IS NOT NULL)
 ORDER BY id
 LIMIT :most

-- name: forget_tags
-- Before their events.
DELETE FROM asset_event_tags WHERE event_id = ANY (CAST(:ids AS bigint[]))

-- name: forget_events
DELETE FROM event_logs WHERE id = ANY (CAST(:ids AS bigint[])) AND run_id = ''
