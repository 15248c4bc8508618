"""
The server on a real port: one ASGI app with two doors, run until a signal comes or in a thread of its own.
"""

import logging
import signal
import socket
from datetime import date
from types import FrameType
from typing import Any, Final

import uvicorn

from mx_pipeline.synthetic_mx.admin_app import PREFIX, admin_app
from mx_pipeline.synthetic_mx.subscriptions import PATH as SUBSCRIPTIONS
from mx_pipeline.synthetic_mx.subscriptions import Subscriptions
from mx_pipeline.synthetic_mx.vendor_app import VendorApp
from mx_pipeline.synthetic_mx.world import DEFAULT_AS_OF, DEFAULT_DAYS, World

FIRST_DEMO_MERCHANT: Final = 1_000_000_001
DEMO_TIMEZONES: Final = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Pacific/Honolulu",
)
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than any pause of a polite client, so that an idle connection is not cut under its next request."""
SHUTDOWN_SECONDS: Final = 3
BACKLOG: Final = 2_048

_log = logging.getLogger(__name__)


class App:
    """Sends each request to the vendor's door, or to the admin's."""

    def __init__(self, world: World) -> None:
        self._vendor = VendorApp(world)
        self._subscriptions = Subscriptions(world)
        self._admin = admin_app(world)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].startswith(PREFIX):
            await self._admin(scope, receive, send)
        elif scope["path"].startswith(SUBSCRIPTIONS):
            await self._subscriptions(scope, receive, send)
        else:
            await self._vendor(scope, send)


def config_for(world: World, *, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        App(world),
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        date_header=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        backlog=BACKLOG,
    )


def add_demo_merchants(
    world: World,
    merchants: int,
    *,
    payments: int,
    seed: int = 1,
    as_of: date = DEFAULT_AS_OF,
    days: int = DEFAULT_DAYS,
) -> list[dict[str, Any]]:
    """So many clinics with consecutive numbers, in different time zones; returns their keys."""
    made: list[dict[str, Any]] = []
    for number in range(merchants):
        merchant_id = FIRST_DEMO_MERCHANT + number
        zone = DEMO_TIMEZONES[number % len(DEMO_TIMEZONES)]
        key = world.add_merchant(
            merchant_id, seed=seed, payments=payments, timezone=zone, as_of=as_of, days=days
        )
        made.append(
            {
                "merchant_id": merchant_id,
                "timezone": zone,
                "consumer_key": key.consumer_key,
                "consumer_secret": key.consumer_secret,
            }
        )
    return made


def serve(
    host: str = "127.0.0.1",
    port: int = 8100,
    *,
    merchants: int = 0,
    payments: int = 1_000,
    seed: int = 1,
    as_of: date = DEFAULT_AS_OF,
    days: int = DEFAULT_DAYS,
    latency_ms: float = 0,
    listens: socket.socket | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then return; on the socket given, or on the address."""
    world = World()
    world.behave(latency_ms=latency_ms)
    add_demo_merchants(world, merchants, payments=payments, seed=seed, as_of=as_of, days=days)
    _log.info("synthetic MX serves", extra={"host": host, "port": port, "merchants": merchants})
    # uvicorn closes on a signal, then raises it again for whoever had the handler before: nobody, here.
    before = {number: signal.signal(number, _already_closed) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(config_for(world, host=host, port=port)).run(None if listens is None else [listens])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _already_closed(_number: int, _frame: FrameType | None) -> None:
    """A server that was asked to stop, and did, ends in peace."""
