"""Suggestions: what nobody answered is taken back, what merchants share holds no name."""

from mx_pipeline.warehouse.migrations import apply

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """See 0027_suggestions.sql."""
    apply(revision)
