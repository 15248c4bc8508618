"""What `up` starts is for this machine alone: Dagster's UI asks nobody who they are (S24)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from mx_pipeline.local.dagster_parts import dagster_environment, free_port
from mx_pipeline_tests.local.throwaway_postgres import throwaway_directory

pytestmark = pytest.mark.xdist_group("only_this_machine")
"""In one process, for it takes half a minute to come up."""
LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
"""127.0.0.1, ::1 and ::ffff:127.0.0.1, as the kernel writes them."""
LISTENS = "0A"
PATIENCE_SECONDS = 120
STOP_A_RUN = 'mutation { terminateRun(runId: "5b3a138c-8e8c-32aa-0000-000000000000") { __typename } }'


@dataclass(frozen=True)
class Up:
    home: Path
    ui: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """The command, as somebody types it on a machine that has nothing."""
    with throwaway_directory() as directory:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MX_", "DAGSTER_"))}
        environment = {**kept, "MX_HOME": str(directory / "home")}
        program = Path(sys.executable).parent / "mx-pipeline"
        with subprocess.Popen([program, "up"], env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                said = list(_until_up(process.stderr))
                assert "Dagster UI: " in said[-1], said
                ui = said[-1].split(": ")[1].strip()
                yield Up(directory / "home", ui, environment)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_SECONDS)


def test_s24_everything_listens_on_this_machine_alone(up: Up) -> None:
    known = json.loads((up.home / "postgres" / "connection.json").read_text())
    ports = {int(up.ui.rsplit(":", 1)[1]), known["port"]}

    listening = [
        socket for socket in _listening() if socket.inode in _sockets_of(up.home) or socket.port in ports
    ]

    assert len(listening) >= 4, "the UI, the code server, the synthetic MX, Postgres"
    assert ports <= {socket.port for socket in listening}
    assert {socket.address for socket in listening} <= LOOPBACK


def test_s24_a_read_only_ui_refuses_what_the_operators_own_one_does(up: Up) -> None:
    port = free_port()
    command = [
        "-m",
        "dagster_webserver",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-w",
        str(up.home / "workspace.yaml"),
    ]

    with subprocess.Popen(
        [sys.executable, *command, "--read-only"],
        env=dagster_environment(up.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as webserver:
        try:
            refused = _asked(f"http://127.0.0.1:{port}", STOP_A_RUN)
            seen = _asked(f"http://127.0.0.1:{port}", "{ runsOrError { __typename } }")
        finally:
            webserver.terminate()

    assert refused == {"terminateRun": {"__typename": "UnauthorizedError"}}
    assert seen == {"runsOrError": {"__typename": "Runs"}}
    assert _asked(up.ui, STOP_A_RUN) == {"terminateRun": {"__typename": "RunNotFoundError"}}


@dataclass(frozen=True)
class Listening:
    address: str
    port: int
    inode: str


def _until_up(told: IO[str]) -> Iterator[str]:
    for line in told:
        if line.startswith("Ctrl-C"):
            return
        yield line


def _listening() -> list[Listening]:
    found: list[Listening] = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == LISTENS:
                found.append(Listening(address, int(port, 16), fields[9]))
    return found


def _sockets_of(home: Path) -> set[str]:
    """Of every process that was started with this home."""
    found: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(home).encode() in (process / "environ").read_bytes():
                links = [str(link.readlink()) for link in (process / "fd").iterdir()]
                found |= {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    return found


def _asked(url: str, query: str) -> object:
    """GraphQL, as soon as it is up."""
    request = urllib.request.Request(  # noqa: S310 # our own address
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 # the same
                return json.load(answer)["data"]
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
