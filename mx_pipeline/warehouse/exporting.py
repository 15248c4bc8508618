"""Rows for a file: what one person may see of one merchant, a few thousand at a time, all of one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast, get_args
from zoneinfo import ZoneInfo

from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.refusals import translated
from mx_pipeline.warehouse.statements import statements

What: TypeAlias = Literal["transactions", "invoices", "purchases"]
WHATS: tuple[What, ...] = get_args(What)
VIEWING: Mapping[What, str] = MappingProxyType(
    {
        "transactions": "transactions.view:readonly",
        "invoices": "invoices.view:readonly",
        "purchases": "invoices.view:readonly",
    }
)
"""The permission without which there is nothing to take along."""

Kind: TypeAlias = Literal["integer", "number", "text", "flag", "day", "moment"]
KINDS: Mapping[int, Kind] = MappingProxyType(
    {16: "flag", 20: "integer", 21: "integer", 23: "integer", 1082: "day", 1184: "moment", 1700: "number"}
)
"""By the numbers that Postgres has for its types; anything else is text."""
ROWS_AT_ONCE = 5_000


@dataclass(frozen=True)
class Column:
    """One column of a file."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Range:
    """Days of the merchant, from one up to another that is not among them."""

    since: date | None
    until: date | None

    def parameters(self, zone: ZoneInfo) -> dict[str, object]:
        """The instants at which those days begin."""
        return {"since": _beginning(self.since, zone), "until": _beginning(self.until, zone)}


def count_rows(tenant: Tenant, what: What, days: Range, zone: ZoneInfo) -> int:
    """How many rows there are."""
    return int(tenant.run("export", f"count_{what}", **days.parameters(zone)).scalar_one())


def columns(tenant: Tenant, what: What) -> list[Column]:
    """What the rows consist of."""
    with tenant.run("export", what, since=None, until=None, most=0) as none:
        # Of a domain Postgres tells the type behind it.
        described = cast("Sequence[tuple[str, int, object]]", none.cursor.description if none.cursor else ())
    return [Column(name, KINDS.get(number, "text")) for name, number, *_ in described]


def parts(tenant: Tenant, what: What, days: Range, zone: ZoneInfo, *, most: int) -> Iterator[Sequence[Any]]:
    """The rows, by a cursor of the server: memory stays flat however many there are."""
    parameters = {**days.parameters(zone), "merchant_id": tenant.merchant_id, "most": most}
    asked = {"stream_results": True, "max_row_buffer": ROWS_AT_ONCE}
    with translated():
        rows = tenant.connection.execute(statements("export")[what], parameters, execution_options=asked)
        yield from rows.partitions(ROWS_AT_ONCE)


def _beginning(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), zone)
