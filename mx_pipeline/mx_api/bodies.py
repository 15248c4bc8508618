"""Reads the body of one answer: whole or not at all, within the cap, out of its gzip and its BOM."""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING

from mx_pipeline.errors import MxBadResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mx_pipeline.mx_api.reply import Body

READ_BYTES = 262_144
UTF8_BOM = b"\xef\xbb\xbf"
GZIP_WITH_HEADER = 31
"""zlib's `wbits` for a gzip member, whose length and checksum zlib then verifies."""


def read_body(raw: Body, headers: Mapping[str, str], *, cap_bytes: int, asked: str) -> bytes:
    """The decoded body in UTF-8."""
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        body = _unzipped(raw, cap_bytes, asked)
    elif encoding in ("", "identity"):
        body = _plain(raw, cap_bytes, asked)
    else:
        raise MxBadResponse(
            f"{asked}: MX answered in an encoding that was not asked for; nothing of it was used."
        )
    return _in_utf8(body, headers.get("Content-Type", ""), asked).removeprefix(UTF8_BOM)


def _plain(raw: Body, cap_bytes: int, asked: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := raw.read(READ_BYTES):
        parts.append(part)
        size += len(part)
        if size > cap_bytes:
            raise _too_large(asked, cap_bytes)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unzipped(raw: Body, cap_bytes: int, asked: str) -> bytes:
    unzip = zlib.decompressobj(GZIP_WITH_HEADER)
    parts: list[bytes] = []
    room = cap_bytes + 1
    try:
        while packed := raw.read(READ_BYTES):
            if unzip.eof:
                raise MxBadResponse(
                    f"{asked}: more bytes came after the end of MX's gzip; nothing of it was used."
                )
            # Never more than the room that is left: a bomb stops here, before it unfolds.
            part = unzip.decompress(packed, room)
            parts.append(part)
            room -= len(part)
            if room <= 0:
                raise _too_large(asked, cap_bytes)
    except zlib.error as error:
        raise MxBadResponse(f"{asked}: MX's gzip is broken; nothing of it was used.") from error
    if parts and (unzip.unused_data or not unzip.eof):
        raise MxBadResponse(f"{asked}: MX's gzip does not end where the body ends; nothing of it was used.")
    return b"".join(parts)


def _in_utf8(body: bytes, content_type: str, asked: str) -> bytes:
    """Every known answer is UTF-8; one that says it is something else is taken at its word."""
    charset = _charset(content_type)
    if charset is None:
        return body
    try:
        return body.decode(charset).encode()
    except (LookupError, ValueError):
        pass  # the error would hold the body, so it is not kept as a cause
    raise MxBadResponse(f"{asked}: MX's answer is not in the character set that it names.")


@functools.lru_cache(maxsize=16)
def _charset(content_type: str) -> str | None:
    """None for UTF-8, said or not."""
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    return None if charset in ("", "utf-8", "utf8", "us-ascii") else charset


def _too_large(asked: str, cap_bytes: int) -> MxBadResponse:
    return MxBadResponse(f"{asked}: MX's answer is larger than {cap_bytes} bytes; nothing of it was used.")
