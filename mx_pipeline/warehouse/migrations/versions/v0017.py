"""MX rings, and what it names is fetched."""

from mx_pipeline.warehouse.migrations import apply

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """See 0017_webhooks.sql."""
    apply(revision)
