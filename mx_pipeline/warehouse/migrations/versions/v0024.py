"""What was kept long enough is forgotten."""

from mx_pipeline.warehouse.migrations import apply

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """See 0024_kept_long_enough.sql."""
    apply(revision)
