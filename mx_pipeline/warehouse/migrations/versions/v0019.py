"""A request's limits hold in the database as well."""

from mx_pipeline.warehouse.migrations import apply

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """See 0019_limits_of_requests.sql."""
    apply(revision)
