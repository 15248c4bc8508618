"""What a sync will cost is said before it begins, and is what it then costs, as far as that can be known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.warehouse.forecasting import Forecast, forecast, forecasts
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

OTHER = MERCHANT + 1


def foretold(clinic: Clinic, mode: str, **asked: Any) -> Forecast:
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
        return forecast(tenant, SyncRequest("user:somebody", "api", mode=mode, **asked))


def test_of_a_merchant_that_nobody_has_read_it_says_so(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()

    everything, newest = foretold(clinic, "incremental"), foretold(clinic, "latest", latest=100)

    assert (everything.basis, everything.calls) == ("unknown", 2)
    assert "at least 2 calls" in everything.words
    assert (newest.basis, newest.calls) == ("the usual clinic", 1 + 1 + 45)


def test_what_is_foretold_of_a_merchant_that_was_read_is_what_it_costs(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=400)
    assert clinic.sync("full").outcome == "success"

    again, newest, anew = (
        foretold(clinic, "incremental"),
        foretold(clinic, "latest", latest=100),
        foretold(clinic, "full"),
    )

    assert again.calls == clinic.sync("incremental").stats["apiCalls"] == 1
    assert newest.calls == clinic.sync(latest=100).stats["apiCalls"] == 1
    assert anew.calls == clinic.sync("full").stats["apiCalls"]
    assert again.words == "about 1 call, reckoned from earlier syncs"


def test_payments_that_came_meanwhile_are_reckoned_at_the_pace_of_the_week_before(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic()
    ago = (datetime.now(UTC) - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    for number in range(70):
        clinic.mx.has_invoices(MERCHANT, {"invoiceNumber": 1200 + number})
        clinic.mx.has_payments(
            MERCHANT, {"source": "Recurring", "invoice": str(1200 + number), "created": ago}
        )
    assert clinic.sync("full").outcome == "success"
    clinic.warehouse.damage("UPDATE mx.sync_state SET completed_at = now() - interval '12 hours'")

    found = foretold(clinic, "incremental")

    assert (found.payment_pages, found.invoice_pages, found.details) == (1, 1, 5)


def test_a_week_without_a_whole_read_costs_all_pages(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    clinic.sync("full")
    clinic.warehouse.damage(
        "UPDATE mx.sync_state SET record_count = 12000, daily_at = now() - interval '8 days',"
        " weekly_at = now() - interval '8 days', completed_at = now()"
    )

    found = foretold(clinic, "incremental")

    assert (found.payment_pages, found.invoice_pages) == (12, 24)


@pytest.mark.parametrize(("tries", "more"), [(2, 1.0), (9, 1.0), (1, 0.0)])
def test_what_had_to_be_tried_again_lately_is_reckoned_with_up_to_the_double(
    a_clinic: Callable[..., Clinic], tries: int, more: float
) -> None:
    clinic = a_clinic(payments=60)
    clinic.sync("full")
    clinic.warehouse.damage(
        "UPDATE mx.sync_runs SET stats = jsonb_build_object('apiCalls', 10 * :tries, 'fewestCalls', 10)",
        tries=tries,
    )

    found = foretold(clinic, "full")

    assert found.tried_again == more * (found.calls - found.tried_again)


def test_the_dispatcher_asks_for_many_merchants_at_once(a_clinic: Callable[..., Clinic]) -> None:
    first, second = a_clinic(payments=20), a_clinic(OTHER)
    first.sync("full")

    with first.warehouse.dispatcher.everyone() as session:
        found = forecasts(session, [MERCHANT, OTHER], SyncRequest("schedule", "schedule"))

    assert {merchant: told.basis for merchant, told in found.items()} == {
        MERCHANT: "earlier syncs", second.merchant_id: "unknown",
    }  # fmt: skip
