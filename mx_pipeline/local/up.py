"""`up` and `demo`: everything on one machine, started in order and stopped in reverse."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mx_pipeline.local.children import Children
from mx_pipeline.local.dagster_parts import answers, dagster_environment, listening, start_dagster, url_of
from mx_pipeline.local.demo_merchants import answered, ask_for_demo_syncs, make_demo_merchants
from mx_pipeline.local.demo_report import print_report
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.local.embedded_warehouse import embedded_warehouse
from mx_pipeline.settings import DEFAULT_HOME, EMBEDDED_DAGSTER, Settings
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import APP_ROLE, logins_of
from mx_pipeline.warehouse.migrate import migrate

UI_PORT = 3000
WEB_PORT = 8000
SYNTHETIC_PORT = 8100
DEMO_SECONDS = 100
"""From asking to the last answer; 20 to 40 s on two cores."""
WATCH_SECONDS = 1.0
WORKER_STOP_SECONDS = 60
"""Each of its children finishes the page that it is writing."""


@dataclass(frozen=True)
class Running:
    """What is up."""

    settings: Settings
    children: Children
    ui: str
    web: str = ""
    """Where the HTTP API and the sync page are."""


def run_up(*, only_postgres: bool = False) -> int:
    """Start everything and stay up until SIGTERM or Ctrl-C. Raises LocalFailed."""
    with (
        suppress(KeyboardInterrupt),
        _stopped_by_signals(),
        _everything(dict(os.environ), only_postgres=only_postgres, web_port=WEB_PORT) as running,
    ):
        home = running.settings.home
        if running.web:
            _say(f"HTTP API and sync page: {running.web}")
        _say(f"Dagster UI: {running.ui}" if running.ui else f"Postgres is up; its files are under {home}")
        _say("Ctrl-C stops everything.")
        while True:
            running.children.check()
            time.sleep(WATCH_SECONDS)
    return 0


def run_demo() -> int:
    """The main job once, for real, in a home of its own that begins empty; 0 when every certificate agrees."""
    home = Path(os.environ.get("MX_HOME") or DEFAULT_HOME).absolute() / "demo"
    _forget(home)
    with (
        _stopped_by_signals(),
        _everything({**_bare_environment(), "MX_HOME": str(home)}, ports=(0, 0)) as running,
    ):
        app = Warehouse(logins_of(running.settings), APP_ROLE)
        try:
            asked = ask_for_demo_syncs(app)
            _say("Three syncs asked for; the warm worker runs Dagster's job for each.")
            running.children.wait_until(
                lambda: len(answered(app, asked)) == len(asked),
                what="an answer to every request",
                seconds=DEMO_SECONDS,
            )
            is_well = print_report(app, asked, ui=f"{running.ui} (stops now; make up keeps it)")
        finally:
            app.close()
    return 0 if is_well else 1


@contextmanager
def _everything(
    environment: Mapping[str, str],
    *,
    only_postgres: bool = False,
    ports: tuple[int, int] = (UI_PORT, SYNTHETIC_PORT),
    web_port: int | None = None,
) -> Generator[Running]:
    ui_port, synthetic_port = ports
    home = Path(environment.get("MX_HOME") or DEFAULT_HOME).absolute()
    is_embedded = not environment.get("MX_DATABASE_URL")
    is_synthetic = is_embedded and not any(
        environment.get(name) for name in ("MX_SANDBOX_URL", "MX_PRODUCTION_URL")
    )
    home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if is_embedded:
            _say("Postgres ...")
            postgres = stack.enter_context(
                embedded_warehouse(home, makes_sealing_key=not environment.get("MX_SEALING_KEY"))
            )
            postgres.create_database(EMBEDDED_DAGSTER)
        environment = {**environment, "MX_HOME": str(home)}
        synthetic = stack.enter_context(listening(synthetic_port)) if is_synthetic else None
        if synthetic is not None:
            environment = {**environment, "MX_SANDBOX_URL": url_of(synthetic)}
        settings = Settings.from_environment(environment)
        migrate(logins_of(settings))
        children = stack.enter_context(Children(home / "logs", dagster_environment(environment)))
        if only_postgres:
            yield Running(settings, children, "")
            return
        if synthetic is not None:
            _say("Synthetic MX Merchant ...")
            start_synthetic_mx(children, synthetic)
            make_demo_merchants(settings, environment["MX_SANDBOX_URL"])
        _say("Dagster ...")
        ui = start_dagster(children, home, ui=listening(ui_port))
        children.start("worker", [_program(), "worker"], stop_seconds=WORKER_STOP_SECONDS)
        web = "" if web_port is None else start_web(children, listening(web_port))
        yield Running(settings, children, ui, web)
    _say("Stopped.")


def start_synthetic_mx(children: Children, listens: socket.socket) -> None:
    """On a socket that listens already; from then on it is the child's alone."""
    command = [_program(), "synthetic-mx", "--merchants", "0", "--descriptor", str(listens.fileno())]
    children.start("synthetic-mx", command, hands=listens)
    url = url_of(listens)
    listens.close()
    children.wait_until(lambda: answers(f"{url}/__admin/merchants"), what="the start of the synthetic MX")


def start_web(children: Children, listens: socket.socket) -> str:
    """The HTTP API and the sync page, on a socket that listens already; returns their address."""
    children.start("web", [_program(), "serve", "--descriptor", str(listens.fileno())], hands=listens)
    url = url_of(listens)
    listens.close()
    children.wait_until(lambda: answers(f"{url}/readyz"), what="the start of the HTTP API")
    return url


def _program() -> str:
    return str(Path(sys.executable).parent / "mx-pipeline")


def _forget(home: Path) -> None:
    """An earlier demonstration, with whatever Postgres keeps of it elsewhere."""
    if home.exists():
        EmbeddedPostgres(home).remove()
        shutil.rmtree(home)


def _bare_environment() -> dict[str, str]:
    """The demonstration touches no real database and no real API, whatever the environment says."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MX_", "DAGSTER_"))}


@contextmanager
def _stopped_by_signals() -> Generator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that everything is stopped in order."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()
