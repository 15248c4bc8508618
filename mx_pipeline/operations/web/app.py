"""Puts the HTTP door together: one router per file, one layer around all of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI

from mx_pipeline.operations.web import (
    health,
    invitations_routes,
    issuer_routes,
    merchants_routes,
    pages,
    records_routes,
    reports_routes,
    signin,
    streams,
    syncs,
)
from mx_pipeline.operations.web.documenting import documented
from mx_pipeline.operations.web.door import Door
from mx_pipeline.operations.web.inbox_writer import InboxWriter
from mx_pipeline.operations.web.meters import Meters
from mx_pipeline.operations.web.office import Office
from mx_pipeline.operations.web.problems import answer_with_problems
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.operations.web.webhooks import Webhooks
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import INBOX_ROLE, logins_of

THREADS = 12
"""For routes that ask the warehouse: fewer than it has connections, so that no thread waits for one. Webhooks and
whatever waits long bring a limiter of their own."""


ROUTES = (
    health,
    signin,
    issuer_routes,
    syncs,
    streams,
    merchants_routes,
    records_routes,
    reports_routes,
    invitations_routes,
    pages,
)


def create_app(settings: Settings, web: WebSettings) -> FastAPI:
    """The application; it connects on first use. Raises BadSettings."""
    office = Office.of(settings, web)
    writer = InboxWriter(Warehouse(logins_of(settings), INBOX_ROLE, patience_seconds=0))

    @asynccontextmanager
    async def open_hours(_: FastAPI) -> AsyncGenerator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        try:
            yield
        finally:
            await writer.close()
            office.close()

    app = FastAPI(
        title="mx_pipeline",
        version=version("mx_pipeline"),
        summary="Asks for syncs of clinics' MX Merchant payments and invoices, and shows what is stored.",
        lifespan=open_hours,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.office = office
    app.state.watchers = streams.Watchers()
    app.state.meters = meters = Meters()
    answer_with_problems(app)
    app.add_middleware(Door, web=web, meters=meters)
    app.add_middleware(Webhooks, writer=writer)
    for routes in ROUTES:
        app.include_router(routes.router)
    app.openapi = lambda: documented(app)
    return app
