"""What operators have to be told, and what they were told already: once in a while for each thing."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.leases import LOST

MOST = 100
"""Of one look; where more is wrong at once, one cause stands behind it."""
KEPT_SECONDS = 30 * 86_400


def troubles(session: Session) -> Sequence[Any]:
    """Kind, merchant and number of what is wrong now; for the dispatcher."""
    return session.run("alerts", "troubles", lost=LOST, most=MOST).all()


def is_to_be_told(session: Session, subject: str, *, quiet_seconds: float) -> bool:
    """Whether nobody was told of it for so long; it counts as told once this transaction ends well."""
    digest = sha256(subject.encode()).hexdigest()
    told = session.run("alerts", "tell", subject_hash=digest, quiet_seconds=quiet_seconds).one_or_none()
    return told is not None


def forget_old(session: Session) -> None:
    """What was told long ago is news again."""
    session.run("alerts", "forget", seconds=KEPT_SECONDS)
