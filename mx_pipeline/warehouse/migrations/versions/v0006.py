"""Whole backups, and a search path that ends where it should."""

from mx_pipeline.warehouse.migrations import apply

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """See 0006_whole_backups.sql."""
    apply(revision)
