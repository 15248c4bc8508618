"""What the environment says about the HTTP door alone, read once and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mx_pipeline.errors import BadSettings
from mx_pipeline.seeing.exposition import MetricsSettings

CALLS_PER_MINUTE = 300
"""Of one person; a page that watches a sync needs about one a second."""
MOST_CALLS_PER_MINUTE = 100_000


@dataclass(frozen=True)
class WebSettings:
    """How the server is reached, and by whom it may be embedded."""

    public_url: str | None = None
    """Scheme and host under which people reach it; None on one machine, where it is its own address."""
    embed_origins: tuple[str, ...] = ()
    """The pages of others that may show ours in a frame, and are told when a sync finished."""
    client_secret: str | None = field(default=None, repr=False)
    """Of this installation at the issuer, where that asks for one."""
    calls_per_minute: int = CALLS_PER_MINUTE
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> WebSettings:
        """Read and check. Raises BadSettings, which names the variable."""
        env = os.environ if environment is None else environment
        public_url = (env.get("MX_PUBLIC_URL") or "").strip()
        origins = (env.get("MX_EMBED_ORIGINS") or "").split(",")
        return cls(
            public_url=_origin(public_url, "MX_PUBLIC_URL") if public_url else None,
            embed_origins=tuple(_origin(one.strip(), "MX_EMBED_ORIGINS") for one in origins if one.strip()),
            client_secret=env.get("MX_OIDC_CLIENT_SECRET") or None,
            calls_per_minute=_calls_per_minute(env.get("MX_HTTP_CALLS_PER_MINUTE")),
            metrics=MetricsSettings.from_environment(env),
        )

    @property
    def is_encrypted(self) -> bool:
        """People reach it over https."""
        return self.public_url is not None and self.public_url.startswith("https://")


def _origin(text: str, variable: str) -> str:
    """Scheme, host and port alone, as browsers write an origin."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if not host or parts.scheme not in ("http", "https") or not is_bare or not _is_a_host(host):
        raise BadSettings(
            f"{variable} must be scheme and host alone, such as https://sync.clinic.example; {text!r} is not"
        )
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _is_a_host(host: str) -> bool:
    """Nothing that would end a header or a directive of it."""
    return all(letter.isascii() and (letter.isalnum() or letter in ".-") for letter in host)


def _calls_per_minute(text: str | None) -> int:
    if not text:
        return CALLS_PER_MINUTE
    if not (text.isascii() and text.isdigit() and 0 < int(text[:7]) <= MOST_CALLS_PER_MINUTE):
        raise BadSettings(
            f"MX_HTTP_CALLS_PER_MINUTE must be a number from 1 to {MOST_CALLS_PER_MINUTE}; {text!r} is not"
        )
    return int(text)
