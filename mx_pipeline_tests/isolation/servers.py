"""Servers that nobody has used before, the embedded one and Debian's PostgreSQL 15, each with a plain admin."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from sqlalchemy import URL, make_url

from mx_pipeline.local.postgres_binaries import INSTALLATION, site_packages
from mx_pipeline.local.unprivileged_account import find_account, run_as
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import BACKUP_ROLE, DRIVER, Logins
from mx_pipeline_tests.local.throwaway_postgres import throwaway_directory, throwaway_postgres
from mx_pipeline_tests.system_parts import postgres_15

START_SECONDS = 60
STOP_SECONDS = 30
ADMIN = "plain_admin"


@dataclass(frozen=True)
class Server:
    """A server, its programs, and what migrates it: a login that is no superuser."""

    superuser: URL
    programs: Path
    key: SealingKey

    def create_database(self, name: str) -> Logins:
        """Empty, and owned by the plain admin."""
        self.as_superuser(f"CREATE DATABASE {name} OWNER {ADMIN}")
        return Logins(
            self.superuser.set(drivername=DRIVER, username=ADMIN, password="plain", database=name), self.key
        )

    def as_superuser(self, statement: str) -> None:
        with closing(psycopg2.connect(text_of(self.superuser))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def dump(self, logins: Logins, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """A backup of the whole database, by the role for it."""
        return self._run(
            "pg_dump", "--format=custom", f"--file={file}", *options, text_of(logins.url(BACKUP_ROLE))
        )

    def restore(self, logins: Logins, file: Path) -> subprocess.CompletedProcess[str]:
        """Into an empty database, by the plain admin.

        Who is no superuser can hand a view over only to a role that may create one there, and a dump grants last:
        so the schema is made first, and left out of what is restored.
        """
        listed = self._run("pg_restore", "--list", str(file)).stdout.splitlines(keepends=True)
        contents = file.with_suffix(".list")
        contents.write_text("".join(line for line in listed if " SCHEMA - mx " not in line))
        with closing(psycopg2.connect(text_of(logins.admin))) as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE SCHEMA mx AUTHORIZATION mx_owner; GRANT CREATE ON SCHEMA mx TO mx_aggregator"
            )
            connection.commit()
            ran = self._run(
                "pg_restore", "--exit-on-error", f"--use-list={contents}", f"--dbname={text_of(logins.admin)}",
                str(file),
            )  # fmt: skip
            cursor.execute("REVOKE CREATE ON SCHEMA mx FROM mx_aggregator")
            connection.commit()
        return ran

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.programs / program, *arguments], check=False, capture_output=True, text=True
        )


@contextmanager
def embedded() -> Generator[Server]:
    with throwaway_postgres() as postgres:
        yield _with_admin(make_url(postgres.url()), site_packages() / INSTALLATION / "bin")


@contextmanager
def debian_15(*, also_on: str | None = None) -> Generator[Server]:
    """`also_on`: an address of this machine under which another one reaches it."""
    programs = postgres_15()
    assert programs is not None, "PostgreSQL 15 is not installed: sudo apt-get install postgresql-15"
    account = find_account() if os.getuid() == 0 else None
    password, port = secrets.token_urlsafe(), _free_port()
    with throwaway_directory() as directory, tempfile.NamedTemporaryFile("w", dir=directory) as secret:
        secret.write(password)
        secret.flush()
        if account:
            for path in (directory, secret.name):
                os.chown(path, account.uid, account.gid)
        data = directory / "data"
        made = run_as(
            account,
            [str(programs / "initdb"), f"--pgdata={data}", f"--pwfile={secret.name}", "--username=postgres",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        )  # fmt: skip
        assert made.returncode == 0, made.stdout
        listens_on = "127.0.0.1"
        if also_on is not None:
            listens_on += f",{also_on}"
            with (data / "pg_hba.conf").open("a", encoding="utf-8") as admitted:
                admitted.write("host all all samenet scram-sha-256\n")
        url = URL.create("postgresql", "postgres", password, "127.0.0.1", port, "postgres")
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-c", f"port={port}", "-c", f"listen_addresses={listens_on}",
             "-c", "unix_socket_directories=", "-c", "fsync=off"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )  # fmt: skip
        try:
            _wait_until_it_answers(process, url)
            yield _with_admin(url, programs)
        finally:
            process.send_signal(signal.SIGINT)  # at once: a client whose machine is gone never says goodbye
            process.wait(STOP_SECONDS)


def text_of(url: URL) -> str:
    """As the programs of Postgres read it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _with_admin(superuser: URL, programs: Path) -> Server:
    server = Server(superuser, programs, SealingKey.generate())
    server.as_superuser(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE PASSWORD 'plain'")
    return server


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: URL) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg2.connect(text_of(url)).close()
        except psycopg2.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("PostgreSQL 15 did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
