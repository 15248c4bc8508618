"""What a return's number is worth."""

from mx_pipeline.warehouse.migrations import apply

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """See 0032_returns_of_quickpay.sql."""
    apply(revision)
