"""Keeps what a merchant calls its products: by exact name and by hand. Each edit is a version of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.rows import page_json

MOST_CHARACTERS = 200
UNCATEGORIZED = "Uncategorized"
NOT_DERIVED = 0


@dataclass(frozen=True)
class Book:
    """How a merchant's categories stand."""

    version: int = NOT_DERIVED
    derived_version: int = NOT_DERIVED
    apply_from: Decimal = Decimal("0.9")
    """A suggestion as sure as this is applied."""
    ask_from: Decimal = Decimal("0.6")
    """One as sure as this waits for a human."""


def get_book(tenant: Tenant) -> Book:
    """As it stands; a merchant whose categories nobody edited has the first."""
    row = tenant.run("categories", "book").one_or_none()
    return Book() if row is None else Book(*row)


def set_thresholds(tenant: Tenant, *, actor: str, apply_from: Decimal, ask_from: Decimal) -> None:
    """How sure a suggestion must be. Raises BadInput."""
    if not 0 <= ask_from <= apply_from <= 1:
        raise BadInput(
            f"suggestions are applied from {apply_from} and asked about from {ask_from}; both lie between 0 and 1, "
            "and the second is not greater than the first"
        )
    tenant.run("categories", "lock_book")
    tenant.run("categories", "set_thresholds", apply_from=apply_from, ask_from=ask_from)
    _changed(tenant, actor, {"apply_from": str(apply_from), "ask_from": str(ask_from)})


def set_categories(tenant: Tenant, wanted: Mapping[str, str | None], *, actor: str) -> int:
    """Product name, exactly as given, to category; None takes the name's category away. Gives how many changed.

    Raises BadInput.
    """
    for name, category in wanted.items():
        check_name(name)
        if category is not None:
            check_category(category)
    page = page_json([{"product_name": name, "category": category} for name, category in wanted.items()])
    tenant.run("categories", "lock_book")
    retired = tenant.run("categories", "retire_categories", page=page).rowcount
    made = tenant.run("categories", "set_categories", page=page, made_by=actor).rowcount
    if retired or made:
        _changed(tenant, actor, {"by": "exact_name", "set": made, "retired": retired})
    return max(made, retired)


def list_categories(tenant: Tenant) -> Sequence[Any]:
    """product_name, category, made_by and updated_at of every name that has one."""
    return tenant.run("categories", "categories").all()


@dataclass(frozen=True)
class Subject:
    """What an override is about: one payment, or one product by its trimmed name."""

    payment_id: int | None = None
    product_name: str | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """As the statements take it."""
        return {"payment_id": self.payment_id, "product_name": self.product_name}


def set_override(tenant: Tenant, subject: Subject, category: str, *, actor: str, reason: str | None) -> int:
    """A human's word on a payment or a product: it wins over everything, until it is withdrawn. Raises BadInput."""
    check_category(category)
    if (subject.payment_id is None) == (subject.product_name is None):
        raise BadInput("an override is about one payment or about one product; give --payment or --product")
    if subject.product_name is not None:
        check_name(subject.product_name)
    elif not tenant.one("categories", "is_payment", payment_id=subject.payment_id)[0]:
        raise BadInput(
            f"no payment {subject.payment_id} is stored for this merchant; see trace, or sync it first"
        )
    tenant.run("categories", "lock_book")
    tenant.run("categories", "withdraw_override", withdrawn_by=actor, **subject.parameters)
    made = tenant.one(
        "categories", "set_override", category=category, reason=reason, made_by=actor, **subject.parameters
    )
    record(tenant, actor=actor, action="override.set", subject=f"override {made[0]}")
    return made[0]


def withdraw_override(tenant: Tenant, subject: Subject, *, actor: str) -> None:
    """The rules decide again. Raises BadInput where there is none."""
    tenant.run("categories", "lock_book")
    gone = tenant.column("categories", "withdraw_override", withdrawn_by=actor, **subject.parameters)
    if not gone:
        raise BadInput("there is no such override in force; see categories list")
    record(tenant, actor=actor, action="override.removed", subject=f"override {gone[0]}")


def list_overrides(tenant: Tenant, *, withdrawn_too: bool = False) -> Sequence[Any]:
    """Every override, those in force first."""
    return tenant.run("categories", "overrides", withdrawn_too=withdrawn_too).all()


def check_category(category: str) -> None:
    """Raises BadInput for what cannot be a category's name."""
    if not category.strip() or len(category) > MOST_CHARACTERS or not category.isprintable():
        raise BadInput(
            f"{category[:40]!r} cannot be a category: give 1 to {MOST_CHARACTERS} printable characters, not only spaces"
        )


def check_name(name: str) -> None:
    """Raises BadInput for what cannot be a product's name. Spaces, dots, slashes and any script are kept."""
    if not name.strip() or "\0" in name:
        raise BadInput(
            f"{name[:40]!r} cannot be a product's name: it has to contain something besides spaces"
        )


def _changed(tenant: Tenant, actor: str, detail: Mapping[str, object]) -> None:
    record(tenant, actor=actor, action="category.changed", detail=detail)
