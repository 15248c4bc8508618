"""Dagster's webserver on a socket that listens already: whoever starts it knows the address, and nobody can take it."""

from __future__ import annotations

import socket
import sys

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import (
    create_app_from_workspace_process_context,  # pyright: ignore[reportUnknownVariableType] # Dagster's own
)
from dagster_webserver.version import __version__

STOP_SECONDS = 3
"""A page that is open in a browser holds its event stream for ever."""


def main() -> None:
    """`python -m mx_pipeline.local.dagster_ui DESCRIPTOR WORKSPACE`: serve until SIGTERM or Ctrl-C."""
    listening, workspace = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    with (
        dg.DagsterInstance.get() as instance,
        WorkspaceProcessContext(
            instance, WorkspaceFileTarget(paths=[workspace]), version=__version__
        ) as context,
    ):
        app = create_app_from_workspace_process_context(context)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=STOP_SECONDS)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
