"""A merchant's key pair and the headers made of it: used by every call, shown by nothing."""

from __future__ import annotations

import base64

from requests.structures import CaseInsensitiveDict

USER_AGENT = "mx_pipeline"


class Credential:
    """A key pair that no repr, traceback or log line shows."""

    def __init__(self, consumer_key: str, consumer_secret: str) -> None:
        """The Authorization is computed once; the secret may hold `/`, `+`, `=` and even `:`."""
        pair = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode("ascii")
        self._secrets = tuple(word for word in (pair, consumer_secret, consumer_key) if word)
        self.headers = _Headers(
            {
                "Authorization": f"Basic {pair}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": USER_AGENT,
            }
        )

    def hide_in(self, text: str) -> str:
        """The text without the secrets, should the vendor repeat one in an error."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Credential(…)"


class _Headers(CaseInsensitiveDict[str]):
    def __repr__(self) -> str:
        """Names only: tracebacks with locals are read by people, too."""
        return f"_Headers({', '.join(self)})"
