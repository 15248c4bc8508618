"""Requests that are cancelled."""

from mx_pipeline.warehouse.migrations import apply

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """See 0010_cancelling.sql."""
    apply(revision)
