"""
Fault profiles: each makes a rule under which one thing goes wrong, as public APIs have been seen to go wrong.

Where and how often is said as in `Rule`: endpoint, merchant_id, record_id, skip, times.
"""

import gzip
import zlib
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final, Literal

import msgspec

from mx_pipeline.synthetic_mx import refusals
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked, Rule

Record = dict[str, Any]
Edit = Callable[[Record], Record | msgspec.Raw]

MEGABYTE: Final = b" " * 1_000_000
WEB_PAGE: Final = b"<!DOCTYPE html><html><body><h1>Scheduled maintenance</h1></body></html>"
DEFAULT_DEPTH: Final = 100_000
UTF8_BOM: Final = b"\xef\xbb\xbf"


def changes(change: Callable[[Answer], Answer], **where: Any) -> Rule:
    """Whatever this makes of the truthful answer."""

    async def act(_: Asked, answer: Answer) -> Answer:
        return change(answer)

    return Rule(act=act, **where)


def says(
    body: bytes, *, status: int = 200, content_type: str = "application/json; charset=utf-8",
    headers: dict[str, str] | None = None, **where: Any,
) -> Rule:  # fmt: skip
    """Exactly that."""
    named = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return changes(
        lambda _: Answer(status=status, body=body, content_type=content_type.encode(), headers=named), **where
    )


def fails(status: int = 500, **where: Any) -> Rule:
    """An error without words that a program could read."""
    return says(b"Something went wrong", status=status, content_type="text/plain", **where)


def cut_short(*, share: float = 0.5, **where: Any) -> Rule:
    """The JSON ends in the middle, and the length is that of what came."""
    return changes(
        lambda answer: msgspec.structs.replace(answer, body=answer.body[: int(len(answer.body) * share)]),
        **where,
    )


def maintenance(kind: Literal["page", "html", "empty"] = "page", **where: Any) -> Rule:
    """A web page under 200, JSON that says it is one, or nothing at all."""
    if kind == "html":
        return changes(lambda answer: msgspec.structs.replace(answer, content_type=b"text/html"), **where)
    body, content_type = (WEB_PAGE, "text/html") if kind == "page" else (b"", "application/json")
    return says(body, content_type=content_type, **where)


def encoded(
    how: Literal["cut gzip", "no gzip", "double gzip", "br", "bom", "latin-1", "charset said"], **where: Any
) -> Rule:
    """The right body in an encoding that is broken, unexpected or unusual."""

    def change(answer: Answer) -> Answer:
        body = answer.body
        match how:
            case "cut gzip":
                packed = gzip.compress(body)
                return _packed(answer, packed[: len(packed) // 2])
            case "no gzip":
                return _packed(answer, body)
            case "double gzip":
                return _packed(answer, gzip.compress(gzip.compress(body)))
            case "br":
                return _packed(answer, body, encoding=b"br")
            case "bom":
                return msgspec.structs.replace(answer, body=UTF8_BOM + body)
            case "latin-1" | "charset said":
                latin = body.decode().encode("latin-1", "replace")
                kind = b"application/json" + b"; charset=ISO-8859-1" * (how == "charset said")
                return msgspec.structs.replace(answer, body=latin, content_type=kind)

    return changes(change, **where)


def huge(kind: Literal["long", "bomb", "deep"], *, megabytes: int = 200, **where: Any) -> Rule:
    """A body without end, one that unfolds into it, or brackets in brackets."""
    if kind == "deep":
        brackets = (
            b'{"recordCount":1,"records":[{"id":' + b"[" * DEFAULT_DEPTH + b"]" * DEFAULT_DEPTH + b"}]}"
        )
        return says(brackets, **where)
    if kind == "bomb":
        bomb = _bomb(megabytes)
        return changes(lambda _: _packed(Answer(), bomb), **where)
    return changes(lambda _: Answer(pieces=[(0.0, MEGABYTE)] * megabytes), **where)


def redirects(to: str, *, status: int = 302, **where: Any) -> Rule:
    """Over there, it says."""
    return says(b"", status=status, headers={"location": to}, **where)


def clock_off(seconds: float, now: Callable[[], float], **where: Any) -> Rule:
    """The truth, under a Date that is so much ahead."""

    def change(answer: Answer) -> Answer:
        date = formatdate(now() + seconds, usegmt=True).encode()
        return msgspec.structs.replace(answer, headers=[*answer.headers, (b"date", date)])

    return changes(change, **where)


def refuses_key(**where: Any) -> Rule:
    """As for a key that MX does not know."""
    return changes(lambda _: refusals.invalid_credentials(), **where)


def refuses_parameter(**where: Any) -> Rule:
    """As after a change of the API."""
    return changes(lambda _: refusals.not_valid("Could not find member 'offset'. Path 'offset'."), **where)


def edits(edit: Edit, **where: Any) -> Rule:
    """Each record of the answer, in a list or alone, as `edit` makes it; a `msgspec.Raw` goes out as it is."""

    def change(answer: Answer) -> Answer:
        body = msgspec.json.decode(answer.body)
        if "records" in body:
            body["records"] = [edit(record) for record in body["records"]]
        elif "id" in body:
            body = edit(body)
        return msgspec.structs.replace(answer, body=msgspec.json.encode(body))

    return changes(change, **where)


def meanwhile(verb: Callable[[], object], **where: Any) -> Rule:
    """The truth; and when it has been told, something happens."""

    def change(answer: Answer) -> Answer:
        verb()
        return answer

    return changes(change, **where)


def _bomb(megabytes: int) -> bytes:
    """Packed piece by piece, so that it is never unfolded here."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join([*(packer.compress(MEGABYTE) for _ in range(megabytes)), packer.flush()])


def _packed(answer: Answer, body: bytes, *, encoding: bytes = b"gzip") -> Answer:
    headers = [*answer.headers, (b"content-encoding", encoding)]
    return msgspec.structs.replace(answer, body=body, headers=headers)
