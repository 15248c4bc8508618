"""Runs the HTTP door on a port until SIGTERM or Ctrl-C."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from mx_pipeline.errors import BadSettings
from mx_pipeline.operations.context import settings_in_force
from mx_pipeline.operations.printing import say
from mx_pipeline.operations.web.app import create_app
from mx_pipeline.operations.web.web_settings import WebSettings

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


def run_server(host: str, port: int) -> int:
    """Serve until a signal comes. Raises BadSettings where the address cannot be had."""
    with settings_in_force() as settings:
        app = create_app(settings, WebSettings.from_environment())
        try:
            listener = socket.create_server((host, port), backlog=2_048, family=_family(host))
        except OSError as error:
            raise BadSettings(
                f"the server cannot listen on {host} port {port}: {error.strerror}; "
                "choose another with --port or --host"
            ) from error
        with listener:
            shown = f"[{host}]" if ":" in host else host
            say(f"HTTP API on http://{shown}:{listener.getsockname()[1]}; stop it with Ctrl-C")
            uvicorn.Server(config_for(app)).run([listener])
    return 0


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
