"""Who is due for a sync."""

from mx_pipeline.warehouse.migrations import apply

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """See 0018_rounds.sql."""
    apply(revision)
