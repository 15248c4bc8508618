"""The tables of `mx-pipeline categories`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.table import Table

from mx_pipeline.operations.printing import one_line
from mx_pipeline.operations.tables import NOTHING, new_table
from mx_pipeline.warehouse.deriving import Change


def categories_table(rows: Sequence[Any]) -> Table:
    """One row per name."""
    table = new_table("product", "category", "by", "since")
    for row in rows:
        table.add_row(
            one_line(row.product_name), one_line(row.category), row.made_by or NOTHING, _at(row.updated_at)
        )
    return table


def overrides_table(rows: Sequence[Any]) -> Table:
    """One row per override in force."""
    table = new_table("by hand", "category", "by", "since", "reason")
    for row in rows:
        what = f"payment {row.mx_payment_id}" if row.product_name is None else one_line(row.product_name)
        reason = one_line(row.reason or NOTHING)
        table.add_row(what, one_line(row.category), row.made_by, _at(row.made_at), reason)
    return table


def rules_table(rows: Sequence[Any]) -> Table:
    """One row per rule, in the order in which they are asked."""
    table = new_table("rule", "priority", "fits", "price", "sold", "category", "by")
    for row in rows:
        fits = f"{row.kind.replace('_', ' ')} {one_line(row.pattern)!r}" if row.pattern else "any name"
        price = _range(row.min_price, row.max_price, "up to")
        sold = _range(row.active_from, row.active_until, "before")
        by = row.made_by if row.withdrawn_at is None else f"withdrawn by {row.withdrawn_by}"
        table.add_row(str(row.rule_id), str(row.priority), fits, price, sold, one_line(row.category), by)
    return table


def changes_table(changes: Sequence[Change]) -> Table:
    """One row per category before and after."""
    table = new_table("from", "to")
    for header in ("payments", "amount"):
        table.add_column(header, justify="right")
    table.add_column("such as")
    for change in changes:
        before, after = (one_line(name or NOTHING) for name in (change.category_before, change.category))
        if before == after:
            after = f"{after} (by {change.source})"
        names = ", ".join(one_line(name) for name in change.products)
        table.add_row(before, after, f"{change.payments:,}", f"{change.amount:,.2f}", names)
    return table


def plain(row: Any) -> dict[str, object]:
    """A row or a value of ours for JSON; amounts are text."""
    named: dict[str, object] = vars(row) if isinstance(row, Change) else row._asdict()
    return {name: _plain(value) for name, value in named.items()}


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _range(first: object, last: object, words: str) -> str:
    parts = [] if first is None else [f"from {first}"]
    return " ".join([*parts, *([] if last is None else [f"{words} {last}"])]) or NOTHING


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
