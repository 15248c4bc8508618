"""What a command works with: the settings in force, the warehouse as one role, and who is at the keyboard."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Generator
from contextlib import closing, contextmanager

from mx_pipeline.operations.local_rooms import local_room
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import logins_of


@contextmanager
def settings_in_force() -> Generator[Settings]:
    """The environment, checked; without MX_DATABASE_URL with the embedded Postgres running for as long.

    Raises BadSettings, LocalFailed.
    """
    settings = Settings.from_environment()
    if not settings.is_embedded:
        yield settings
        return
    embedded = local_room("embedded_warehouse")
    with embedded.embedded_warehouse(settings.home, makes_sealing_key=settings.sealing_key is None):
        yield Settings.from_environment()


@contextmanager
def opened(settings: Settings, role: str) -> Generator[Warehouse]:
    """The warehouse through one login role. Raises BadSettings."""
    with closing(Warehouse(logins_of(settings), role)) as warehouse:
        yield warehouse


def operator() -> str:
    """Who asks: the account that this process really runs as, whatever the environment calls it."""
    try:
        return f"operator:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"operator:uid {os.getuid()}"


def this_process() -> str:
    """The name under which this process claims what it answers."""
    return f"command {socket.gethostname()}:{os.getpid()}"
