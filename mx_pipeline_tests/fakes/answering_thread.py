"""Answers sync requests as a worker does, in a thread of the test and without Dagster."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from mx_pipeline.sync.answering import Answerer
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.dispatching import claim_next
from mx_pipeline_tests.fakes.clinic import QUICK
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

LOOK_EVERY_SECONDS = 0.05


@contextmanager
def answering(warehouse: WarehouseUnderTest, mx: SyntheticMx) -> Generator[Answerer]:
    """For the length of the block, each request is claimed and answered; at its end the one under way ends."""
    answerer = Answerer(
        warehouse.loader, warehouse.sealer, {"sandbox": mx.url, "production": mx.url}, "thread", limits=QUICK
    )
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(LOOK_EVERY_SECONDS):
            with warehouse.dispatcher.everyone() as session:
                waiting = claim_next(session, claimed_by="thread")
            if waiting is not None:
                answerer.answer(waiting.merchant_id, waiting.request_id)

    thread = threading.Thread(target=work, name="answering")
    thread.start()
    try:
        yield answerer
    finally:
        is_over.set()
        answerer.stop.raise_it("the test is over")
        thread.join()
