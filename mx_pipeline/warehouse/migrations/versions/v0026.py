"""Tables may be partitioned by merchant; a payment is found among many merchants."""

from mx_pipeline.warehouse.migrations import apply

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """See 0026_any_number_of_merchants.sql."""
    apply(revision)
