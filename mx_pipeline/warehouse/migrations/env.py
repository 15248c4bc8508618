"""What Alembic runs: our connection, our schema, and a checksum kept for each migration applied."""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from mx_pipeline.warehouse.migrations import checksum
from mx_pipeline.warehouse.statements import statements


def _keep_checksums(**applied: Any) -> None:
    for number in applied["step"].up_revision_ids:
        connection.execute(
            statements("roles")["keep_checksum"], {"number": number, "checksum": checksum(number)}
        )


connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table_schema="mx",
    on_version_apply=_keep_checksums,  # pyright: ignore[reportArgumentType] # it is called with keywords only
    transactional_ddl=True,
)
context.run_migrations()
