"""Links payments to invoices and names what was bought: SQL over what is stored, no call to the vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from mx_pipeline.warehouse.connections import Tenant, Warehouse
from mx_pipeline.warehouse.loading import Merged
from mx_pipeline.warehouse.rows import json

SMALL_SCOPE = 1000
"""Payments up to which index look-ups one by one are the best plan, whatever the planner knows of the tables."""

PaymentIds: TypeAlias = Sequence[int] | None
"""Which payments are meant; None means all of the merchant's."""


@dataclass(frozen=True)
class EnrichedFacts:
    """Counts over some payments of a merchant."""

    payments: int
    linked: int
    invoices: int
    with_products: int
    standalone: int
    unlinked: int
    with_reference: int
    with_reference_linked: int


def stale_payments(tenant: Tenant) -> PaymentIds:
    """Payments whose link, product or category may have changed since they were last derived.

    None, which means all, where none ever was or somebody edited the merchant's categories.
    """
    tenant.run("links", "lock_categories")
    since: datetime | None = tenant.one("sync", "derived_through")[0]
    if since is None or tenant.column("links", "categories_to_derive"):
        return None
    return tenant.ids("links", "stale_payments", since=since)


def numbers_to_map(tenant: Tenant, payments: PaymentIds) -> Sequence[int]:
    """Invoice numbers that these payments carry and no invoice is known for, newest payment first."""
    return tenant.ids("links", "numbers_to_map", ids=_ids(tenant, payments))


def invoices_of_page_to_fetch(tenant: Tenant, page: Mapping[int, int]) -> Sequence[int]:
    """Which invoices of one page of their list, by id their numbers, are wanted for certain and not here."""
    numbers = set(page.values())
    return tenant.column("links", "invoices_of_page_to_fetch", ids=bigints(page), numbers=bigints(numbers))


def payments_of_numbers(tenant: Tenant, payments: PaymentIds, numbers: Sequence[int]) -> dict[int, int]:
    """For each number the newest payment that carries it."""
    rows = tenant.run("links", "payments_of_numbers", ids=_ids(tenant, payments), numbers=bigints(numbers))
    return {row.invoice_number: row.mx_payment_id for row in rows}


def remember_misses(tenant: Tenant, numbers: Sequence[int], *, record_count: int) -> None:
    """These numbers are not in an invoice list that was read to its end."""
    tenant.run("invoices", "remember_misses", numbers=bigints(numbers), record_count=record_count)


def payments_to_ask(tenant: Tenant, payments: PaymentIds) -> Sequence[int]:
    """Payments that only their own page can link, or show to be standalone."""
    return tenant.ids("links", "payments_to_ask", ids=_ids(tenant, payments))


def invoices_to_fetch(tenant: Tenant, payments: PaymentIds) -> Sequence[int]:
    """Invoices whose product lines are wanted and not here, or not here any more."""
    return tenant.ids("links", "invoices_to_fetch", ids=_ids(tenant, payments))


def derive(tenant: Tenant, payments: PaymentIds) -> Merged:
    """Derive links, products and categories again; rows that come out as they were are not written.

    All categories are of one version: an edit waits until this transaction ends, and what it concerns is
    derived again then.
    """
    tenant.run("links", "lock_categories")
    newer: list[int] = tenant.column("links", "categories_to_derive") if payments is None else []
    ids = _ids(tenant, payments)
    tenant.run("links", "derive_links", ids=ids)
    row = tenant.one("links", "derive_enriched_transactions", ids=ids, trial=None)
    for version in newer:
        tenant.run("links", "keep_derived_version", version=version)
    return Merged(row.inserted, row.updated)


def derive_again(loader: Warehouse, merchant_id: int) -> Merged:
    """Everything of one merchant, from what is stored, after somebody edited its categories."""
    with loader.merchant(merchant_id) as tenant:
        return derive(tenant, None)


@dataclass(frozen=True)
class Trial:
    """What is only tried: rules that are not there, and rules that are, left out."""

    rules: Sequence[Mapping[str, object]] = ()
    """As `category_rules.Rule.as_trial` gives them."""
    without: Sequence[int] = ()
    suggestions: Sequence[Mapping[str, object]] | None = None
    """product_name, category and confidence of what a model says, in place of the suggestions in force."""

    def as_json(self) -> str:
        """As the derivation takes it."""
        told: dict[str, object] = {"rules": list(self.rules), "without": list(self.without)}
        if self.suggestions is not None:
            told["suggestions"] = list(self.suggestions)
        return json(told)


@dataclass(frozen=True)
class Change:
    """Payments whose category a trial changes from one to another."""

    category_before: str | None
    source_before: str | None
    category: str | None
    source: str | None
    payments: int
    amount: Decimal
    products: Sequence[str]
    """Up to five of their names, by alphabet."""
    newest: Sequence[int]
    """Up to five of the payments, newest first."""


def compare_derived(tenant: Tenant, trial: Trial) -> Sequence[Change]:
    """What the trial would change in all of the merchant's payments, most payments first. Writes nothing."""
    rows = tenant.run("links", "compare_derived", ids=_ids(tenant, None), trial=trial.as_json())
    return [Change(*row) for row in rows]


def enriched_facts(tenant: Tenant, payments: PaymentIds) -> EnrichedFacts:
    """What the statistics say of these payments."""
    row = tenant.one("links", "enriched_facts", ids=_ids(tenant, payments))
    return EnrichedFacts(*row)


def unlinked_reasons(tenant: Tenant, payments: PaymentIds) -> dict[str, int]:
    """How many payments have no invoice though something points to one, by reason."""
    rows = tenant.run("links", "unlinked_reasons", ids=_ids(tenant, payments))
    return {row.unlinked_reason: row.payments for row in rows}


def bigints(ids: Iterable[int]) -> str:
    """Any number of ids as one parameter, for `CAST(… AS bigint[])`: a list would be quoted id by id."""
    return "{" + ",".join(map(str, ids)) + "}"


def _ids(tenant: Tenant, payments: PaymentIds) -> str | None:
    """The scope as a parameter. A large one forbids nested loops for the rest of the transaction.

    After a first load the tables have no statistics yet: Postgres then expects ten rows where there are
    a hundred thousand, and joins them by nested loops (2,000 payments: 3.4 s; with hash joins: 0.03 s).
    """
    if payments is not None and len(payments) <= SMALL_SCOPE:
        return bigints(payments)
    tenant.set_once("links", "expect_many_rows")
    return None if payments is None else bigints(payments)
