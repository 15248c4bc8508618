"""`mx-pipeline categories suggestions|accept|reject|thresholds|train`: what a model says, and a human's answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.category_commands import READ, WRITE, AsJson, Merchant, Product
from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from mx_pipeline.warehouse.connections import Tenant


def add_to(categories: typer.Typer) -> None:
    """The commands' names."""
    for name, command in {
        "suggestions": suggestions,
        "accept": accept_one,
        "reject": reject_one,
        "thresholds": thresholds,
        "train": train_model,
    }.items():
        categories.command(name)(command)


def suggestions(
    merchant: Merchant,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are applied, answered or not needed, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what waits for a human: what a product probably is, with the payments and the money behind it."""
    from mx_pipeline.operations.category_tables import plain
    from mx_pipeline.operations.editing_categories import looking
    from mx_pipeline.operations.suggestion_tables import suggestions_table
    from mx_pipeline.warehouse.suggestions import list_suggestions

    with looking(merchant, READ) as tenant:
        rows = list_suggestions(tenant, everything=everything)
    if as_json:
        say_json({"suggestions": [plain(row) for row in rows]})
    elif rows:
        say_table(suggestions_table(rows))
        say(
            "answer with: mx-pipeline categories accept ID PRODUCT [--category OTHER], or: … reject ID PRODUCT"
        )
    else:
        say("nothing waits for you; new suggestions are made by: mx-pipeline categories train ID")


def accept_one(
    merchant: Merchant,
    product: Product,
    *,
    category: Annotated[
        str | None, typer.Option(metavar="CATEGORY", help="This one, not the one suggested.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="Sold on this day of the merchant or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Sold before this day; it is not among them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say yes to a suggestion, or yes with another category; every payment of the product follows at once."""
    from mx_pipeline import words
    from mx_pipeline.warehouse.suggestions import accept

    active_from = None if from_ is None else words.day(from_)
    active_until = None if until is None else words.day(until)

    def edit(tenant: Tenant, actor: str) -> None:
        accept(
            tenant,
            product,
            actor=actor,
            category=category,
            active_from=active_from,
            active_until=active_until,
        )

    _edit(merchant, edit, as_json=as_json)


def reject_one(merchant: Merchant, product: Product, *, as_json: AsJson = False) -> None:
    """Say no to a suggestion: it holds for nothing, and no later model asks about this product again."""
    from mx_pipeline.warehouse.suggestions import reject

    _edit(merchant, lambda tenant, actor: reject(tenant, product, actor=actor), as_json=as_json)


def thresholds(
    merchant: Merchant,
    *,
    apply_from: Annotated[
        str | None, typer.Option(metavar="0..1", help="A suggestion as sure as this is applied.")
    ] = None,
    ask_from: Annotated[
        str | None, typer.Option(metavar="0..1", help="One as sure as this waits for a human.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how sure a suggestion must be, or set it; payments follow at once, and the next training does."""
    from mx_pipeline.operations.editing_categories import edited, looking
    from mx_pipeline.warehouse.categories import Book, get_book, set_thresholds

    if apply_from is not None or ask_from is not None:
        wanted = {"apply_from": _share(apply_from), "ask_from": _share(ask_from)}

        def edit(tenant: Tenant, actor: str) -> None:
            book = get_book(tenant)
            now = {"apply_from": book.apply_from, "ask_from": book.ask_from}
            set_thresholds(
                tenant,
                actor=actor,
                **{name: now[name] if new is None else new for name, new in wanted.items()},
            )

        edited(merchant, WRITE, edit)
    with looking(merchant, READ) as tenant:
        book: Book = get_book(tenant)
    if as_json:
        say_json({"apply_from": str(book.apply_from), "ask_from": str(book.ask_from)})
    else:
        say(f"applied from {book.apply_from} on, asked about from {book.ask_from} on, nothing below")


def train_model(merchant: Merchant, *, as_json: AsJson = False) -> None:
    """Learn from what people decided, and suggest what the other products are; says how good that is."""
    from mx_pipeline.operations.editing_categories import trained
    from mx_pipeline.operations.suggestion_tables import coverage_table, in_words

    model, kept, merged = trained(merchant, WRITE)
    if as_json:
        say_json(
            {
                "model": model.model,
                "reason": model.reason,
                "figures": None if model.figures is None else asdict(model.figures),
                "asked": model.asked,
                "suggested": len(model.says),
                "applied": len(model.applied),
                **asdict(kept),
                "derived": asdict(merged),
            }
        )
        return
    for line in in_words(model):
        say(line)
    if model.figures is not None:
        say_table(coverage_table(model.figures))
    say(f"{merged.inserted + merged.updated:,} payments changed by it")


def _edit(merchant: str, edit: Callable[[Tenant, str], object], *, as_json: bool) -> None:
    from mx_pipeline.operations.editing_categories import edited

    merged = edited(merchant, WRITE, edit)
    if as_json:
        say_json({"derived": asdict(merged)})
    else:
        say(f"done; {merged.inserted + merged.updated:,} payments changed by it")


def _share(text: str | None) -> Decimal | None:
    try:
        share = None if text is None else Decimal(text)
    except InvalidOperation:
        share = Decimal("NaN")
    if share is not None and not share.is_finite():
        raise BadInput(f"{text!r} is no share; give a number from 0 to 1 such as 0.9")
    return share
