"""Dagster on one machine: code server, daemon and webserver, on the project's own dagster.yaml."""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import mx_pipeline
from mx_pipeline.errors import LocalFailed
from mx_pipeline.local.children import Children

HOST = "127.0.0.1"
EVENTS_PER_BATCH = "500"
"""Dagster writes each event in a transaction of its own unless told otherwise."""
LOCATION = "mx_pipeline"
ANSWER_SECONDS = 2
BACKLOG = 2048
MERCHANTS_KEY = frozenset({"MX_CONSUMER_KEY", "MX_CONSUMER_SECRET"})
CODE_SERVER_STOP_SECONDS = 2
"""It keeps no state, and in Dagster 1.13.27 it does not end on SIGTERM; the runs that it started do."""


def project_directory() -> Path:
    """Where dagster.yaml is: here, or beside the installed package. Raises LocalFailed."""
    for directory in (Path.cwd(), Path(mx_pipeline.__file__).parent.parent):
        if (directory / "dagster.yaml").exists():
            return directory
    raise LocalFailed("there is no dagster.yaml here; run this in the project's directory")


def dagster_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What every process that loads Dagster needs; a merchant's own key is entered once, and is nothing to them."""
    scripts = str(Path(sys.executable).parent)
    handed_on = {name: value for name, value in environment.items() if name not in MERCHANTS_KEY}
    return {
        **handed_on,
        "DAGSTER_HOME": str(project_directory()),
        "DAGSTER_EVENT_BATCH_SIZE": EVENTS_PER_BATCH,
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([scripts, environment.get("PATH", os.defpath)]),
    }


def start_dagster(children: Children, home: Path, *, ui: socket.socket) -> str:
    """Start the three and wait until the webserver answers on the socket given; returns the address of the UI."""
    code_port = free_port()
    workspace = home / "workspace.yaml"
    workspace.write_text(
        "load_from:\n  - grpc_server:\n"
        f"      host: {HOST}\n      port: {code_port}\n      location_name: {LOCATION}\n",
        encoding="utf-8",
    )
    dagster = [sys.executable, "-m", "dagster"]
    module = ["-m", "mx_pipeline.definitions", "--location-name", LOCATION]
    code_server = [*dagster, "api", "grpc", "-h", HOST, "-p", str(code_port), *module]
    children.start("code-server", code_server, stop_seconds=CODE_SERVER_STOP_SECONDS)
    children.wait_until(lambda: accepts(code_port), what="the start of the code server")
    children.start("daemon", [sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)])
    webserver = [sys.executable, "-m", "mx_pipeline.local.dagster_ui", str(ui.fileno()), str(workspace)]
    children.start("webserver", webserver, hands=ui)
    url = url_of(ui)
    ui.close()
    children.wait_until(lambda: answers(f"{url}/server_info"), what="the start of the Dagster UI")
    return url


def listening(preferred: int = 0) -> socket.socket:
    """A socket that listens on the preferred port where it is free, else on any other; from now on it is taken.

    A port that is only looked up can be somebody else's when the server starts, seconds later: two `up`s at once
    chose the same (seen 2026-11-23). So the socket itself is handed to the server.
    """
    for port in (preferred, 0):
        try:
            return socket.create_server((HOST, port), backlog=BACKLOG)
        except OSError:
            continue
    raise LocalFailed("this machine has no free port")


def url_of(listens: socket.socket) -> str:
    """Where it is reached."""
    return f"http://{HOST}:{listens.getsockname()[1]}"


def free_port() -> int:
    """For a server that takes a port's number only; the kernel gives each who asks another one."""
    with listening() as taken:
        return int(taken.getsockname()[1])


def accepts(port: int) -> bool:
    """Does something listen there?"""
    with socket.socket() as knock:
        knock.settimeout(ANSWER_SECONDS)
        return knock.connect_ex((HOST, port)) == 0


def answers(url: str) -> bool:
    """Does it give a page?"""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 # our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
