"""People, and what they may do."""

from mx_pipeline.warehouse.migrations import apply

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """See 0005_people.sql."""
    apply(revision)
