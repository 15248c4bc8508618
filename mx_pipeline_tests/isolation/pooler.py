"""The real PgBouncer in transaction mode, in front of a Postgres, for the length of a block."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import URL

from mx_pipeline.local.unprivileged_account import find_account
from mx_pipeline.warehouse.logins import APP_ROLE, DISPATCHER_ROLE, LOADER_ROLE, Logins
from mx_pipeline_tests.system_parts import pgbouncer

POOL_SIZE = 2
"""Server connections per role: fewer than clients, so that they are handed from one to another."""
START_SECONDS = 10
STOP_SECONDS = 10
CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
"""


@contextmanager
def pooled(logins: Logins) -> Generator[Logins]:
    """The same logins, each through the pooler; the migrating login stays where it is."""
    port = _free_port()
    passwords = {role: logins.key.derived_password(role) for role in (LOADER_ROLE, APP_ROLE, DISPATCHER_ROLE)}
    with (
        _directory() as directory,
        _running(directory, _written(directory, logins.admin, port, passwords), port),
    ):
        behind = {
            role: logins.url(role).set(host="127.0.0.1", port=port)
            for role in (LOADER_ROLE, APP_ROLE, DISPATCHER_ROLE)
        }
        yield replace(logins, overrides=behind)


def _written(directory: Path, server: URL, port: int, passwords: Mapping[str, str]) -> Path:
    users, configuration = directory / "users.txt", directory / "pgbouncer.ini"
    users.write_text("".join(f'"{role}" "{password}"\n' for role, password in passwords.items()))
    configuration.write_text(
        CONFIGURATION.format(
            host=server.host, port=server.port, listen_port=port, users=users, pool_size=POOL_SIZE
        )
    )
    return configuration


@contextmanager
def _running(directory: Path, configuration: Path, port: int) -> Generator[None]:
    program = pgbouncer()
    assert program is not None, "PgBouncer is not installed: sudo apt-get install pgbouncer"
    account = find_account() if os.getuid() == 0 else None
    if account:
        for path in (directory, *directory.iterdir()):
            os.chown(path, account.uid, account.gid)
    with (directory / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(
            [program, configuration],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    try:
        _wait_until_it_listens(process, port, directory / "pgbouncer.log")
        yield
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"PgBouncer did not start: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _directory() -> Generator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="mx-pipeline-pooler-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
