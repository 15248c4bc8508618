"""Browsers sign in for a session."""

from mx_pipeline.warehouse.migrations import apply

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """See 0016_sessions.sql."""
    apply(revision)
