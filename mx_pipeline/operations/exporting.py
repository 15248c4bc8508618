"""Takes what a person may see of a merchant along in a file: permission, count, audit, and then the first row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec

from mx_pipeline.access import OPERATOR, SUPER_ADMIN, Access
from mx_pipeline.operations import export_files, whole_files
from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.warehouse import exporting
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import SNAPSHOT
from mx_pipeline.warehouse.exporting import Range, What
from mx_pipeline.warehouse.merchants import get_merchant

EXPORT = "data.export"
NAMES = "names.view"
MOST_ROWS: Mapping[str, int] = MappingProxyType(
    {
        OPERATOR: 10_000_000,
        SUPER_ADMIN: 10_000_000,
        "tenant_owner": 2_000_000,
        "tenant_admin": 2_000_000,
        "clinic_staff": 250_000,
    }
)
MOST_ROWS_OF_OTHERS = 50_000
"""For a role that has the permission by a grant of its own."""
BESIDE = ".json"
"""Added to a CSV file's name for the file that says who made it, when, and of what."""


@dataclass(frozen=True)
class Order:
    """What is to be taken along, and where to."""

    merchant_id: int
    what: What
    days: Range
    target: Path
    replaces: bool = False


@dataclass(frozen=True)
class Exported:
    """What a file holds; with it whoever finds the file knows whom to ask."""

    file: str
    merchant_id: int
    what: What
    since: str | None
    until: str | None
    rows: int
    columns: list[str]
    has_names: bool
    exported_by: str
    exported_at: str
    sha256: str | None = None


def export(here: AtWork, order: Order) -> Exported:
    """Write the file as a whole. Raises AccessDenied, recorded; BadInput; UnknownMerchant."""
    write = export_files.writer_for(order.target)
    whole_files.check_target(order.target, replaces=order.replaces)
    here.require(exporting.VIEWING[order.what], order.merchant_id)
    access = here.require(EXPORT, order.merchant_id)
    with here.app.merchant(order.merchant_id, person=here.person.user_id, opening=SNAPSHOT) as tenant:
        zone = get_merchant(tenant).zone
        rows = exporting.count_rows(tenant, order.what, order.days, zone)
        _check_number(here, order, access, rows)
        found = exporting.columns(tenant, order.what)
        made = _described(here, order, access, rows, [column.name for column in found])
        _record(here, made)
        watermark = msgspec.json.encode(made).decode()
        with whole_files.whole_file(order.target, replaces=order.replaces) as file:
            parts = exporting.parts(tenant, order.what, order.days, zone, most=rows)
            write(file, found, parts, watermark)
    return _with_watermark(made, order)


def _check_number(here: AtWork, order: Order, access: Access, rows: int) -> None:
    most = MOST_ROWS.get(access.role or "", MOST_ROWS_OF_OTHERS)
    if rows > most:
        raise here.refused(
            EXPORT,
            order.merchant_id,
            f"these are {rows:,} rows, and as {access.role} you may take {most:,} along at once; ask for fewer days "
            "with --since and --until",
        )


def _described(here: AtWork, order: Order, access: Access, rows: int, columns: list[str]) -> Exported:
    since, until = order.days.since, order.days.until
    return Exported(
        file=order.target.name,
        merchant_id=order.merchant_id,
        what=order.what,
        since=since and since.isoformat(),
        until=until and until.isoformat(),
        rows=rows,
        columns=columns,
        has_names=NAMES in access.permissions,
        exported_by=here.person.actor,
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _record(here: AtWork, made: Exported) -> None:
    """In a transaction of its own, which is over before the first row leaves."""
    detail = {
        "what": made.what,
        "since": made.since,
        "until": made.until,
        "rows": made.rows,
        "columns": made.columns,
        "names": made.has_names,
    }
    with here.merchant(made.merchant_id) as tenant:
        record(tenant, actor=here.person.actor, action="data.exported", detail=detail)


def _with_watermark(made: Exported, order: Order) -> Exported:
    """A Parquet file holds it; beside a CSV file there is another, for a line of it would break readers."""
    whole = replace(made, sha256=whole_files.sha256(order.target))
    if order.target.suffix == ".csv":
        beside = order.target.with_name(order.target.name + BESIDE)
        with whole_files.whole_file(beside, replaces=True) as file:
            file.write(msgspec.json.format(msgspec.json.encode(whole)))
    return whole
