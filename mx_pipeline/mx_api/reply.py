"""What came back over one connection: status, the few headers that are read here, and the body yet unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEADERS_READ = {
    name.lower().encode(): name
    for name in ("Content-Encoding", "Content-Length", "Content-Type", "Connection", "Date", "Retry-After")
}
"""The others are nobody's business here. Transfer-Encoding is http.client's."""


class Body(Protocol):
    """The unread body."""

    def read(self, amount: int, /) -> bytes:
        """Up to that many bytes; none at the end. Raises if the body is shorter than announced."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """What came back. `keep` is to be called once the body has been read whole, `drop` where it has not."""

    status: int
    headers: Mapping[str, str]
    body: Body
    keep: Callable[[], None]
    drop: Callable[[], None]
