"""Requests in lanes, joined where they ask for the same, and a bell for workers."""

from mx_pipeline.warehouse.migrations import apply

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """See 0008_requests_in_lanes.sql."""
    apply(revision)
