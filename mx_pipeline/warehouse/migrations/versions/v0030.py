"""How the last look of the canary ended."""

from mx_pipeline.warehouse.migrations import apply

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """See 0030_canary.sql."""
    apply(revision)
