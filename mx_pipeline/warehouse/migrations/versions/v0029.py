"""The ledger of payments is written once a page."""

from mx_pipeline.warehouse.migrations import apply

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """See 0029_ledger_by_page.sql."""
    apply(revision)
