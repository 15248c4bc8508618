"""The one place where our errors meet Dagster; no message of ours holds a secret or a name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import NoReturn

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from mx_pipeline.errors import MxPipelineError
from mx_pipeline.sync.orders import SyncReport

MADE_IT = frozenset({"success", "partial"})
"""A partial sync keeps what it has; that it is not whole is said by the certificate's check."""
MOST_NAMED = 50


@contextmanager
def told_to_dagster() -> Generator[None]:
    """Turn what we raise on purpose into a failure with words and a code. It is never tried again as it stands."""
    try:
        yield
    except MxPipelineError as error:
        raise dg.Failure(str(error), metadata={"code": error.code}, allow_retries=False) from None


def end_as_cancelled(context: dg.AssetExecutionContext, why: str) -> NoReturn:
    """A run for which nobody waits any more: no success, and no failure that Dagster retries."""
    context.instance.report_run_canceling(context.run, message=why)
    raise DagsterExecutionInterruptedError(why)


def made_it(report: SyncReport) -> bool:
    """Did this merchant's sync come to its end?"""
    return report.outcome in MADE_IT


def is_news(report: SyncReport) -> bool:
    """Is there anything to look at again? A dry run has changed nothing."""
    return made_it(report) and not report.is_dry


def is_as_before(report: SyncReport) -> bool:
    """A whole sync that brought nothing new: what was shown of this merchant still holds."""
    rows = report.phases_done.values()
    return report.outcome == "success" and not any(done["inserted"] or done["updated"] for done in rows)


def raise_if_any_failed(
    reports: Iterable[SyncReport], *, is_being_cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Name the merchants that did not make it; the others keep what was done for them."""
    ended = list(reports)
    failed = sorted(
        (report for report in ended if not made_it(report)), key=lambda report: report.merchant_id
    )
    if not failed:
        return
    if all(report.outcome == "cancelled" for report in failed) and is_being_cancelled():
        # The only error that ends such a run as cancelled; without a person's Terminate it would be a failure that
        # Dagster retries.
        raise DagsterExecutionInterruptedError(failed[0].message)
    named = [f"{report.merchant_id} ({report.outcome}): {report.message}" for report in failed[:MOST_NAMED]]
    more = [f"and {len(failed) - MOST_NAMED} more"] if len(failed) > MOST_NAMED else []
    raise dg.Failure(
        f"{len(failed)} of {len(ended)} merchants did not make it: " + "; ".join(named + more),
        metadata={
            "merchants": dg.JsonMetadataValue({str(one.merchant_id): one.outcome for one in failed}),
        },
        allow_retries=False,
    )
