"""C7, C8: people edit categories while a sync derives them; nobody's work is lost, and nothing is of two versions."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread

from mx_pipeline.warehouse.deriving import derive
from mx_pipeline_tests.categories.conftest import Shop
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_c7_a_rule_made_while_everything_is_derived_holds_for_all_of_it_or_for_nothing(shop: Shop) -> None:
    one, other = shop.sells("Kit", "Kit deluxe")
    shop.syncs("full")

    with _deriving(shop), _beside(lambda: shop.rules("Kits", kind="contains", pattern="kit")) as maker:
        _until_somebody_waits(shop)  # the rule is not in force in the middle of it
    maker.join()

    assert set(shop.categories().values()) == {("Uncategorized", "none")}
    shop.syncs("incremental")  # what was derived is of an older version, so all of it again
    assert shop.categories() == {one: ("Kits", "rule"), other: ("Kits", "rule")}


def test_c8_an_override_made_while_a_sync_writes_that_row_survives_and_so_does_what_the_sync_wrote(
    shop: Shop,
) -> None:
    (payment,) = shop.sells("Kit")
    shop.syncs("full")
    invoice = shop.clinic.rows("SELECT mx_invoice_id FROM mx.payment_invoices")[0][0]
    shop.clinic.warehouse.damage(
        "UPDATE mx.invoice_purchases SET product_name = 'Kit, renamed' WHERE mx_invoice_id = :invoice",
        invoice=invoice,
    )

    with _deriving(shop), _beside(lambda: shop.overrides("By hand", payment=payment)) as maker:
        _until_somebody_waits(shop)
    maker.join()
    shop.derives()

    assert shop.categories() == {payment: ("By hand", "override")}
    assert shop.clinic.rows("SELECT product_name FROM mx.enriched_transactions") == [("Kit, renamed",)]


def test_c8_many_edits_and_derivations_at_once_end_as_the_last_edit_says(shop: Shop) -> None:
    (payment,) = shop.sells("Kit")
    shop.syncs("full")

    def edits() -> None:
        for turn in range(5):
            shop.overrides(f"Turn {turn}", payment=payment)
            shop.derives()

    def derives() -> None:
        for _ in range(10):
            shop.derives()

    threads = [Thread(target=work) for work in (edits, derives, derives)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert shop.categories() == {payment: ("Turn 4", "override")}
    assert [after for _, after in shop.ledger(payment)] == [f"Turn {turn}" for turn in range(5)]


@contextmanager
def _deriving(shop: Shop) -> Generator[None]:
    """Everything is derived, and committed at the end of the block."""
    with shop.clinic.warehouse.loader.merchant(MERCHANT) as tenant:
        derive(tenant, None)
        yield


@contextmanager
def _beside(work: object) -> Generator[Thread]:
    assert callable(work)
    thread = Thread(target=work)
    thread.start()
    yield thread


def _until_somebody_waits(shop: Shop) -> None:
    until = time.monotonic() + 10
    while not shop.clinic.warehouse.value(WAITING):
        assert time.monotonic() < until, "nobody waits: the edit went through in the middle of the derivation"
        time.sleep(0.01)
