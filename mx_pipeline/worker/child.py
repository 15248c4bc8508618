"""One warm child: waits for the bell, claims one request at a time, runs the job for it, and ends when it is told."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import time
from contextlib import ExitStack, closing, suppress
from types import FrameType

import dagster as dg
from dagster._core.utils import make_new_run_id
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from mx_pipeline.correlation import correlated
from mx_pipeline.defs.syncing import answerer_of
from mx_pipeline.errors import MxPipelineError, WarehouseError
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.seeing.logs import log_to_stderr
from mx_pipeline.seeing.tracing import trace_if_wanted
from mx_pipeline.settings import Settings
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.quiet_subscriptions import repair_quiet
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.sync.subscribing import Subscriber
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.dispatching import Waiting, claim_next, hand_back, recover_lost
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE, database_url, logins_of
from mx_pipeline.warehouse.notified import ASKED_BY, ask_for_what_is_named
from mx_pipeline.warehouse.requests import LAST_LANE
from mx_pipeline.worker.doorbell import Doorbell
from mx_pipeline.worker.lost_runs import LostRuns
from mx_pipeline.worker.request_runs import RequestRuns

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""After something went wrong that may pass, such as a database that is away."""
HOUSEKEEPING_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 0.5
"""While notifications wait: the same record is fetched again two seconds later at the earliest."""


class Child:
    """The loop of one process. One run at a time: two at once in one process deadlock (Dagster 1.13)."""

    def __init__(self, name: str, *, lowest_lane: int) -> None:
        """`name` is told by its runs; `lowest_lane`: what it takes at most, so that some are free for people."""
        self._name, self._lowest_lane = name, lowest_lane
        self._ear, self._mouth = os.pipe()
        self._is_stopping = False
        self._housekeeping_at = 0.0
        self._parent = os.getppid()
        self._stop = StopSign()
        self._subscriber: Subscriber | None = None

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Take no further request, and write no page after the one that is being written."""
        self._is_stopping = True
        self._stop.raise_it("the worker was told to stop")
        os.write(self._mouth, b".")

    def run(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        """Until it is told to stop."""
        logins = logins_of(settings)
        with ExitStack() as stack:
            answerer = stack.enter_context(
                closing(Answerer.from_settings(settings, name=self._name, stop=self._stop))
            )
            dispatcher = stack.enter_context(closing(Warehouse(logins, DISPATCHER_ROLE)))
            bell = stack.enter_context(Doorbell(bell_url(settings)))
            runs, lost = RequestRuns(instance, answerer), LostRuns(instance, dispatcher)
            self._subscriber = _subscriber(settings, answerer)
            # A supervisor that was killed says goodbye with SIGTERM, which Dagster keeps for itself during a run.
            while not self._is_stopping and os.getppid() == self._parent:
                try:
                    self._keep_house(dispatcher, lost)
                    waits = ask_for_what_is_named(dispatcher, answerer.warehouse)
                    if not self._answer_one(dispatcher, runs):
                        bell.wait(self._ear, at_most=LOOK_AGAIN_SECONDS if waits else math.inf)
                except MxPipelineError as error:
                    logger.warning("requests cannot be looked at: %s", error)
                    time.sleep(PAUSE_SECONDS)
                except SQLAlchemyError as error:  # its text can quote a statement
                    logger.warning("Dagster's storage cannot be asked: %s", type(error).__name__)
                    time.sleep(PAUSE_SECONDS)

    def _keep_house(self, dispatcher: Warehouse, lost: LostRuns) -> None:
        """What Dagster's sensor does too, where there is one: nothing that was lost stays open."""
        if time.monotonic() < self._housekeeping_at:
            return
        with dispatcher.everyone() as session:
            recover_lost(session)
        lost.report()
        if self._subscriber is not None and self._lowest_lane == LAST_LANE:
            repair_quiet(dispatcher, self._subscriber)
        self._housekeeping_at = time.monotonic() + HOUSEKEEPING_SECONDS

    def _answer_one(self, dispatcher: Warehouse, runs: RequestRuns) -> bool:
        run_id = make_new_run_id()
        with dispatcher.everyone() as session:
            claimed = claim_next(session, claimed_by=answerer_of(run_id), lowest_lane=self._lowest_lane)
        if claimed is None:
            return False
        try:
            with correlated(
                merchant_id=claimed.merchant_id,
                request_id=claimed.request_id,
                correlation_id=claimed.correlation_id,
            ):
                runs.run(run_id, claimed, worker=self._name)
        except Exception as error:
            # Dagster's own storage is away, say. The asset itself writes every outcome of a sync.
            self._could_not_begin(dispatcher, claimed, run_id, error)
        return True

    def _could_not_begin(
        self, dispatcher: Warehouse, claimed: Waiting, run_id: str, error: Exception
    ) -> None:
        logger.error(  # its text can quote a statement
            "a run broke",
            extra={
                "merchant_id": claimed.merchant_id,
                "request_id": claimed.request_id,
                "dagster_run_id": run_id,
                "kind": type(error).__name__,
            },
        )
        with suppress(WarehouseError), dispatcher.everyone() as session:
            hand_back(session, claimed_by=answerer_of(run_id))
        time.sleep(PAUSE_SECONDS)


def _subscriber(settings: Settings, answerer: Answerer) -> Subscriber | None:
    """Nobody where it is not known under which address MX could reach us."""
    url = WebSettings.from_environment().public_url
    if url is None:
        return None
    return Subscriber(answerer.warehouse, answerer.sealer, settings.mx_urls, url, ASKED_BY)


def bell_url(settings: Settings) -> URL:
    """Where to listen: the address given for it, else the dispatcher's own."""
    if settings.listen_url is None:
        return logins_of(settings).url(DISPATCHER_ROLE)
    return database_url(settings.listen_url, variable="MX_LISTEN_DATABASE_URL")


def main() -> None:
    """`python -m mx_pipeline.worker.child NAME LOWEST_LANE`."""
    name, lowest_lane = sys.argv[1], int(sys.argv[2])
    log_to_stderr(of_ours=logging.INFO)
    trace_if_wanted()
    child = Child(name, lowest_lane=lowest_lane)
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, child.stop)
    with dg.DagsterInstance.get() as instance:
        child.run(Settings.from_environment(), instance)


if __name__ == "__main__":
    main()
