"""A Postgres of its own that is restarted, killed and put to sleep; what it has acknowledged it must keep."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running
from mx_pipeline.local.postgres_place import existing_place
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline_tests.local.server_image import TEMPLATE, ServerImage, make_image
from mx_pipeline_tests.local.throwaway_postgres import memory, throwaway_directory

SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
"""Without fsync a power cut loses data and a killed process does not; an acknowledged COMMIT must be written."""


class RestlessPostgres:
    """Verbs for what befalls a server. One at a time."""

    def __init__(self, server: EmbeddedPostgres, key: SealingKey) -> None:
        self.server, self.key = server, key
        self._turn = threading.Lock()

    @classmethod
    @contextmanager
    def in_directory(cls, image: ServerImage | None = None) -> Iterator[RestlessPostgres]:
        """`image`: what it begins as, where there is one already."""
        with throwaway_directory(within=memory()) as home:
            if image is None:
                image = make_image(home)
            else:
                image.copy_to(home)
            with running(home, settings=SETTINGS) as server:
                yield cls(server, image.key)

    def new_warehouse(self, name: str) -> Logins:
        """A migrated database."""
        url = make_url(self.server.create_database(name, template=TEMPLATE))
        return Logins(url.set(drivername=DRIVER), self.key)

    def restart(self) -> None:
        """As for a change of settings: every session is ended."""
        with self._turn:
            self.server.stop()
            self.server.start()

    def crash(self) -> None:
        """Every process of it is killed at once."""
        with self._turn:
            self._signal(signal.SIGKILL)
            self.server.start()

    def sleep(self, seconds: float, is_asleep: threading.Event | None = None) -> None:
        """Every process of it is stopped for so long, as in a container that is paused."""
        with self._turn:
            self._signal(signal.SIGSTOP)
            try:
                if is_asleep is not None:
                    is_asleep.set()
                time.sleep(seconds)
            finally:
                self._signal(signal.SIGCONT)

    def terminate_loaders(self) -> None:
        """End every session of a sync."""
        with suppress(psycopg2.Error):
            connection = psycopg2.connect(self.server.url())
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mx_loader'"
                )
            connection.close()

    def _signal(self, number: signal.Signals) -> None:
        place = existing_place(self.server.home)
        assert place is not None
        postmaster = int((place.data / "postmaster.pid").read_text().split()[0])
        for pid in (postmaster, *_children(postmaster)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _children(parent: int) -> list[int]:
    told = Path(f"/proc/{parent}/task/{parent}/children")
    with suppress(FileNotFoundError):
        return [int(pid) for pid in told.read_text().split()]
    return []
