"""What a person may read is decided once a transaction."""

from mx_pipeline.warehouse.migrations import apply

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """See 0021_read_at_once.sql."""
    apply(revision)
