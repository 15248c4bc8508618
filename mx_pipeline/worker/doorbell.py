"""Wakes a worker when somebody asks for a sync: LISTEN on a connection of its own, and a look now and then besides."""

from __future__ import annotations

import logging
import math
import secrets
import select
import time
from contextlib import closing, suppress
from types import TracebackType
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy import URL

logger = logging.getLogger(__name__)

CHANNEL = "mx_sync_requests"
LOOK_SECONDS = 5.0
"""A notification can be lost, for example in a restart of Postgres."""
LOOK_WITHOUT_BELL_SECONDS = 0.2
"""Behind a pooler in transaction mode LISTEN is accepted and nothing is ever heard."""
TRIAL_SECONDS = 2.0
CONNECT_AGAIN_SECONDS = 5.0


class Doorbell:
    """A context. `wait` returns when it rang, or when it is time to look; what was asked is in the table, not here."""

    def __init__(self, url: URL, *, look_seconds: float = LOOK_SECONDS) -> None:
        """`url`: a direct connection where there is one; whether bells are heard through it is tried out."""
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._look_seconds = look_seconds
        self._connection: Any = None
        self._connect_at = 0.0

    @property
    def is_heard(self) -> bool:
        """Do notifications arrive here?"""
        return self._connection is not None

    def wait(self, wake: int, *, at_most: float = math.inf) -> None:
        """Until it rings, `wake` (a file descriptor, such as a pipe's end) becomes readable, or it is time to look."""
        if self._connection is None and time.monotonic() >= self._connect_at:
            self._listen()
        if self._connection is None:
            select.select([wake], [], [], LOOK_WITHOUT_BELL_SECONDS)
            return
        try:
            select.select([self._connection, wake], [], [], min(self._look_seconds, at_most))
            self._connection.poll()
            self._connection.notifies.clear()
        except (psycopg2.Error, OSError):
            self._hang_up()

    def _listen(self) -> None:
        self._connect_at = time.monotonic() + CONNECT_AGAIN_SECONDS
        try:
            self._connection = psycopg2.connect(
                self._url, connect_timeout=5, application_name="mx_pipeline bell"
            )
            self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            if not self._hears_itself():
                logger.warning("notifications do not arrive; the table is looked at instead")
                self._connect_at = float("inf")
                self._hang_up()
        except psycopg2.Error:
            self._hang_up()

    def _hears_itself(self) -> bool:
        """Ring from another connection and listen: only a direct connection passes."""
        word = secrets.token_hex(8)
        with closing(psycopg2.connect(self._url, connect_timeout=5)) as ringer:
            ringer.autocommit = True
            with ringer.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, word))
        until = time.monotonic() + TRIAL_SECONDS
        while time.monotonic() < until:
            select.select([self._connection], [], [], 0.1)
            self._connection.poll()
            if any(notify.payload == word for notify in self._connection.notifies):
                return True
        return False

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def __enter__(self) -> Doorbell:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hangs up."""
        self._hang_up()
