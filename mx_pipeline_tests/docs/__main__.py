"""`make docs`: writes the pages that are made from the code and the schema."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from mx_pipeline.operations import error_catalogue
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline_tests.docs import column_page
from mx_pipeline_tests.local.throwaway_postgres import throwaway_postgres

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """On a Postgres of its own."""
    (DOCS / "errors.md").write_text(error_catalogue.page(), encoding="utf-8")
    with throwaway_postgres() as postgres:
        url = postgres.create_database("documented")
        migrate(Logins(make_url(url).set(drivername=DRIVER), SealingKey.generate()))
        (DOCS / "columns.md").write_text(column_page.page(url), encoding="utf-8")


if __name__ == "__main__":
    main()
