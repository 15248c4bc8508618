"""A warehouse opened as any role, and by its superuser for arranging and for the last look."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Engine, create_engine, text

from mx_pipeline.access import OPERATOR
from mx_pipeline.sealing import Sealer
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import APP_ROLE, AUDITOR_ROLE, DISPATCHER_ROLE, LOADER_ROLE, Logins
from mx_pipeline.warehouse.merchants import Credentials, add_merchant

MERCHANT = 1_000_000_001


class WarehouseUnderTest:
    """Real logins on a real database; `rows` looks past every policy, as only a test may."""

    def __init__(self, logins: Logins) -> None:
        self.logins = logins
        self.sealer = Sealer(logins.key)
        self._open = cache(lambda role: Warehouse(logins, role))
        # A new connection costs more than most of what is asked over it; a server that was restarted meanwhile is met.
        self._engine: Engine = create_engine(logins.admin, pool_size=1, max_overflow=20, pool_pre_ping=True)

    @property
    def loader(self) -> Warehouse:
        return self._open(LOADER_ROLE)

    @property
    def app(self) -> Warehouse:
        return self._open(APP_ROLE)

    @property
    def dispatcher(self) -> Warehouse:
        return self._open(DISPATCHER_ROLE)

    @property
    def auditor(self) -> Warehouse:
        return self._open(AUDITOR_ROLE)

    def has_merchant(
        self,
        merchant_id: int = MERCHANT,
        *,
        key: str = "K" * 24,
        secret: str = "s/e+c=",
        timezone: str = "America/Chicago",
        environment: str = "sandbox",
    ) -> int:
        """Register a merchant as the command does."""
        with self.app.merchant(merchant_id, person=OPERATOR) as tenant:
            add_merchant(
                tenant,
                self.sealer,
                Credentials(key, secret),
                name=f"Clinic {merchant_id}",
                environment=environment,
                timezone=timezone,
            )
        return merchant_id

    def rows(self, statement: str, **parameters: object) -> list[Any]:
        """What is really there, whichever merchant's."""
        with self._engine.connect() as connection:
            return list(connection.execute(text(statement), parameters))

    def rows_again(self, statement: str) -> list[Any]:
        """The same, of what is asked again and again: to plan a look at all tables costs ten times the look itself."""
        with self._engine.connect() as connection:
            known: dict[str, str] = connection.info.setdefault("prepared", {})
            if statement not in known:
                name = f"look_{len(known)}"
                connection.execute(text(f"PREPARE {name} AS {statement}"))
                known[statement] = name
            return list(connection.execute(text(f"EXECUTE {known[statement]}")))

    def value(self, statement: str, **parameters: object) -> Any:
        """The only value of the only row."""
        ((value,),) = self.rows(statement, **parameters)
        return value

    def everything(self, *, but: str) -> str:
        """All rows of all tables as one text, but the tables whose name ends so."""
        tables = self.rows_again("SELECT tablename FROM pg_tables WHERE schemaname = 'mx' ORDER BY 1")
        wanted = [table for (table,) in tables if not table.endswith(but)]
        texts = " UNION ALL ".join(
            f"SELECT string_agg(t::text, E'\\n') FROM mx.{table} AS t" for table in wanted
        )
        # Not `str(row)`: SQLAlchemy leaves out the middle of a long one, and what is looked for with it.
        return "\n".join(text or "" for (text,) in self.rows_again(texts))

    def damage(self, statement: str, **parameters: object) -> None:
        """What no role of ours could do."""
        with self._engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def close(self) -> None:
        for role in (LOADER_ROLE, APP_ROLE, DISPATCHER_ROLE, AUDITOR_ROLE):
            self._open(role).close()
        self._engine.dispose()
