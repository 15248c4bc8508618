"""Runs syncs in this process, several merchants side by side, and shows how far they are.

The application's role asks, the loader's answers; the dispatcher's sees which phase each is in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field

from mx_pipeline.correlation import carry_on, correlation
from mx_pipeline.errors import MxPipelineError, WarehouseError
from mx_pipeline.operations.context import opened, this_process
from mx_pipeline.operations.phase_display import PhaseDisplay
from mx_pipeline.settings import Settings
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.failed_report import failed_report
from mx_pipeline.sync.orders import Outcome, SyncReport
from mx_pipeline.sync.side_by_side import MERCHANTS_AT_ONCE
from mx_pipeline.warehouse.asking import ask_on_record
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.dispatching import running_phases
from mx_pipeline.warehouse.logins import APP_ROLE, DISPATCHER_ROLE
from mx_pipeline.warehouse.requests import SyncRequest

LOOK_EVERY_SECONDS = 0.5
STOPPED = "interrupted at the keyboard; the pages that were written stay"

Look = Callable[[Collection[int]], None]


def followed(
    settings: Settings, merchants: Sequence[int], request: SyncRequest, *, person: str
) -> list[SyncReport]:
    """Ask for a person, answer, and return the reports in the merchants' order; phases are shown on a terminal."""
    with (
        closing(Answerer.from_settings(settings, name=this_process())) as answerer,
        opened(settings, APP_ROLE) as app,
        opened(settings, DISPATCHER_ROLE) as dispatcher,
        PhaseDisplay() as display,
    ):

        def look(running: Collection[int]) -> None:
            if display.is_shown:
                display.show(_phases(dispatcher, running))

        reports = SideBySide(app, answerer, request, person).run(merchants, look)
    return [reports[merchant_id] for merchant_id in merchants]


@dataclass
class SideBySide:
    """One request, asked and answered for several merchants."""

    app: Warehouse
    answerer: Answerer
    request: SyncRequest
    person: str
    _asked: dict[int, int] = field(default_factory=dict[int, int])
    _ended: dict[int, SyncReport] = field(default_factory=dict[int, SyncReport])

    def run(self, merchants: Sequence[int], look: Look) -> Mapping[int, SyncReport]:
        """One merchant's outcome never touches another's. Ctrl-C leaves at once, and says so in the warehouse."""
        pool = ThreadPoolExecutor(
            MERCHANTS_AT_ONCE,
            thread_name_prefix="merchant",
            initializer=carry_on,
            initargs=(correlation(),),
        )
        try:
            waiting: set[Future[None]] = {pool.submit(self._one, merchant) for merchant in merchants}
            while waiting:
                done, waiting = wait(waiting, LOOK_EVERY_SECONDS, FIRST_COMPLETED)
                for ended in done:
                    ended.result()
                look([merchant for merchant in list(self._asked) if merchant not in self._ended])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._give_up()
            raise
        pool.shutdown()
        return self._ended

    def _one(self, merchant_id: int) -> None:
        try:
            request_id = ask_on_record(
                self.app, merchant_id, self.request, claimed_by=self.answerer.name, person=self.person
            )
            self._asked[merchant_id] = request_id
            report = self.answerer.answer(merchant_id, request_id)
        except MxPipelineError as error:
            report = failed_report(merchant_id, error)
            self._close(merchant_id, "failed", report.message)
        self._ended[merchant_id] = report

    def _give_up(self) -> None:
        for merchant_id in list(self._asked):
            if merchant_id not in self._ended:
                self._close(merchant_id, "cancelled", STOPPED)

    def _close(self, merchant_id: int, outcome: Outcome, message: str) -> None:
        request_id = self._asked.get(merchant_id)
        if request_id is not None:
            with suppress(MxPipelineError):
                self.answerer.give_up(merchant_id, request_id, outcome=outcome, message=message)


def _phases(dispatcher: Warehouse, merchants: Collection[int]) -> Mapping[int, str]:
    """Only for the eye: a sync does not fail because nobody could look."""
    with suppress(WarehouseError), dispatcher.everyone() as session:
        return running_phases(session, list(merchants))
    return {}
