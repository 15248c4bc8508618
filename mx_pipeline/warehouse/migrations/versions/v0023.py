"""Tables and columns say what they mean."""

from mx_pipeline.warehouse.migrations import apply

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """See 0023_what_it_means.sql."""
    apply(revision)
