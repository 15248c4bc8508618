"""A migrated server as it lies on disk, stopped: made once in a run of the tests, copied by each of its processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

from mx_pipeline.local import file_locks
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running
from mx_pipeline.local.postgres_cluster import Connection, read_connection, write_connection
from mx_pipeline.local.postgres_place import prepare_place
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline_tests.local.throwaway_postgres import UNSAFE_AND_FAST, memory

TEMPLATE = "migrated"
"""The database that each test gets a copy of."""


@dataclass(frozen=True)
class ServerImage:
    """To copy it takes a tenth of the CPU that initdb and all migrations take. The logins in it come from the key."""

    home: Path
    key: SealingKey

    def copy_to(self, home: Path) -> None:
        """Whoever starts a server there finds all that is in this one."""
        ours, theirs = prepare_place(self.home), prepare_place(home)
        # Not shutil: as root the data belong to another account, and stay so.
        subprocess.run(["cp", "-a", ours.data, theirs.directory], check=True)
        known = read_connection(ours)
        assert known is not None
        write_connection(theirs, Connection(port=0, password=known.password))


def make_image(home: Path) -> ServerImage:
    """Migrated with a key of its own, and stopped."""
    image = ServerImage(home, SealingKey.generate())
    with running(home, settings=UNSAFE_AND_FAST) as server:
        _sets_its_password_anew(server)
        migrate(Logins(make_url(server.create_database(TEMPLATE)).set(drivername=DRIVER), image.key))
    return image


@contextmanager
def shared_image(directory: Path) -> Generator[ServerImage]:
    """The image of all who name this directory: the first of them makes it, the last takes it away."""
    told, users = directory / "image.json", file_locks.open_lock(directory / "image-users.lock")
    with file_locks.held(directory / "image.lock"):
        file_locks.wait_for(users, file_locks.SHARED)
        if not told.exists():
            made = _in_a_new_home()
            told.touch(0o600)
            told.write_text(json.dumps({"home": str(made.home), "key": made.key.to_base64()}))
    found = json.loads(told.read_text())
    try:
        yield ServerImage(Path(found["home"]), SealingKey.from_base64(found["key"]))
    finally:
        with file_locks.held(directory / "image.lock"):
            if file_locks.is_free_for(users, file_locks.EXCLUSIVE):
                shutil.rmtree(found["home"])
                told.unlink()
            file_locks.release(users)


def _sets_its_password_anew(server: EmbeddedPostgres) -> None:
    """The same, hashed as the settings say: initdb does not know them."""
    url = make_url(server.url())
    with closing(psycopg2.connect(server.url())) as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER ROLE {url.username} PASSWORD %s", (url.password,))
        connection.commit()


def _in_a_new_home() -> ServerImage:
    home = Path(tempfile.mkdtemp(prefix="mx-pipeline-test-", dir=memory()))
    home.chmod(0o711)  # so that root's unprivileged account may enter
    try:
        return make_image(home)
    except BaseException:
        shutil.rmtree(home)
        raise
