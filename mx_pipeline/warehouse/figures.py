"""What a clinic earned, as little as a picture needs; sums alone, no person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from mx_pipeline.warehouse.connections import Tenant

DAYS_DRAWN = 120
MONTHS_DRAWN = 12

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class ClinicFigures:
    """The newest days and months on which money moved, oldest first; what was bought in those months, most first."""

    days: Sequence[Row]
    months: Sequence[Row]
    categories: Sequence[Row]
    products: Sequence[Row]


def clinic_figures(tenant: Tenant) -> ClinicFigures:
    """All that is drawn of this merchant; empty where nothing was ever sold."""
    days, months = (
        _rows(tenant, "days_drawn", most=DAYS_DRAWN),
        _rows(tenant, "months_drawn", most=MONTHS_DRAWN),
    )
    since = months[-1]["month"] if months else date.max
    return ClinicFigures(
        days=days[::-1],
        months=months[::-1],
        categories=_rows(tenant, "categories_drawn", since=since),
        products=_rows(tenant, "products_drawn", since=since),
    )


def _rows(tenant: Tenant, name: str, **parameters: object) -> list[Row]:
    return [dict(row) for row in tenant.run("figures", name, **parameters).mappings()]
