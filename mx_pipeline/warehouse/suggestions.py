"""Keeps what a model suggests, what people answered, and what merchants share of it: hashes and buckets, no name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.categories import check_category
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.rows import page_json


@dataclass(frozen=True)
class Suggestion:
    """What a model says that a product is, and how sure it is, 0 to 1."""

    product_name: str
    category: str
    confidence: float


@dataclass(frozen=True)
class Share:
    """A name that this merchant knows, hashed, as the model sees it."""

    name_hash: bytes
    category: str
    buckets: Sequence[int]


@dataclass(frozen=True)
class Kept:
    """What a new model changed of the suggestions that nobody answered."""

    made: int
    forgotten: int


def accepted_products(tenant: Tenant) -> list[tuple[str, str]]:
    """Product name and category of all that people decided by name, strongest word first."""
    return [(row.product_name, row.category) for row in tenant.run("suggestions", "accepted_products")]


def products_to_suggest(tenant: Tenant) -> list[str]:
    """Products that were sold and that nobody and nothing else decides."""
    return tenant.column("suggestions", "products_to_suggest")


def shared_products(tenant: Tenant) -> list[tuple[str, tuple[int, ...]]]:
    """Category and buckets of each name that three merchants or more know by that category; not the name."""
    return [(row.category, tuple(row.buckets)) for row in tenant.run("suggestions", "shared_products")]


def share(tenant: Tenant, shares: Sequence[Share]) -> None:
    """All that this merchant knows, in place of what it knew before."""
    page = page_json(
        [
            {"name_hash": one.name_hash.hex(), "category": one.category, "buckets": list(one.buckets)}
            for one in shares
        ]
    )
    tenant.run("suggestions", "withdraw_shares", page=page)
    tenant.run("suggestions", "share", page=page)


def keep_suggestions(tenant: Tenant, suggestions: Sequence[Suggestion], *, model: str, actor: str) -> Kept:
    """In place of what no human answered. Everything is to be derived again where that changed anything."""
    page = page_json([asdict(one) for one in suggestions])
    tenant.run("categories", "lock_book")
    forgotten = tenant.run("suggestions", "forget_suggestions", page=page).rowcount
    made = tenant.run("suggestions", "keep_suggestions", page=page, model=model).rowcount
    if made or forgotten:
        detail = {"by": "model", "suggested": made, "forgotten": forgotten}
        record(tenant, actor=actor, action="category.changed", detail=detail)
    return Kept(made, forgotten)


def list_suggestions(tenant: Tenant, *, everything: bool = False) -> Sequence[Any]:
    """Those that wait for a human, most money first; or all, each with its state."""
    return tenant.run("suggestions", "suggestions", everything=everything).all()


def accept(
    tenant: Tenant,
    product: str,
    *,
    actor: str,
    category: str | None = None,
    active_from: date | None = None,
    active_until: date | None = None,
) -> None:
    """It holds, as it is or with another category; for sales from a day on, and before another. Raises BadInput."""
    if category is not None:
        check_category(category)
    if active_from is not None and active_until is not None and active_from >= active_until:
        raise BadInput(f"no day is both from {active_from} and before {active_until}; give a later end")
    _decide(tenant, product, "accepted", actor, category, active_from, active_until)


def reject(tenant: Tenant, product: str, *, actor: str) -> None:
    """It holds for nothing, and no later model asks again. Raises BadInput."""
    _decide(tenant, product, "rejected", actor, None, None, None)


def _decide(
    tenant: Tenant,
    product: str,
    decision: str,
    actor: str,
    category: str | None,
    active_from: date | None,
    active_until: date | None,
) -> None:
    tenant.run("categories", "lock_book")
    decided = tenant.column(
        "suggestions",
        "decide_suggestion",
        product_name=product,
        decision=decision,
        decided_by=actor,
        category=category,
        active_from=active_from,
        active_until=active_until,
    )
    if not decided:
        raise BadInput(
            f"nothing is suggested for the product {product[:80]!r}; see categories suggestions --all, or say "
            "what it is with categories set"
        )
    detail = {"by": "suggestion", "decision": decision}
    record(tenant, actor=actor, action="category.changed", detail=detail)
