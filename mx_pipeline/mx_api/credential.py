"""A merchant's key pair and the headers made of it: used by every call, shown by nothing."""

from __future__ import annotations

import base64

USER_AGENT = "mx_pipeline"


class Credential:
    """A key pair that no repr, traceback or log line shows."""

    def __init__(self, consumer_key: str, consumer_secret: str) -> None:
        """The Authorization is computed once; the secret may hold `/`, `+`, `=` and even `:`."""
        pair = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode("ascii")
        self._secrets = tuple(word for word in (pair, consumer_secret, consumer_key) if word)
        self._headers = (
            f"Authorization: Basic {pair}\r\n"
            "Accept: application/json\r\n"
            "Accept-Encoding: gzip\r\n"
            f"User-Agent: {USER_AGENT}\r\n\r\n"
        )

    def request(self, host: str, path_and_query: str) -> Request:
        """A GET with this credential, for that host and port."""
        return Request(path_and_query, f" HTTP/1.1\r\nHost: {host}\r\n{self._headers}".encode("ascii"))

    def request_of(self, method: str, host: str, path_and_query: str, body: bytes = b"") -> Request:
        """The same for another method, with a JSON body; for subscriptions alone."""
        told = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head = f" HTTP/1.1\r\nHost: {host}\r\n{told}{self._headers}".encode("ascii")
        return Request(path_and_query, head + body, method)

    def is_of(self, consumer_key: str, consumer_secret: str) -> bool:
        """Was it made of this pair?"""
        return self._secrets == Credential(consumer_key, consumer_secret)._secrets

    def hide_in(self, text: str) -> str:
        """The text without the secrets, should the vendor repeat one in an error."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Credential(…)"


class Request:
    """One call as it goes over the wire; it holds the Authorization, so it shows nothing."""

    __slots__ = ("_method", "_path_and_query", "_rest")

    def __init__(self, path_and_query: str, rest: bytes, method: str = "GET") -> None:
        """`rest`: all that follows the path."""
        self._path_and_query, self._rest, self._method = path_and_query, rest, method.encode("ascii")

    def wire_bytes(self) -> bytes:
        """For the socket, and for nothing else. Raises UnicodeEncodeError for a path that is not ASCII."""
        return b"%s %s%s" % (self._method, self._path_and_query.encode("ascii"), self._rest)

    def __repr__(self) -> str:
        """Only where it goes."""
        return f"Request({self._path_and_query})"
