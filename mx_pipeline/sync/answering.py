"""Answers sync requests: opens the merchant's key, runs the sync, writes the answer to the request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

from mx_pipeline.correlation import correlated, correlation
from mx_pipeline.errors import BadInput, MxPipelineError
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.no_core_dumps import leave_no_core_dump
from mx_pipeline.sealing import Sealer
from mx_pipeline.settings import Settings
from mx_pipeline.spans import span
from mx_pipeline.sync.defects import defect
from mx_pipeline.sync.dry_run import DryRun
from mx_pipeline.sync.failed_report import failed_report
from mx_pipeline.sync.held_back import held_back
from mx_pipeline.sync.lease import WAIT_SECONDS, leased
from mx_pipeline.sync.orders import ALL_PHASES, Mode, Outcome, Phase, SyncOrder, SyncReport
from mx_pipeline.sync.run import run_sync
from mx_pipeline.sync.shared_budgets import SharedBudgets
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.sync.vendor import Vendor
from mx_pipeline.sync.work import CallCount
from mx_pipeline.warehouse.asking import ask_on_record
from mx_pipeline.warehouse.connections import Tenant, Warehouse
from mx_pipeline.warehouse.logins import LOADER_ROLE, logins_of
from mx_pipeline.warehouse.patience import patiently
from mx_pipeline.warehouse.requests import Claimed, SyncRequest, claim, finish, give_up, wait_again
from mx_pipeline.words import MxEnvironment

logger = logging.getLogger(__name__)

FAILURES: frozenset[Outcome] = frozenset({"failed", "auth_failed"})


@dataclass(frozen=True)
class Answerer:
    """Everything it takes to answer requests of any merchant, as the loader."""

    warehouse: Warehouse
    sealer: Sealer
    mx_urls: Mapping[MxEnvironment, str]
    name: str
    """Who answers: written to the requests that it claims."""
    limits: CallLimits = field(default_factory=CallLimits)
    wait_seconds: float = WAIT_SECONDS
    """For another sync of the same merchant to end."""
    stop: StopSign = field(default_factory=StopSign)
    """For all syncs that it answers."""
    canary_url: str | None = None
    """The vendor of the two canary merchants, and of nobody else."""
    _vendor: Vendor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """The budgets live as long as the answerer."""
        budgets = SharedBudgets(self.warehouse, self.limits)
        vendor = Vendor(self.warehouse, self.sealer, self.mx_urls, self.canary_url, self.limits, budgets)
        object.__setattr__(self, "_vendor", vendor)

    @classmethod
    def from_settings(cls, settings: Settings, *, name: str, stop: StopSign | None = None) -> Answerer:
        """As the environment says. Raises BadSettings."""
        leave_no_core_dump()
        warehouse = Warehouse(logins_of(settings), LOADER_ROLE)
        return cls(
            warehouse,
            settings.sealer(),
            settings.mx_urls,
            name,
            stop=stop or StopSign(),
            canary_url=settings.canary_url,
        )

    def under(self, name: str) -> Answerer:
        """The same connections and budgets, under another name."""
        other = copy(self)
        object.__setattr__(other, "name", name)
        return other

    def close(self) -> None:
        """Give the database connections back."""
        self.warehouse.close()

    def answer(
        self,
        merchant_id: int,
        request_id: int,
        *,
        phases: frozenset[Phase] = ALL_PHASES,
        dagster_run_id: str | None = None,
    ) -> SyncReport:
        """Answer one request; whatever goes wrong is the report's outcome. Raises BadInput where it is not ours."""
        claimed = patiently(
            self.warehouse, merchant_id, lambda tenant: claim(tenant, request_id, claimed_by=self.name)
        )
        if claimed is None:
            raise BadInput(
                f"request {request_id} of merchant {merchant_id} is answered by somebody else, or done"
            )
        return self.answer_claimed(merchant_id, claimed, phases=phases, dagster_run_id=dagster_run_id)

    def answer_claimed(
        self,
        merchant_id: int,
        claimed: Claimed,
        *,
        phases: frozenset[Phase] = ALL_PHASES,
        dagster_run_id: str | None = None,
        stop: StopSign | None = None,
    ) -> SyncReport:
        """Answer a request that is ours already. `stop`: a sign for this sync alone."""
        request_id, request = claimed.request_id, claimed.request
        with correlated(
            merchant_id=merchant_id,
            request_id=request_id,
            correlation_id=request.correlation_id or correlation().correlation_id,
            traceparent=request.traceparent or correlation().traceparent,
        ):
            with span("sync", merchant_id=merchant_id, request_id=request_id, mode=request.mode) as told:
                report = self._run(merchant_id, claimed, phases, dagster_run_id, stop or self.stop)
                told.tell(_told(report), failed=report.outcome in FAILURES)

            def write(tenant: Tenant) -> None:
                if report.is_interrupted:
                    wait_again(tenant, request_id, claimed_by=self.name)
                    return
                finish(
                    tenant, request_id, run_id=report.run_id, outcome=report.outcome, message=report.message
                )

            patiently(self.warehouse, merchant_id, write)
            logger.info("a sync ended", extra={**_told(report), "seconds": round(report.seconds, 3)})
            return report

    def ask_and_answer(
        self,
        merchant_id: int,
        request: SyncRequest,
        *,
        phases: frozenset[Phase] = ALL_PHASES,
        dagster_run_id: str | None = None,
        stop: StopSign | None = None,
    ) -> SyncReport:
        """Ask on someone's behalf and answer at once: a Dagster run that nobody asked for before."""
        try:
            request_id = ask_on_record(self.warehouse, merchant_id, request, claimed_by=self.name)
            claimed = Claimed(request_id, request)
            return self.answer_claimed(
                merchant_id, claimed, phases=phases, dagster_run_id=dagster_run_id, stop=stop
            )
        except MxPipelineError as error:
            # Whatever it is, also a database that went away at the very end: it is this merchant's alone.
            return failed_report(merchant_id, error)

    def give_up(self, merchant_id: int, request_id: int, *, outcome: Outcome, message: str) -> None:
        """Close a request of ours before its end; the pages that were written stay. Raises WarehouseError."""
        with self.warehouse.merchant(merchant_id) as tenant:
            give_up(tenant, request_id, outcome=outcome, message=message)

    def _run(
        self,
        merchant_id: int,
        claimed: Claimed,
        phases: frozenset[Phase],
        dagster_run_id: str | None,
        stop: StopSign,
    ) -> SyncReport:
        calls = CallCount()
        try:
            merchant, credentials = self._vendor.opened_key(merchant_id, claimed, name=self.name)
            order = SyncOrder(
                merchant_id=merchant_id,
                mode=_mode(claimed.request.mode),
                latest=claimed.request.latest,
                since=claimed.request.since,
                until=claimed.request.until,
                zone=merchant.zone,
                request_id=claimed.request_id,
                dagster_run_id=dagster_run_id,
                phases=phases,
            )
            asked = self._vendor.asked(merchant, credentials, claimed, calls, name=self.name)
            if claimed.request.dry_run:
                with asked as (client, _):
                    return DryRun(order, claimed.request, client, self.warehouse, calls, stop).run()
            with (
                leased(
                    self.warehouse, merchant_id, holder=self.name, wait_seconds=self.wait_seconds
                ) as token,
                asked as (client, gate),
            ):
                report = run_sync(order, client, self.warehouse, calls, token=token, stop=stop)
                return held_back(self.warehouse, report, gate)
        except MxPipelineError as error:
            return failed_report(merchant_id, error)
        except Exception as error:
            # Dagster would store its text and its causes, and either may quote a key.
            return failed_report(merchant_id, MxPipelineError(defect(error)))


def _told(report: SyncReport) -> dict[str, int | str | None]:
    """What logs and traces tell of a sync that ended; its message is in its row."""
    calls = report.stats.get("apiCalls")
    calls = calls if isinstance(calls, int) else None
    return {"run_id": report.run_id, "outcome": report.outcome, "calls": calls}


def _mode(text: str) -> Mode:
    for known in ("incremental", "latest", "range", "full", "named"):
        if text == known:
            return known
    raise BadInput(f"{text!r} is no mode of a sync")
