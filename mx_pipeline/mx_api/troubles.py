"""What a broken exchange means, in words without a URL and without what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mx_pipeline.errors import MxBadResponse, MxTimedOut, MxUnavailable, MxUnreachable
from mx_pipeline.mx_api.one_host import NoConnection, NotTrusted

if TYPE_CHECKING:
    from mx_pipeline.mx_api.answers import Asked


def trouble_of(asked: Asked, error: Exception, *, deadline_seconds: float) -> MxUnavailable:
    """The error to raise in place of the network's own, which may hold the Authorization."""
    match error:
        case TimeoutError():
            return MxTimedOut(
                f"{asked}: no whole answer from MX within {deadline_seconds:g} seconds. Try again later."
            )
        case NotTrusted():
            return MxUnreachable(
                f"{asked}: MX is not reachable: its TLS certificate or protocol is not to be trusted."
            )
        case NoConnection():
            return MxUnreachable(f"{asked}: MX is not reachable: no connection to its host could be made.")
        case _:
            return MxBadResponse(f"{asked}: the connection to MX broke before the whole answer was here.")
