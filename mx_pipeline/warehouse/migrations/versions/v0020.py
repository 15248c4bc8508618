"""Categories by rule, by hand and by suggestion."""

from mx_pipeline.warehouse.migrations import apply

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """See 0020_categories_by_rule.sql."""
    apply(revision)
