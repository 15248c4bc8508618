"""The first tables."""

from mx_pipeline.warehouse.migrations import apply

revision = "0001"
down_revision = None


def upgrade() -> None:
    """See 0001_first_tables.sql."""
    apply(revision)
