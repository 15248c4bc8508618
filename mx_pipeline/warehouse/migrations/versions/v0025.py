"""What was earned: gross, surcharge, tax and refunds apart, by day, month, category, product and patient."""

from mx_pipeline.warehouse.migrations import apply

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """See 0025_money.sql."""
    apply(revision)
