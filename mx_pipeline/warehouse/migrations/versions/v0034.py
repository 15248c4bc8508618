"""Requests that were cancelled while Dagster held a run for them are found at once."""

from mx_pipeline.warehouse.migrations import apply

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """See 0034_cancelled_after_launch.sql."""
    apply(revision)
