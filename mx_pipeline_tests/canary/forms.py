"""A secret in every form in which it may have been written down."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus


def forms(secret: str | bytes) -> set[bytes]:
    """As it stands, in hex, in base64 wherever it began, and as URLs and JSON write it."""
    plain = secret.encode() if isinstance(secret, str) else secret
    found = {plain, plain.hex().encode(), plain.hex().upper().encode(), *_in_base64(plain)}
    if isinstance(secret, str):
        found |= {
            quote(secret, safe="").encode(),
            quote_plus(secret).encode(),
            secret.replace("/", "\\/").encode(),
        }
        found.add(secret.encode("utf-16-le"))
    return found


def found_in(places: Mapping[str, bytes], secrets: Mapping[str, str | bytes]) -> list[str]:
    """Which secret is where."""
    return [
        f"{name} in {place}"
        for name, secret in secrets.items()
        for form in [forms(secret)]
        for place, content in places.items()
        if any(one in content for one in form)
    ]


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """What stays the same whatever stands before and behind it."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + plain)
        start = (before * 8 + 5) // 6
        end = (before + len(plain)) * 8 // 6
        yield from _both_alphabets(coded[start:end])


def _both_alphabets(coded: bytes) -> Iterable[bytes]:
    return (coded, coded.replace(b"+", b"-").replace(b"/", b"_"))
