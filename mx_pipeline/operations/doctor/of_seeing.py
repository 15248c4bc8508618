"""Who is told of troubles, who reads the figures, where runs, lines and spans go: as the environment says."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from mx_pipeline.errors import BadSettings
from mx_pipeline.operations.doctor.findings import Finding, fail, ok, warn
from mx_pipeline.seeing.channels import Hook, Mail, channel_of
from mx_pipeline.seeing.exposition import MetricsSettings
from mx_pipeline.seeing.tracing import ENDPOINT, NOT_INSTALLED, can_trace, wants_traces
from mx_pipeline.settings import Settings

CONNECT_SECONDS = 2.0


def seeing(settings: Settings) -> Iterator[Finding]:
    """A line for each; a host that is named has to be there, and is told nothing."""
    yield _checked("alerts", _alerts)
    yield _checked("metrics", _metrics)
    yield ok("logs", f"are {settings.log_format}")
    yield _checked("traces", _traces)
    if settings.redis_url is not None:
        yield _reached("Redis", "MX_REDIS_URL", settings.redis_url, 6379)


def _checked(check: str, look: Callable[[str], Finding]) -> Finding:
    try:
        return look(check)
    except BadSettings as error:
        return fail(check, str(error))


def _alerts(check: str) -> Finding:
    match channel_of():
        case Hook(url):
            return _reached(check, "MX_ALERT_URL", url, 443 if url.startswith("https") else 80)
        case Mail(host, port):
            return _reached(check, "MX_ALERT_SMTP", f"smtp://{host}:{port}", 25)
        case _:
            return ok(check, "nobody is told: set MX_ALERT_URL or MX_ALERT_EMAIL where somebody should be")


def _metrics(check: str) -> Finding:
    merchants = MetricsSettings.from_environment().merchants
    return ok(check, f"name {merchants} merchants at most")


def _traces(check: str) -> Finding:
    if not wants_traces(os.environ):
        return ok(check, "are not wanted")
    if not can_trace():
        return warn(check, NOT_INSTALLED)
    url = os.environ[ENDPOINT].strip()
    return _reached(check, ENDPOINT, url, 443 if url.startswith("https") else 80)


def _reached(check: str, variable: str, url: str, port: int) -> Finding:
    """Nothing of the address is told but its host: the rest may be a secret."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or port
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        why = error.strerror or type(error).__name__
        return fail(
            check, f"{host} port {port} is not reached ({why}): start it, open the way, or mend {variable}"
        )
    return ok(check, f"{host} port {port} is reached")
