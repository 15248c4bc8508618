"""What is known of every merchant without reading its data."""

from mx_pipeline.warehouse.migrations import apply

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """See 0004_how_it_stands.sql."""
    apply(revision)
