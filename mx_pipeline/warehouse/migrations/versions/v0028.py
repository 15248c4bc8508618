"""A request says which call or command it was asked with."""

from mx_pipeline.warehouse.migrations import apply

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """See 0028_correlation.sql."""
    apply(revision)
