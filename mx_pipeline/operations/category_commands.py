"""`mx-pipeline categories …`: what a clinic calls its products, by exact name and by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from mx_pipeline.warehouse.categories import Subject
    from mx_pipeline.warehouse.connections import Tenant
    from mx_pipeline.warehouse.loading import Merged

app = typer.Typer(help="What a merchant calls its products: by name, by rule, by hand.", no_args_is_help=True)

Merchant = Annotated[str, typer.Argument(metavar="ID", help="The merchant's number.", show_default=False)]
Product = Annotated[str, typer.Argument(metavar="PRODUCT", help="Its name, exactly.", show_default=False)]
Category = Annotated[str, typer.Argument(metavar="CATEGORY", show_default=False)]
OfPayment = Annotated[
    int | None, typer.Option("--payment", help="Of this payment alone.", show_default=False)
]
OfProduct = Annotated[str | None, typer.Option("--product", help="Of this product.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
READ, WRITE = "transactions.view:readonly", "transactions.view"


@app.command("list")
def list_all(merchant: Merchant, *, as_json: AsJson = False) -> None:
    """Show the names that have a category, and what was decided by hand."""
    from mx_pipeline.operations.category_tables import categories_table, overrides_table, plain
    from mx_pipeline.operations.editing_categories import looking
    from mx_pipeline.warehouse.categories import list_categories, list_overrides

    with looking(merchant, READ) as tenant:
        names, overrides = list_categories(tenant), list_overrides(tenant)
    if as_json:
        say_json(
            {"categories": [plain(row) for row in names], "overrides": [plain(row) for row in overrides]}
        )
        return
    say_table(categories_table(names))
    if overrides:
        say_table(overrides_table(overrides))


@app.command("set")
def set_name(merchant: Merchant, product: Product, category: Category, *, as_json: AsJson = False) -> None:
    """Give a product, by its exact name, its category; every payment of it follows at once."""
    from mx_pipeline.warehouse.categories import set_categories

    _edit(
        merchant,
        lambda tenant, actor: set_categories(tenant, {product: category}, actor=actor),
        as_json=as_json,
    )


@app.command("unset")
def unset_name(merchant: Merchant, product: Product, *, as_json: AsJson = False) -> None:
    """Take the category of an exact name away; the rules decide again."""
    from mx_pipeline.warehouse.categories import set_categories

    _edit(
        merchant, lambda tenant, actor: set_categories(tenant, {product: None}, actor=actor), as_json=as_json
    )


@app.command("override")
def override(
    merchant: Merchant,
    category: Category,
    *,
    payment: OfPayment = None,
    product: OfProduct = None,
    reason: Annotated[str | None, typer.Option(help="Why, for whoever asks later; no person's name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide by hand: it wins over every name, rule and suggestion, and every sync, until it is withdrawn."""
    from mx_pipeline.warehouse.categories import set_override

    subject = _subject(payment, product)
    _edit(
        merchant,
        lambda tenant, actor: set_override(tenant, subject, category, actor=actor, reason=reason),
        as_json=as_json,
    )


@app.command("withdraw-override")
def withdraw_override(
    merchant: Merchant, *, payment: OfPayment = None, product: OfProduct = None, as_json: AsJson = False
) -> None:
    """Take back what was decided by hand."""
    from mx_pipeline.warehouse.categories import withdraw_override

    subject = _subject(payment, product)
    _edit(merchant, lambda tenant, actor: withdraw_override(tenant, subject, actor=actor), as_json=as_json)


@app.command("import")
def import_file(
    merchant: Merchant,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", show_default=False)],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Names that the file lacks lose theirs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read categories by exact name from a CSV file: product_name,category. All of it, or nothing."""
    from mx_pipeline.operations.category_files import from_csv
    from mx_pipeline.warehouse.categories import list_categories, set_categories

    wanted: dict[str, str | None] = dict(from_csv(file))

    def edit(tenant: Tenant, actor: str) -> object:
        left = [row.product_name for row in list_categories(tenant)] if replace else []
        return set_categories(tenant, {**dict.fromkeys(left), **wanted}, actor=actor)

    _edit(merchant, edit, as_json=as_json)


@app.command("export")
def export_file(
    merchant: Merchant,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", show_default=False)],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the categories by exact name to a CSV file, every name as it is."""
    from mx_pipeline.operations.category_files import as_csv
    from mx_pipeline.operations.editing_categories import looking
    from mx_pipeline.operations.whole_files import whole_file
    from mx_pipeline.warehouse.categories import list_categories

    with looking(merchant, "data.export", records="data.exported") as tenant:
        rows = list_categories(tenant)
    with whole_file(file, replaces=replace) as out:
        out.write(as_csv((row.product_name, row.category) for row in rows))
    say_json({"categories": len(rows), "file": str(file)}) if as_json else say(
        f"{len(rows)} categories are in {file}"
    )


@app.command("apply")
def apply(merchant: Merchant, *, as_json: AsJson = False) -> None:
    """Derive everything again from what is stored, without a call to MX; the next sync would."""
    _edit(merchant, None, as_json=as_json)


def _edit(merchant: str, edit: Callable[[Tenant, str], object] | None, *, as_json: bool) -> None:
    from mx_pipeline.operations.editing_categories import edited

    _tell(edited(merchant, WRITE, edit), as_json=as_json)


def _tell(merged: Merged, *, as_json: bool) -> None:
    if as_json:
        say_json({"derived": {"inserted": merged.inserted, "updated": merged.updated}})
    else:
        say(f"done; {merged.inserted + merged.updated:,} payments changed by it")


def _subject(payment: int | None, product: str | None) -> Subject:
    from mx_pipeline.warehouse.categories import Subject

    if (payment is None) == (product is None):
        raise BadInput("give --payment NUMBER or --product NAME, one of the two")
    return Subject(payment, product)
