"""Permissions are decided in one look."""

from mx_pipeline.warehouse.migrations import apply

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """See 0013_quick_decision.sql."""
    apply(revision)
