"""Whether the process lives, whether it can work, and what it did: for whoever watches it."""

from __future__ import annotations

from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mx_pipeline.errors import WarehouseError, WarehouseUnavailable
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.office import Office, office_of
from mx_pipeline.seeing.exposition import exposition

router = APIRouter(tags=["health"])
READY_SECONDS = 3.0
PROBES = 2
"""On threads of their own: whether we are ready must be told when all others are busy."""


@router.get("/healthz", summary="Does the process answer?")
async def healthz() -> dict[str, str]:
    """Touches nothing; red only where the process itself hangs."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can it work?", responses={503: PROBLEMS[503]})
async def readyz(request: Request) -> dict[str, str]:
    """Asks the database something; red where that does not answer within 3 s."""
    with move_on_after(READY_SECONDS):
        try:
            await to_thread.run_sync(
                _ask, office_of(request), limiter=_probes(request), abandon_on_cancel=True
            )
        except WarehouseError as error:
            raise WarehouseUnavailable(str(error)) from None
        return {"status": "ready"}
    raise WarehouseUnavailable("the database did not answer in time")


@router.get("/metrics", summary="What it did, for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Counts by route and outcome; to whoever shows MX_METRICS_TOKEN the figures of the warehouse, too."""
    state, office = request.app.state, office_of(request)
    text = state.meters.as_text(streams=state.watchers.open.total())
    if office.web.metrics.admits(request.headers.get("Authorization")):
        text += await to_thread.run_sync(
            exposition, office.dispatcher, office.web.metrics, limiter=_probes(request)
        )
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _probes(request: Request) -> CapacityLimiter:
    state = request.app.state
    if not hasattr(state, "probes"):
        state.probes = CapacityLimiter(PROBES)
    return state.probes


def _ask(office: Office) -> None:
    with office.app.everyone():
        """What a transaction begins with is a question already."""
