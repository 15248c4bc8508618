"""A running sync tells how far it is."""

from mx_pipeline.warehouse.migrations import apply

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """See 0015_progress.sql."""
    apply(revision)
