"""Verbs for tests about processes: other users of a server, and the processes behind it."""

import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from mx_pipeline.local import file_locks

PATIENCE_SECONDS = 60


@contextmanager
def another_user(
    home: Path, *arguments: str, python: Path = Path(sys.executable), **options: object
) -> Generator["subprocess.Popen[str]"]:
    """A process that uses the server under `home`; does not outlive the block."""
    command = [str(python), "-m", "mx_pipeline_tests.local.use_postgres", str(home), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def url_said_by(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url, "the other user could not start the server"
    return url


def postmaster_of(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


def nothing_runs_under(home: Path) -> bool:
    """Keeper, server and each of its children hold this lock."""
    return not file_locks.is_held(home / "postgres" / "server.lock")


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def ask(url: str, statement: str) -> object:
    """The first value of the answer, if the statement has one."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None
