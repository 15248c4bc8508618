-- How far a running sync is, by phase: what is committed, and of how much where that is known.

ALTER TABLE mx.sync_runs ADD COLUMN progress jsonb NOT NULL DEFAULT '{}';
