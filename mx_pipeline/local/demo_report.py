"""What the demonstration shows at its end: a table of the merchants, and a few enriched rows without names."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from mx_pipeline.access import OPERATOR
from mx_pipeline.local.demo_merchants import DEMO_MERCHANTS
from mx_pipeline.warehouse.catalog import newest_transactions
from mx_pipeline.warehouse.connections import Warehouse

ROWS_SHOWN = 5
NARROWEST = 158
"""What the tables need; a narrower terminal folds the lines."""
PREVIEW = {
    "transaction_date": "when (UTC)",
    "amount": "amount",
    "status": "status",
    "source": "source",
    "transaction_type": "type",
    "mx_invoice_number": "invoice",
    "link_basis": "linked by",
    "product_name": "product",
    "product_category": "category",
}


def print_report(app: Warehouse, asked: dict[int, int], *, ui: str) -> bool:
    """Print it; True when every sync was a success and every certificate agrees."""
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    table = Table(title="Synced through Dagster", title_justify="left")
    for heading in ("merchant", "time zone"):
        table.add_column(heading, no_wrap=True)
    for heading in ("stored", "linked", "products", "standalone", "unlinked", "calls", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("certificate", no_wrap=True)
    is_well = True
    for merchant in DEMO_MERCHANTS:
        with app.merchant(merchant.merchant_id, person=OPERATOR) as tenant:
            request = tenant.one("requests", "request", request_id=asked[merchant.merchant_id])
            run = tenant.one("sync", "run", run_id=request.run_id) if request.run_id else None
            certificates = tenant.run("sync", "latest_certificates").all()
        verdict = _verdict(certificates)
        is_well = is_well and request.outcome == "success" and verdict.startswith("agrees")
        table.add_row(merchant.name, merchant.timezone, *_figures(run), verdict)
        if request.outcome != "success":
            console.print(f"{merchant.name}: {request.outcome}: {request.message}")
    console.print(table)
    _print_rows(console, app)
    console.print(f"Dagster UI: {ui}")
    return is_well


def _figures(run: Any) -> list[str]:
    if run is None:
        return ["-"] * 7
    names = (
        "transactionsStored",
        "transactionsLinkedToInvoices",
        "transactionsWithProducts",
        "transactionsStandalone",
        "transactionsUnlinked",
        "apiCalls",
    )
    seconds = (run.finished_at - run.started_at).total_seconds()
    return [*(str(run.stats.get(name, "-")) for name in names), f"{seconds:.1f}"]


def _verdict(certificates: Any) -> str:
    if not certificates:
        return "none"
    parts = [f"{row.stream} {row.our_count}/{row.source_count}" for row in reversed(certificates)]
    worst = next((row.verdict for row in certificates if row.verdict != "agrees"), "agrees")
    return f"{worst}: {', '.join(parts)}"


def _print_rows(console: Console, app: Warehouse) -> None:
    table = Table(title="Five enriched transactions of the first", title_justify="left")
    with app.merchant(DEMO_MERCHANTS[0].merchant_id, person=OPERATOR) as tenant:
        rows = newest_transactions(tenant, most=ROWS_SHOWN)
    for heading in PREVIEW.values():
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*("" if row[name] is None else _plain(row[name]) for name in PREVIEW))
    console.print(table)


def _plain(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value)
