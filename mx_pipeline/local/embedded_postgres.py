"""
A Postgres of our own for one machine: started by its first user, shared by all, gone with the last.

Every process that uses the server holds a shared lock, which the kernel takes back when the process ends in
whatever way. A small keeper (`postgres_keeper`) waits for the last of these locks and then stops the server.
So nothing is left running after SIGTERM, Ctrl-C or SIGKILL of the users, and none takes it away from another.
"""

import os
import shutil
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection

from mx_pipeline.local import file_locks
from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed
from mx_pipeline.local.postgres_cluster import read_connection
from mx_pipeline.local.postgres_place import Place, existing_place, prepare_place
from mx_pipeline.local.postgres_server import answers, join_or_launch

STOP_SECONDS = 90  # the keeper grants the fast shutdown 60 s, then insists
POLL_SECONDS = 0.01


class EmbeddedPostgres:
    """
    One use of the server under `home`: begins with `start`, ends with `stop` or with the process.

    `settings` (fsync=off and the like) count when this use is the one that launches the server; a use that
    joins takes the server as it is.
    """

    def __init__(self, home: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.absolute()
        self.settings = dict(settings or {})
        self._use: int | None = None

    def start(self) -> None:
        """Join the server under this home, or launch it. After a crash of the server: launch it anew."""
        try:
            with _files_under(self.home):
                place = prepare_place(self.home)
                if self._use is None:
                    self._use = file_locks.open_lock(place.users_lock)
                    file_locks.wait_for(self._use, file_locks.SHARED)  # waits for a shutdown under way
                with file_locks.held(place.starting_lock):
                    join_or_launch(place, self.settings)
        except BaseException:
            self._release()
            raise

    def stop(self) -> None:
        """End this use; the last one out returns when the server is down. Does nothing without a use."""
        if self._use is None:
            return
        self._release()
        place = existing_place(self.home)
        if place is None:
            return
        deadline = time.monotonic() + STOP_SECONDS
        while file_locks.is_held(place.server_lock) and not _is_used_by_others(place):
            if time.monotonic() > deadline:
                raise LocalPostgresFailed(
                    f"The embedded Postgres under {self.home} was asked to stop and still runs after "
                    f"{STOP_SECONDS} s. Look into {place.log}."
                )
            time.sleep(POLL_SECONDS)

    def is_running(self) -> bool:
        """Does it answer? Asked by connecting."""
        with _files_under(self.home):
            place = existing_place(self.home)
            return place is not None and answers(place)

    def url(self, database: str = "postgres") -> str:
        """
        The superuser's URL, password and all, as `postgresql://`: what libpq, psycopg2 and Dagster read, and
        what SQLAlchemy 2.0 takes for psycopg2. The port holds while the server runs.
        """
        with _files_under(self.home):
            place = existing_place(self.home)
            known = read_connection(place) if place else None
        if known is None:
            raise LocalPostgresFailed(
                f"No embedded Postgres was ever started under {self.home}. Start it first."
            )
        return known.url(database)

    def create_database(self, name: str, template: str | None = None) -> str:
        """The URL of a database that exists from now on; one that exists already is left as it is."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with closing(self._connect()) as opened:
            opened.autocommit = True
            with opened.cursor() as cursor:
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
                if cursor.rowcount == 0:
                    # Somebody else may make it in this very moment.
                    with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                        cursor.execute(statement)
        return self.url(name)

    def remove(self) -> None:
        """Stop and forget all data, also what root keeps outside of home. Refused while others use it."""
        self.stop()
        with _files_under(self.home):
            if existing_place(self.home) is None:
                return
            place = prepare_place(self.home)  # checks that what we are about to remove is ours
            if file_locks.is_held(place.server_lock):
                raise LocalPostgresFailed(
                    f"Others still use the Postgres under {self.home}. Stop them first."
                )
            shutil.rmtree(place.directory)
            (self.home / "postgres").unlink(missing_ok=True)  # the link, where there was one

    def _connect(self) -> connection:
        try:
            return psycopg2.connect(self.url())
        except psycopg2.OperationalError as error:
            raise LocalPostgresFailed(
                f"The embedded Postgres under {self.home} does not answer: {error}. Start it first."
            ) from error

    def _release(self) -> None:
        if self._use is not None:
            file_locks.release(self._use)
            self._use = None


@contextmanager
def running(home: Path, *, settings: Mapping[str, str] | None = None) -> Generator[EmbeddedPostgres]:
    """The server for the length of a block: joined or launched, and stopped when nobody else uses it."""
    postgres = EmbeddedPostgres(home, settings=settings)
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def _is_used_by_others(place: Place) -> bool:
    """Nobody: the lock can be had. The keeper, on its way to stop the server: it cannot even be shared."""
    users_lock = os.open(place.users_lock, os.O_RDWR)
    try:
        alone = file_locks.is_free_for(users_lock, file_locks.EXCLUSIVE)
        return not alone and file_locks.is_free_for(users_lock, file_locks.SHARED)
    finally:
        os.close(users_lock)


@contextmanager
def _files_under(home: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise LocalPostgresFailed(
            f"The embedded Postgres keeps its files under {home}, and that failed: {error}. See that the "
            "disk has room and that this user may read and write there, or set MX_HOME to another directory."
        ) from error
