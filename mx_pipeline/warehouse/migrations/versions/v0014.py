"""Permissions are decided in one look."""

from mx_pipeline.warehouse.migrations import apply

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """See 0014_quick_decision.sql."""
    apply(revision)
