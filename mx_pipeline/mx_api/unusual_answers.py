"""Answers that are not as nearly all are (chunks, no length, a head that drips, nonsense), read by http.client."""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING, Any, cast

from mx_pipeline.mx_api.reply import HEADERS_READ, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from mx_pipeline.mx_api.line import Line


class _Replayed(io.RawIOBase):
    """What has come already, and then the rest."""

    def __init__(self, line: Line, came: bytes) -> None:
        super().__init__()
        self._line, self._came = line, came

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if not self._came:
            return self._line.receive_into(buffer)
        view = memoryview(buffer).cast("B")
        part, self._came = self._came[: len(view)], self._came[len(view) :]
        view[: len(part)] = part
        return len(part)

    def makefile(self, *_: object) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(self)


class _Counted:
    """http.client does not complain when a body that is read in pieces ends too soon."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response

    def read(self, amount: int, /) -> bytes:
        part = self._response.read(amount)
        missing = cast("Any", self._response).length
        if not part and missing:
            raise http.client.IncompleteRead(b"", missing)
        return part


def by_http_client(line: Line, came: bytes, keep: Callable[[Line], None]) -> Reply:
    """`came`: the bytes that are here already, from the first on."""
    response = http.client.HTTPResponse(cast("Any", _Replayed(line, came)), method="GET")
    try:
        _begin(response)
    except BaseException:
        response.close()
        raise

    # Closed by hand: left to the collector, Python 3.13 flushes what is gone by then, and says so on stderr.
    def give_back() -> None:
        is_whole = response.isclosed() and not response.will_close
        response.close()
        if is_whole:
            keep(line)
        else:
            line.close()

    def drop() -> None:
        response.close()
        line.close()

    headers = {name: value for name in HEADERS_READ.values() if (value := response.getheader(name))}
    return Reply(response.status, headers, _Counted(response), give_back, drop)


def _begin(response: http.client.HTTPResponse) -> None:
    response.begin()
    if response.getheader("Content-Length") and response.length is None and not response.chunked:
        raise http.client.HTTPException("the length of the body is not a number")
