"""Tenants apart, by a restriction that no later policy can widen."""

from mx_pipeline.warehouse.migrations import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """See 0002_tenants_apart.sql."""
    apply(revision)
