"""An approved authorization is no sale to investors either."""

from mx_pipeline.warehouse.migrations import apply

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """See 0031_authorizations.sql."""
    apply(revision)
