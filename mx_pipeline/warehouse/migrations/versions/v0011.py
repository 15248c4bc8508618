"""What small batches have in common is planned once a session."""

from mx_pipeline.warehouse.migrations import apply

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """See 0011_small_batches.sql."""
    apply(revision)
