"""Tokens and invitations."""

from mx_pipeline.warehouse.migrations import apply

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """See 0009_tokens.sql."""
    apply(revision)
