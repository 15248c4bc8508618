"""How often a merchant is synced, in one place; what operators were told."""

from mx_pipeline.warehouse.migrations import apply

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """See 0022_seeing.sql."""
    apply(revision)
