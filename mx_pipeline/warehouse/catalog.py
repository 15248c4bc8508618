"""What the catalog shows of one merchant's tables; the names of the tables' assets are those of the phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mx_pipeline.warehouse.connections import Tenant

PREVIEW_ROWS = 5

Cell: TypeAlias = str | int | bool | None


def row_counts(tenant: Tenant) -> Mapping[str, int]:
    """How many rows this merchant has in the table behind each asset."""
    return dict(tenant.run("catalog", "row_counts").mappings().one())


def preview(tenant: Tenant, asset: str) -> Sequence[Mapping[str, Cell]]:
    """The newest few rows behind one asset; no name, no reference, nothing that a person wrote."""
    rows = tenant.run("catalog", f"preview_{asset}", most=PREVIEW_ROWS).mappings()
    return [{name: _cell(value) for name, value in row.items()} for row in rows]


def newest_transactions(tenant: Tenant, *, most: int) -> Sequence[Mapping[str, object]]:
    """The newest of the view that people query; no name and no reference."""
    return [dict(row) for row in tenant.run("catalog", "newest_transactions", most=most).mappings()]


def _cell(value: object) -> Cell:
    return value if value is None or isinstance(value, bool | int) else str(value)
