"""Who reads with SQL can be reviewed."""

from mx_pipeline.warehouse.migrations import apply

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """See 0012_logins_reviewed.sql."""
    apply(revision)
