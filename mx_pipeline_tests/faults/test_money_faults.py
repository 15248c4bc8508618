"""D17: whatever turn money takes, the figures of every month are the truth to the cent, and each counts once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.true_money import FIGURES, true_months
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

ZONE = "America/Chicago"
MONTHS = "SELECT * FROM mx.money_by_month WHERE merchant_id = :m"
BY_MONTH = {
    view: f"""SELECT {month}, sum(gross), sum(refunded), sum(net), sum(sales)
                FROM mx.{view} WHERE merchant_id = :m GROUP BY 1"""
    for view, month in (
        ("revenue_by_day", "date_trunc('month', day)::date"),
        ("revenue_by_category", "month"),
        ("product_mix", "month"),
    )
}


def months(clinic: Clinic) -> dict[Any, dict[str, Decimal]]:
    """What the view says."""
    rows = clinic.rows(MONTHS, m=MERCHANT)
    return {
        row.month: {name: Decimal(row._mapping[name]) for name in (*FIGURES, "net", "earned")} for row in rows
    }


def adds_up(clinic: Clinic) -> None:
    """Days, categories and products are the same money, cut in other ways."""
    whole = {
        (month, told["gross"], told["refunded"], told["net"], told["sales"])
        for month, told in months(clinic).items()
        if told["sales"] or told["refunds"]
    }
    for view, statement in BY_MONTH.items():
        assert {tuple(row) for row in clinic.rows(statement, m=MERCHANT)} == whole, view
    assert clinic.rows(
        "SELECT sum(gross), sum(sales) FROM mx.membership_census WHERE merchant_id = :m", m=MERCHANT
    ) == [(sum(row[1] for row in whole), sum(row[4] for row in whole))]


def sale(**fields: Any) -> dict[str, Any]:
    return {"source": "QuickPay", "amount": "207", "surchargeAmount": "7", "tax": "8.24", **fields}


def test_d17_every_month_reconciles_with_the_truth_to_the_cent(examination: Examination) -> None:
    clinic = examination.clinic(payments=240, timezone=ZONE)
    partial, over, voided, charged_back, reversed_again, _, _ = clinic.mx.has_payments(
        MERCHANT,
        *(sale() for _ in range(5)),
        sale(status="Declined"),
        sale(amount="103.51", surchargeAmount="3.51"),
    )
    examination.sync(clinic)
    clinic.mx.has_payments(
        MERCHANT,
        {"type": "Return", "originalId": partial, "amount": "-51.75", "surchargeAmount": "-1.75"},
        {"type": "Return", "originalId": over, "amount": "-300", "surchargeAmount": "0"},
        {
            "type": "Return",
            "originalId": over,
            "amount": "-207",
            "surchargeAmount": "-7",
            "status": "Declined",
        },
        {"type": "Return", "source": "API", "amount": "-20", "without": ["invoice"]},
    )
    for turned in (voided, charged_back, reversed_again):
        clinic.mx.change_payment(MERCHANT, turned, status="Settled")
    examination.sync(clinic)
    clinic.mx.change_payment(MERCHANT, voided, status="Voided")
    clinic.mx.change_payment(MERCHANT, charged_back, status="Chargedback")
    clinic.mx.change_payment(MERCHANT, reversed_again, status="Chargedback")
    examination.sync(clinic)
    between = months(clinic)
    clinic.mx.change_payment(MERCHANT, reversed_again, status="Settled")

    report = examination.sync(clinic)

    told, true = months(clinic), true_months(clinic.mx, MERCHANT, ZONE)
    assert told == true
    assert all(told[month]["net"] == told[month]["gross"] - told[month]["refunded"] for month in told)
    newest = max(told)
    assert told[newest]["gross"] - between[newest]["gross"] == Decimal(207), "a reversal brings the sale back"
    assert told[newest]["charged_back"] - between[newest]["charged_back"] == Decimal(-207)
    adds_up(clinic)
    examination.is_whole(clinic, report)


def test_d16b_money_back_is_counted_by_the_return_alone(examination: Examination) -> None:
    clinic = examination.clinic(timezone=ZONE)
    (invoice,) = clinic.mx.has_invoices(
        MERCHANT, {"purchases": [{"productName": " Plan A ", "totalAmount": "200", "price": "200"}]}
    )
    (bought,) = clinic.mx.has_payments(
        MERCHANT, sale(source="Invoice", invoiceIds=[invoice], created="2026-02-28T18:00:00Z")
    )
    clinic.mx.has_payments(
        MERCHANT,
        {"type": "Return", "originalId": bought, "amount": "-207", "surchargeAmount": "-7", "without": ["invoice"],
         "created": "2026-03-02T18:00:00Z"},
    )  # fmt: skip

    examination.sync(clinic)

    assert clinic.rows("SELECT refunded_amount FROM mx.transactions WHERE mx_payment_id = :p", p=bought) == [
        (207,)
    ]
    assert [
        (str(row.month), row.product_name, row.gross, row.refunded, row.net)
        for row in clinic.rows(
            "SELECT * FROM mx.product_mix WHERE merchant_id = :m ORDER BY month", m=MERCHANT
        )
    ] == [("2026-02-01", "Plan A", 207, 0, 207), ("2026-03-01", "Plan A", 0, 207, -207)]
    (year,) = clinic.rows(
        "SELECT sum(net) AS net, sum(refunded) AS refunded, sum(earned) AS earned FROM mx.revenue_by_category"
        " WHERE merchant_id = :m",
        m=MERCHANT,
    )
    assert (year.net, year.refunded, year.earned) == (0, 207, Decimal("-8.24")), "a Return tells no tax"
    adds_up(clinic)


def test_d17_days_and_months_are_the_merchants_own(examination: Examination) -> None:
    clinic = examination.clinic(timezone=ZONE)
    clinic.mx.has_payments(
        MERCHANT,
        sale(created="2026-03-01T05:59:59Z"),
        sale(created="2026-03-01T06:00:00Z"),
        sale(created="2026-03-08T07:59:59Z"),  # before the clocks go forward, and the evening after
        sale(created="2026-03-09T04:59:59Z"),
        sale(created="2026-03-09T05:00:00Z"),
    )

    examination.sync(clinic)

    days = clinic.rows(
        "SELECT day::text, sales, gross FROM mx.revenue_by_day WHERE merchant_id = :m ORDER BY 1", m=MERCHANT
    )
    assert days == [
        ("2026-02-28", 1, 207),
        ("2026-03-01", 1, 207),
        ("2026-03-08", 2, 414),
        ("2026-03-09", 1, 207),
    ]
    assert {str(month): told["sales"] for month, told in months(clinic).items()} == {
        "2026-02-01": 1,
        "2026-03-01": 4,
    }
    assert months(clinic) == true_months(clinic.mx, MERCHANT, ZONE)
    adds_up(clinic)


def test_d17_what_is_no_sale_counts_for_nothing(examination: Examination) -> None:
    clinic = examination.clinic(timezone=ZONE)
    clinic.mx.has_payments(
        MERCHANT,
        *(
            sale(status=status)
            for status in ("Declined", "AuthOnly", "TicketOnly", "InProgress", "PendingReview")
        ),
        sale(type="Authorization", status="Approved"),
        sale(type="SaleCompletion", status="Approved", amount="100"),
        sale(type="Return", amount="-50", status="Voided"),
        sale(amount="99", status="Voided"),
    )

    clinic.sync("full")

    (month,) = clinic.rows(MONTHS, m=MERCHANT)
    assert (month.sales, month.gross, month.refunded, month.net) == (1, 100, 0, 100)
    assert (month.voids, month.voided, month.charged_back) == (1, 99, 0)
    kinds = clinic.rows(
        "SELECT kind, count(*) FROM mx.payment_money WHERE merchant_id = :m GROUP BY 1 ORDER BY 1", m=MERCHANT
    )
    assert kinds == [("declined", 1), ("other", 6), ("sale", 1), ("voided", 1)]
