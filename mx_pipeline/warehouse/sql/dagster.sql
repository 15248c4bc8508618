-- What the nightly tidying does in Dagster's own database, where Dagster 1.13.27 itself deletes nothing: the verdicts of
-- asset checks, which stay when their run goes, and the events that belong to no run.

-- name: old_verdicts
-- The newest of each check and partition stays, however old it is: it is what the UI shows.
WITH newest AS MATERIALIZED (
    SELECT max(id) AS id FROM asset_check_executions GROUP BY asset_key, check_name, partition
)
SELECT verdict.id
  FROM asset_check_executions AS verdict
 WHERE verdict.create_timestamp < :before
   AND NOT EXISTS (SELECT FROM newest WHERE newest.id = verdict.id)
 ORDER BY verdict.id
 LIMIT :most

-- name: forget_verdicts
DELETE FROM asset_check_executions WHERE id = ANY (CAST(:ids AS bigint[]))

-- name: old_events_of_no_run
-- The newest of each kind of an asset and a partition stays, and what a verdict that is there tells.
WITH newest AS MATERIALIZED (
    SELECT max(id) AS id FROM event_logs WHERE run_id = '' GROUP BY dagster_event_type, asset_key, partition
), told AS MATERIALIZED (
    SELECT evaluation_event_storage_id AS id FROM asset_check_executions WHERE run_id = ''
)
SELECT event.id
  FROM event_logs AS event
 WHERE event.run_id = ''
   AND event.timestamp < :before
   AND NOT EXISTS (SELECT FROM newest WHERE newest.id = event.id)
   AND NOT EXISTS (SELECT FROM told WHERE told.id = event.id)
 ORDER BY event.id
 LIMIT :most

-- name: forget_tags
-- Before their events.
DELETE FROM asset_event_tags WHERE event_id = ANY (CAST(:ids AS bigint[]))

-- name: forget_events
DELETE FROM event_logs WHERE id = ANY (CAST(:ids AS bigint[])) AND run_id = ''
