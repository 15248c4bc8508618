"""Looks, beside the children and however busy they are, for what a person has to act on, and says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager

from mx_pipeline.errors import MxPipelineError
from mx_pipeline.seeing.alerting import tell_troubles
from mx_pipeline.seeing.channels import channel_of
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.dispatching import notice_unanswered
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE, logins_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0


@contextmanager
def unanswered_noticed(settings: Settings) -> Generator[None]:
    """For the length of the block, on a thread of its own: a database that is away holds nobody up."""
    ended = threading.Event()
    looking = threading.Thread(target=_look, args=(settings, ended), name="unanswered", daemon=True)
    looking.start()
    try:
        yield
    finally:
        ended.set()


def _look(settings: Settings, ended: threading.Event) -> None:
    channel = channel_of()
    with closing(Warehouse(logins_of(settings), DISPATCHER_ROLE)) as dispatcher:
        while not ended.wait(LOOK_SECONDS):
            try:
                with dispatcher.everyone() as session:
                    alerts = notice_unanswered(session)
                if channel is not None:
                    tell_troubles(dispatcher, channel)
            except MxPipelineError as error:
                logger.warning("nobody can see what waits: %s", error)
                continue
            for alert in alerts:
                logger.error(alert)
