"""C6 and S17: two tenants with the same numbers stay two, and no tenant says where the vendor is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from mx_pipeline.errors import BadInput
from mx_pipeline.words import MX_ENVIRONMENTS, mx_environment
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

ONE, OTHER = 1_000_000_001, 1_000_000_002
SHARED = 60
PLACES = (
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "localhost",
    "https://mx.example/",
    "Sandbox",
    "sandbox ",
    "",
)
AN_ADDRESS = "(^|_)(url|uri|host|hostname|endpoint|address|server|base|domain|port|ip|callback|proxy)(_|$)"


def test_c6_two_tenants_with_the_same_ids_sync_at_once_and_both_are_exact(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinics = [a_clinic(ONE, payments=150), a_clinic(OTHER, payments=150)]
    for clinic, product in zip(clinics, ("Plan A", "Plan B"), strict=True):
        _has_shared(clinic, product)

    with ThreadPoolExecutor(2) as at_once:
        reports = list(at_once.map(Clinic.sync, clinics))

    assert [(report.outcome, report.message) for report in reports] == [("success", "")] * 2
    assert [clinic.differences() for clinic in clinics] == [[], []]
    assert warehouse.value(
        "SELECT count(*) FROM mx.transactions AS one JOIN mx.transactions AS other USING (mx_payment_id, mx_invoice_id)"
        " WHERE one.merchant_id = :one AND other.merchant_id = :other"
        "   AND one.product_name = 'Plan A' AND other.product_name = 'Plan B'"
        "   AND one.mx_invoice_number = other.mx_invoice_number",
        one=ONE,
        other=OTHER,
    ) == SHARED  # fmt: skip


def test_c6_a_day_at_one_changes_nothing_at_the_other(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    one, other = a_clinic(ONE, payments=200), a_clinic(OTHER, payments=200)
    for clinic in (one, other):
        _has_shared(clinic, "Plan A")
        clinic.sync("full")
    held = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM mx.payments AS t WHERE merchant_id = :m"
    before = warehouse.value(held, m=OTHER)

    one.mx.advance(days=5, merchant_id=ONE)
    one.sync("full")

    assert warehouse.value(held, m=OTHER) == before
    assert one.differences() == other.differences() == []


def test_s17_no_column_of_any_tenant_holds_an_address(warehouse: WarehouseUnderTest) -> None:
    found = warehouse.rows(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'mx' AND column_name ~ :address ORDER BY 1, 2",
        address=AN_ADDRESS,
    )

    assert [tuple(row) for row in found] == [("api_usage", "endpoint")], "our own word for a kind of call"


@pytest.mark.parametrize("place", PLACES)
def test_s17_an_environment_is_one_of_two_words_for_everyone(
    warehouse: WarehouseUnderTest, place: str
) -> None:
    warehouse.has_merchant(MERCHANT)

    with pytest.raises(BadInput, match="sandbox or production"):
        mx_environment(place)
    with pytest.raises(IntegrityError):
        warehouse.damage("UPDATE mx.mx_merchant_configs SET environment = :place", place=place)

    assert set(MX_ENVIRONMENTS) == {"sandbox", "production"}


def test_s17_the_check_of_the_environment_is_the_same_list(warehouse: WarehouseUnderTest) -> None:
    check: Any = warehouse.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'mx.mx_merchant_configs'::regclass AND contype = 'c' AND conname LIKE '%environment%'"
    )

    assert check == "CHECK ((environment = ANY (ARRAY['sandbox'::text, 'production'::text])))"


def _has_shared(clinic: Clinic, product: str) -> None:
    """Invoices and payments whose ids and numbers another clinic has too, for another product."""
    for n in range(SHARED):
        lines = [{"productName": product, "quantity": 1, "price": "200", "totalAmount": "200"}]
        clinic.mx.has_invoices(
            clinic.merchant_id, {"id": 70_000 + n, "invoiceNumber": 5_000 + n, "purchases": lines}
        )
        clinic.mx.has_payments(
            clinic.merchant_id,
            {"id": 90_000 + n, "source": "Recurring", "invoice": str(5_000 + n), "invoiceIds": [70_000 + n]},
        )
