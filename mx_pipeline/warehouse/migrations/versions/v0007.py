"""A login each for people with SQL, what investors read, and what nurses may write."""

from mx_pipeline.warehouse.migrations import apply

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """See 0007_people_with_sql.sql."""
    apply(revision)
