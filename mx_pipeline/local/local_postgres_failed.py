"""The one error of the embedded Postgres: it cannot be had, and the message says what to do."""

from mx_pipeline.errors import LocalFailed


class LocalPostgresFailed(LocalFailed):
    """Says what we tried, what came back, and what to do. Never holds the password."""
