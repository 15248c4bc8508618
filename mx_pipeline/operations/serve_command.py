"""`mx-pipeline serve`: the HTTP API and the sync page. The work is done in `web`."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes any.", min=0, max=65535)] = 8000,
    descriptor: Annotated[
        int | None, typer.Option(hidden=True, min=0, help="A socket that listens already; for `up`.")
    ] = None,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C."""
    from mx_pipeline.operations.web.serving import run_server

    raise typer.Exit(run_server(host, port, descriptor=descriptor))
