"""How many API calls a sync will take, reckoned from what earlier ones left: no call, and no payment is looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.requests import SyncRequest

Basis: TypeAlias = Literal["earlier syncs", "the usual clinic", "unknown"]

PAYMENTS_PER_PAGE, INVOICES_PER_PAGE = 1000, 500
INVOICES_PER_PAYMENT = 0.45
"""Of a clinic that nobody has read yet: the source document's own example, 45 invoices for 100 payments."""
LOOK_BACK_DAYS = 7
DAY_SECONDS = 86_400
MOST_OVERHEAD = 2.0
"""A day on which everything was tried twice says little of the next."""


@dataclass(frozen=True)
class Forecast:
    """What a sync will probably cost."""

    payment_pages: int
    invoice_pages: int
    details: int
    """Invoices that are asked for one by one."""
    tried_again: int
    """Calls that the last syncs needed beyond the fewest, in proportion."""
    basis: Basis

    @property
    def calls(self) -> int:
        """All of them; where the basis is `unknown`, the fewest that there can be."""
        return self.payment_pages + self.invoice_pages + self.details + self.tried_again

    @property
    def words(self) -> str:
        """For a person."""
        if self.basis == "unknown":
            return (
                f"at least {self.calls} calls; how many is not known before the first sync: one for each 1000 "
                "payments, one for each 500 invoices, and one for each invoice that was paid"
            )
        said = "call" if self.calls == 1 else "calls"
        return f"about {self.calls} {said}, reckoned from {self.basis}"

    def as_json(self) -> dict[str, object]:
        """As the API and `--json` tell it."""
        return {"calls": self.calls, "basis": self.basis, "words": self.words}


@dataclass(frozen=True)
class _Known:
    """What earlier syncs of one merchant left: a row of `figures`."""

    merchant_id: int
    payments: int | None
    is_walked: bool
    daily_due: bool
    weekly_due: bool
    open_each_sync: int
    open_daily: int
    seconds_since: float
    invoices: int | None
    invoices_daily_due: bool
    invoices_weekly_due: bool
    overhead: float | None
    today: date


def forecast(tenant: Tenant, request: SyncRequest) -> Forecast:
    """What this request will cost at this merchant."""
    return forecasts(tenant, [tenant.merchant_id], request)[tenant.merchant_id]


def forecasts(session: Session, merchants: Sequence[int], request: SyncRequest) -> Mapping[int, Forecast]:
    """The same for many merchants in one query, for the dispatcher, say."""
    rows = session.run("forecasts", "figures", merchants=list(merchants))
    found = [_Known(*row) for row in rows]
    return {known.merchant_id: _reckoned(known, request) for known in found}


def _reckoned(known: _Known, request: SyncRequest) -> Forecast:
    match request.mode:
        case "latest":
            read = request.latest or 0
            new = min(read, _new(known)) if known.is_walked else read
            return _forecast(known, _pages(read), min(1, math.ceil(new)), new)
        case "range":
            everything = known.payments or 0
            days = ((request.until or known.today) - request.since).days if request.since else None
            read = everything if days is None else min(everything, math.ceil(days * _per_day(known)))
            halvings = 0 if request.until is None else _halvings(everything)
            new = min(read, _new(known)) if known.is_walked else read
            basis = None if known.payments is not None else "unknown"
            return _forecast(known, _pages(read) + halvings, min(1, math.ceil(new)), new, basis)
        case "full":
            return _everything(known)
        case _:
            return _what_is_new(known) if known.is_walked else _everything(known)


def _everything(known: _Known) -> Forecast:
    if known.payments is None:
        return Forecast(1, 1, 0, 0, "unknown")
    new = _new(known) if known.is_walked else known.payments
    invoices = known.payments * INVOICES_PER_PAYMENT if known.invoices is None else known.invoices
    return _forecast(known, _pages(known.payments), math.ceil(invoices / INVOICES_PER_PAGE), new)


def _what_is_new(known: _Known) -> Forecast:
    new = _new(known)
    pages, all_pages = _pages(known.open_each_sync), _pages(known.payments or 0)
    if known.weekly_due:
        pages = all_pages
    elif known.daily_due:
        pages += min(known.open_daily, max(0, all_pages - pages))
    if known.invoices_weekly_due:
        invoice_pages = max(1, math.ceil((known.invoices or 0) / INVOICES_PER_PAGE))
    else:
        invoice_pages = int(known.invoices_daily_due or new >= 1)
    return _forecast(known, pages, invoice_pages, new)


def _forecast(
    known: _Known, pages: int, invoice_pages: int, new: float, basis: Basis | None = None
) -> Forecast:
    known_from: Basis = "the usual clinic"
    share = INVOICES_PER_PAYMENT
    if known.payments is not None and known.invoices is not None:
        known_from, share = "earlier syncs", known.invoices / max(known.payments, 1)
    details = math.ceil(math.floor(new) * min(1.0, share))
    overhead = min(max(known.overhead or 1.0, 1.0), MOST_OVERHEAD)
    again = math.floor((pages + invoice_pages + details) * (overhead - 1))
    return Forecast(pages, invoice_pages, details, again, basis or known_from)


def _new(known: _Known) -> float:
    """Payments since the last sync, at the pace of the week before it."""
    return _per_day(known) * known.seconds_since / DAY_SECONDS


def _per_day(known: _Known) -> float:
    return known.open_each_sync / LOOK_BACK_DAYS


def _pages(rows: int) -> int:
    return max(1, math.ceil(rows / PAYMENTS_PER_PAGE))


def _halvings(payments: int) -> int:
    return math.ceil(math.log2(_pages(payments))) + 1
