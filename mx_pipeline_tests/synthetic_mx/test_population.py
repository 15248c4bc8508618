"""Two thousand payments hold every oddity that was recorded (mx_api.md 2.2, 2.5, 9.A), in about its share."""

import itertools
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

Bodies = list[dict[str, Any]]


def share(bodies: Bodies, **wanted: object) -> float:
    return sum(all(b.get(k) == v for k, v in wanted.items()) for b in bodies) / len(bodies)


def returns(bodies: Bodies) -> Bodies:
    return [body for body in bodies if body["type"] == "Return"]


def test_sources_types_and_declines_come_in_about_their_recorded_shares(listed: Bodies):
    assert 0.88 < share(listed, source="Recurring") < 0.96
    assert 0.09 < share(listed, status="Declined") < 0.16
    assert 0.01 < share(listed, type="Return") < 0.04
    assert {b["source"] for b in listed} == {"Recurring", "QuickPay", "Invoice", "API", "Terminal"}
    assert {b["status"] for b in listed} == {"Approved", "Settled", "Declined", "Voided", "Chargedback"}


def test_ids_are_not_quite_in_order_of_creation(listed: Bodies):
    keys = [(body["created"].rstrip("Z").ljust(23, "."), body["id"]) for body in listed]
    inversions = sum(newer[1] < older[1] for newer, older in itertools.pairwise(keys))

    assert 20 < inversions < 200
    assert len({body["id"] for body in listed}) == len(listed)


def test_surcharges_are_half_even_and_on_top_of_the_invoice(detailed: Bodies, invoices: Bodies):
    totals = {body["id"]: Decimal(body["totalAmount"]) for body in invoices}
    whole = [
        body
        for body in detailed
        if body["source"] == "Recurring" and totals[body["invoiceIds"][0]] and "surchargeAmount" in body
    ]

    for body in whole:
        base = totals[body["invoiceIds"][0]]
        extra = (base * Decimal("0.035")).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        if Decimal(body["amount"]) == base + extra:
            assert Decimal(body["surchargeAmount"]) == extra
    assert sum(Decimal(b["amount"]) > totals[b["invoiceIds"][0]] for b in whole) > 0.95 * len(whole)


def test_declines_on_an_invoice_tell_its_id_and_no_auth_code(detailed: Bodies):
    declined = [b for b in detailed if b["status"] == "Declined" and b["type"] == "Sale"]

    assert any("invoiceIds" in b for b in declined)
    assert all("authCode" not in b and "reviewIndicator" not in b for b in declined)
    assert all(b["responseCode"] != 0 and "MerchantAdviceCode" in b for b in declined)
    assert share(declined, responseCode=51) > 0.4


def test_there_are_three_kinds_of_return(detailed: Bodies):
    kinds = Counter(("originalId" in b, "invoice" in b, b["source"]) for b in returns(detailed))

    assert kinds[True, True, "Invoice"] > 3
    assert kinds[True, False, "Invoice"] > 1
    assert kinds[False, True, "QuickPay"] > 1
    assert all("invoiceIds" not in b and b["amount"].startswith("-") for b in returns(detailed))
    assert any(b["status"] != "Declined" and b["responseCode"] == 85 for b in returns(detailed))


def test_a_refund_of_something_refunded_is_refused_with_a_reduced_body(detailed: Bodies):
    refused = [b for b in returns(detailed) if b["responseCode"] == 306]

    assert refused
    assert all(not {"posData", "originalAmount", "balance"} & set(b) for b in refused)
    assert all(b["status"] == "Declined" and b["IssuerResponseCode"] == "06" for b in refused)


def test_what_was_given_back_shows_on_the_original_in_the_list(listed: Bodies, detailed: Bodies):
    given: dict[int, Decimal] = defaultdict(Decimal)
    for body in returns(detailed):
        if "originalId" in body and body["status"] != "Declined":
            given[body["originalId"]] -= Decimal(body["amount"])

    shown = {body["id"]: Decimal(body["refundedAmount"]) for body in listed}

    assert {k: v for k, v in shown.items() if v} == given


def test_quickpay_references_look_like_anything(listed: Bodies, listed_invoices: Bodies):
    numbers = {str(body["invoiceNumber"]) for body in listed_invoices}
    references = {
        source: [b["invoice"] for b in listed if b["source"] == source] for source in ("QuickPay", "API")
    }
    auto = [r for r in references["QuickPay"] if len(r) == 8]

    assert any(r[0].isalpha() for r in auto)
    assert any(r[:3].isdigit() and not r.isdigit() for r in auto)
    assert any(r.isdigit() for r in auto)
    assert set(references["QuickPay"]) & numbers
    assert set(references["API"]) & numbers


def test_a_number_that_an_api_client_chose_is_not_its_invoice(detailed: Bodies):
    assert not any("invoiceIds" in b for b in detailed if b["source"] in {"API", "QuickPay", "Terminal"})


def test_invoices_have_none_one_or_more_payments(invoices: Bodies):
    sizes = Counter(len(body["payments"]) for body in invoices)
    pairs = {
        tuple(sorted((p["type"], p["status"]) for p in b["payments"]))
        for b in invoices
        if len(b["payments"]) == 2
    }

    assert set(sizes) >= {0, 1, 2}
    assert (("Sale", "Declined"), ("Sale", "Settled")) in pairs
    assert (("Return", "Settled"), ("Sale", "Settled")) in pairs
    assert (("Sale", "Settled"), ("Sale", "Settled")) in pairs


def test_invoices_have_every_status_and_some_say_quantity_zero(listed_invoices: Bodies):
    assert {b["status"] for b in listed_invoices} == {
        "Paid", "Unpaid", "Partial", "Refunded", "Cancelled", "PastDue",
    }  # fmt: skip
    assert any(b["quantity"] == "0" for b in listed_invoices)
    assert {None, "Sale"} == {b["type"] for b in listed_invoices}


def test_a_number_may_belong_to_two_invoices(listed_invoices: Bodies):
    numbers = Counter(body["invoiceNumber"] for body in listed_invoices)

    assert 1 <= sum(n > 1 for n in numbers.values()) <= 20


def test_products_have_odd_names_ties_and_missing_quantities(invoices: Bodies):
    lines = [line for body in invoices for line in body["purchases"]]
    names = " ".join(line["productName"] for line in lines)
    counts = Counter(len(body["purchases"]) for body in invoices)

    assert all(mark in names for mark in (" - ", "+", ".", "/", "🌿", "חבילת"))
    assert any(line["productName"] != line["productName"].rstrip() for line in lines)
    assert any(line["quantity"] is None for line in lines)
    assert any("productId" not in line for line in lines)
    assert set(range(6)) <= set(counts)
    assert max(counts) > 10
    assert any(
        len(b["purchases"]) > 1 and b["purchases"][0]["totalAmount"] == b["purchases"][1]["totalAmount"]
        for b in invoices
    )


def test_names_are_awkward_and_sometimes_missing(listed: Bodies, listed_invoices: Bodies):
    names = [body.get("customerName", "") for body in listed + listed_invoices]

    assert "" in names
    assert any("🌵" in name for name in names)
    assert any(name != name.rstrip() for name in names)
    assert any("'" in name for name in names)
    assert any("مثال" in name for name in names)


def test_a_bank_payment_has_no_card(listed: Bodies):
    bank = [body for body in listed if body["tenderType"] == "ACH"]

    assert bank
    assert all("cardAccount" not in body and "surchargeAmount" not in body for body in bank)


def test_settled_amounts_are_zero_even_when_settled(listed: Bodies):
    assert {body["settledAmount"] for body in listed} == {"0"}
