"""The audit log."""

from mx_pipeline.warehouse.migrations import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """See 0003_audit_log.sql."""
    apply(revision)
