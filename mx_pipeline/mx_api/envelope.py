"""What is around a list's records: opened first, so that each record can then be read alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import msgspec

from mx_pipeline.errors import MxBadResponse, MxContractBroken
from mx_pipeline.mx_api.careful import Tree, parse

if TYPE_CHECKING:
    from mx_pipeline.mx_api.answers import Answer, Asked

ROW_COUNT = re.compile(rb"\s*[0-9]{1,15}\s*")


class Envelope(msgspec.Struct, frozen=True):
    """A list's rows as they came, not yet read: bytes, or trees where the page needed the careful way."""

    rows: list[msgspec.Raw] | list[object]
    record_count: int | None
    sent_at: float
    notes: tuple[str, ...] = ()
    """What was odd about the page as a whole."""


class _Envelope(msgspec.Struct, rename="camel"):
    records: list[msgspec.Raw]
    record_count: msgspec.Raw = msgspec.Raw()


_envelope = msgspec.json.Decoder(_Envelope)


def open_envelope(asked: Asked, answer: Answer) -> Envelope:
    """The rows of a list's answer; raises for half a JSON and for any other shape, and never means "0 rows"."""
    try:
        envelope = _envelope.decode(answer.body)
    except (ValueError, RecursionError):
        pass  # the careful way finds out what is wrong
    else:
        count, notes = _row_count(bytes(envelope.record_count))
        return Envelope(envelope.records, count, answer.sent_at, notes)

    tree = parsed(asked, answer)
    rows = cast("Tree", tree).get("records") if isinstance(tree, dict) else None
    if not isinstance(rows, list):
        raise MxContractBroken(
            f"{asked}: MX's answer has no list of records. Its API has changed; tell the maintainers."
        )
    count, notes = _row_count(str(cast("Tree", tree).get("recordCount")).encode())
    return Envelope(cast("list[object]", rows), count, answer.sent_at, notes)


def parsed(asked: Asked, answer: Answer) -> object:
    """As a tree; the errors of the parser hold the body, so they are not kept as causes."""
    try:
        return parse(answer.body)
    except ValueError:
        is_deep = False
    except RecursionError:
        is_deep = True
    if is_deep:
        raise MxContractBroken(f"{asked}: MX's answer is nested too deeply to be one of its answers.")
    raise MxBadResponse(f"{asked}: MX's answer is not whole JSON; nothing of it was used. Try again later.")


def _row_count(raw: bytes) -> tuple[int | None, tuple[str, ...]]:
    if ROW_COUNT.fullmatch(raw):
        return int(raw), ()
    return None, (
        "recordCount is missing" if raw in (b"", b"None", b"null") else "recordCount is not a count",
    )
