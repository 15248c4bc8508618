"""The server behind one place: found running, or launched with a port and a keeper, until it answers."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg2

from mx_pipeline.local import file_locks
from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed
from mx_pipeline.local.postgres_binaries import Binaries, environment, find_binaries
from mx_pipeline.local.postgres_cluster import Connection, ensure_cluster, read_connection, write_connection
from mx_pipeline.local.postgres_place import Place

KEEPER = Path(__file__).with_name("postgres_keeper.py")
START_SECONDS = 120  # replaying the log after a crash counts
POLL_SECONDS = 0.01
CONNECT_SECONDS = 5
PORT_ATTEMPTS = 5
PORT_IS_TAKEN = "could not create any TCP/IP sockets"
LOG_BYTES_KEPT = 5_000_000
LOG_LINES_SHOWN = 15


def join_or_launch(place: Place, settings: Mapping[str, str]) -> None:
    """Return when the server answers. Whoever asks is a user of it already and holds the starting lock."""
    for attempt in range(PORT_ATTEMPTS):
        server_lock = _join_or_lock(place)
        if server_lock is None:
            return
        try:
            binaries = find_binaries(place)
            durable = settings.get("fsync") != "off"
            last = ensure_cluster(place, binaries, server_lock=server_lock, durable=durable)
            now = Connection(port=_free_port(last.port if attempt == 0 else 0), password=last.password)
            if now != last:
                write_connection(place, now)
            log_start = _begin_log(place)
            _start_keeper(place, server_lock, _command(place, binaries, now, settings))
        finally:
            os.close(server_lock)  # from here on only the keeper and the server hold it
        if _comes_up(place, log_start):
            return
    raise _failed(place, f"found no free port on 127.0.0.1 in {PORT_ATTEMPTS} attempts", log_start=0)


def answers(place: Place) -> bool:
    """While somebody holds the server lock, whoever answers to our password on our port is ours."""
    if not file_locks.is_held(place.server_lock):
        return False
    connection = read_connection(place)
    if connection is None or connection.port == 0:
        return False
    try:
        psycopg2.connect(
            connection.url("postgres"),
            connect_timeout=CONNECT_SECONDS,
            sslmode="disable",
            gssencmode="disable",
        ).close()
    except psycopg2.OperationalError:
        return False
    return True


def _join_or_lock(place: Place) -> int | None:
    """The server lock, or None when a server answers."""
    server_lock = file_locks.open_lock(place.server_lock)
    deadline = time.monotonic() + START_SECONDS
    while not file_locks.is_free_for(server_lock, file_locks.EXCLUSIVE):
        # It runs; or it comes up, its starter having died; or the last of its processes are on their way out.
        if answers(place):
            os.close(server_lock)
            return None
        if time.monotonic() > deadline:
            os.close(server_lock)
            raise _failed(place, f"waited {START_SECONDS} s for the server that is there", log_start=0)
        time.sleep(POLL_SECONDS)
    return server_lock


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Postgres does
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LocalPostgresFailed("127.0.0.1 has no free port to offer: is the loopback interface up?")


def _command(
    place: Place, binaries: Binaries, connection: Connection, settings: Mapping[str, str]
) -> list[str]:
    chosen = {
        **settings,
        "listen_addresses": "127.0.0.1",
        "port": str(connection.port),
        "unix_socket_directories": "",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    return [binaries.postgres, "-D", str(place.data), *options]


def _begin_log(place: Place) -> int:
    """Where this launch's lines will begin."""
    size = place.log.stat().st_size if place.log.exists() else 0
    if size > LOG_BYTES_KEPT:
        place.log.replace(place.log.with_suffix(".log.old"))
        return 0
    return size


def _start_keeper(place: Place, server_lock: int, command: list[str]) -> None:
    account = place.account
    who = [str(account.uid), str(account.gid)] if account else ["-", "-"]
    users_lock = file_locks.open_lock(place.users_lock)
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(log, 0o600)
        subprocess.run(
            # -I -S: nobody's site-packages, and up in 40 ms
            [sys.executable, "-I", "-S", str(KEEPER), str(users_lock), str(server_lock), *who, *command],
            check=False,  # what goes wrong stands in the log, and the lock is free again
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(users_lock, server_lock),
        )
    finally:
        os.close(users_lock)
        os.close(log)


def _comes_up(place: Place, log_start: int) -> bool:
    """False when somebody else took the port in between."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers(place):
            return True
        if not file_locks.is_held(place.server_lock):
            if PORT_IS_TAKEN in _log_since(place, log_start):
                return False
            raise _failed(place, "started the server, which ended at once", log_start=log_start)
        time.sleep(POLL_SECONDS)
    raise _failed(place, f"waited {START_SECONDS} s for the server to answer", log_start=log_start)


def _failed(place: Place, tried: str, *, log_start: int) -> LocalPostgresFailed:
    lines = _log_since(place, log_start).splitlines()[-LOG_LINES_SHOWN:]
    return LocalPostgresFailed(
        f"The embedded Postgres under {place.directory} did not start: we {tried}. "
        f"Its log, {place.log}, ends with:\n"
        + "\n".join(lines or ["(nothing)"])
        + "\nRemove the cause and start again, or set MX_DATABASE_URL to a Postgres of your own."
    )


def _log_since(place: Place, start: int) -> str:
    if not place.log.exists():
        return ""
    with place.log.open("rb") as log:
        log.seek(start)
        return log.read().decode(errors="replace")
