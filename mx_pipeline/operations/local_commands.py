"""`mx-pipeline up`, `demo`, `synthetic-mx` and `worker`: what runs on one machine. The work is done elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from mx_pipeline.operations.local_rooms import local_room, worker_room


def up(
    *,
    only_postgres: Annotated[
        bool, typer.Option("--only-postgres", help="Start the embedded Postgres alone, without Dagster.")
    ] = False,
) -> None:
    """Run everything on this machine until Ctrl-C: Postgres, Dagster and its web page."""
    raise typer.Exit(local_room("up").run_up(only_postgres=only_postgres))


def worker(
    children: Annotated[
        int, typer.Option(help="How many processes; each runs one sync at a time.", min=1, max=64)
    ] = 4,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            help="Serve figures for Prometheus on 127.0.0.1 here.", min=1, max=65535, show_default=False
        ),
    ] = None,
) -> None:
    """Answer sync requests within a fraction of a second, until SIGTERM or Ctrl-C."""
    raise typer.Exit(worker_room().run_worker(children, metrics_port=metrics_port))


def demo() -> None:
    """Show the whole job on synthetic data, and leave nothing running."""
    raise typer.Exit(local_room("up").run_demo())


def synthetic_mx(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8100,
    descriptor: Annotated[int | None, typer.Option(hidden=True)] = None,
    merchants: Annotated[int, typer.Option(help="How many merchants there are.", min=0, max=100_000)] = 1,
    payments: Annotated[int, typer.Option(help="How many payments each merchant has.", min=0)] = 1_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same merchants.")] = 1,
    latency_ms: Annotated[float, typer.Option(help="Milliseconds that each answer takes longer.", min=0)] = 0,
) -> None:
    """Run the synthetic MX Merchant alone until Ctrl-C; it prints its address and its merchants' keys."""
    local_room("synthetic").serve_synthetic_mx(
        host=host,
        port=port,
        descriptor=descriptor,
        merchants=merchants,
        payments=payments,
        seed=seed,
        latency_ms=latency_ms,
    )
