"""Plans of the merge of details that grow with the tables."""

from mx_pipeline.warehouse.migrations import apply

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """See 0033_plans_that_grow.sql."""
    apply(revision)
