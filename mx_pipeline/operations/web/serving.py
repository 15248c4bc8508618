"""Runs the HTTP door on a port until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import signal
import socket
from contextlib import nullcontext
from types import FrameType

import uvicorn
from fastapi import FastAPI

from mx_pipeline.errors import BadSettings
from mx_pipeline.operations.context import settings_in_force
from mx_pipeline.operations.printing import say
from mx_pipeline.operations.web.app import create_app
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.seeing.logs import log_to_stderr
from mx_pipeline.seeing.tracing import trace_if_wanted
from mx_pipeline.settings import Settings

MOST_CALLS_AT_ONCE = 1_000
"""Streams among them; more are answered 503 at once."""
STOP_SECONDS = 5
"""For answers under way; streams are told to come again."""


def config_for(app: FastAPI) -> uvicorn.Config:
    """How uvicorn runs it: no line for each call, for addresses can hold what people looked for."""
    return uvicorn.Config(
        app,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        limit_concurrency=MOST_CALLS_AT_ONCE,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def run_server(host: str, port: int, *, descriptor: int | None = None) -> int:
    """Serve until a signal comes. Raises BadSettings where the address cannot be had.

    `descriptor`: of a socket that listens already, and of a machine whose database is up.
    """
    log_to_stderr(of_ours=logging.INFO)
    trace_if_wanted()
    in_force = settings_in_force() if descriptor is None else nullcontext(Settings.from_environment())
    listener = _listener(host, port) if descriptor is None else socket.socket(fileno=descriptor)
    with in_force as settings, listener:
        app = create_app(settings, WebSettings.from_environment())
        where, bound = listener.getsockname()[:2]
        say(f"HTTP API on http://{f'[{where}]' if ':' in where else where}:{bound}; stop it with Ctrl-C")
        # uvicorn closes on a signal, then raises it again for whoever had the handler before: nobody, here.
        before = {
            number: signal.signal(number, _already_closed) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            uvicorn.Server(config_for(app)).run([listener])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 0


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), backlog=2_048, family=family)
    except OSError as error:
        raise BadSettings(
            f"the server cannot listen on {host} port {port}: {error.strerror}; choose another with --port or --host"
        ) from error


def _already_closed(_number: int, _frame: FrameType | None) -> None:
    """A server that was asked to stop, and did, ends in peace."""
