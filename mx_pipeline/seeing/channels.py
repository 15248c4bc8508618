"""Where alerts go: an address that takes JSON, or mail. Both are the operator's own words, never a tenant's."""

from __future__ import annotations

import os
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import urlsplit

import requests

from mx_pipeline.addresses import is_this_machine
from mx_pipeline.errors import AlertFailed, BadSettings

CONNECT_SECONDS, ANSWER_SECONDS = 3, 5
"""Below what a transaction may lie idle: what is told is written down in the same."""


class Channel(Protocol):
    """Takes alerts. Raises AlertFailed."""

    def send(self, subject: str, text: str) -> None:
        """One alert."""
        ...


@dataclass(frozen=True)
class Hook:
    """POSTs `{"subject", "text"}`; where a secret is set, as a bearer token."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)

    def send(self, subject: str, text: str) -> None:
        """Follows no redirect: that would lead where nobody configured."""
        headers = {} if self.secret is None else {"Authorization": f"Bearer {self.secret}"}
        try:
            answer = requests.post(
                self.url,
                json={"subject": subject, "text": text},
                headers=headers,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise AlertFailed(
                f"MX_ALERT_URL did not answer ({type(error).__name__}); is it reachable?"
            ) from None
        if not 200 <= answer.status_code < 300:
            raise AlertFailed(f"MX_ALERT_URL answered {answer.status_code}; it should answer 2xx itself")


@dataclass(frozen=True)
class Mail:
    """Hands a mail to a server that takes it without a login, as one of the same machine or network does."""

    host: str
    port: int
    sender: str
    to: str

    def send(self, subject: str, text: str) -> None:
        """One mail."""
        mail = EmailMessage()
        try:
            mail["Subject"], mail["From"], mail["To"] = f"mx_pipeline: {subject}", self.sender, self.to
            mail.set_content(text)
            with smtplib.SMTP(self.host, self.port, timeout=ANSWER_SECONDS) as server:
                server.send_message(mail)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise AlertFailed(f"MX_ALERT_SMTP did not take the mail ({type(error).__name__})") from None


def channel_of(environment: Mapping[str, str] | None = None) -> Channel | None:
    """The one that is configured; None where nobody wants to be told. Raises BadSettings."""
    env = os.environ if environment is None else environment
    url, to = (env.get("MX_ALERT_URL") or "").strip(), (env.get("MX_ALERT_EMAIL") or "").strip()
    if url:
        return Hook(_checked(url), env.get("MX_ALERT_SECRET") or None)
    if not to:
        return None
    host, _, port = (env.get("MX_ALERT_SMTP") or "localhost:25").partition(":")
    if not host or not (port or "25").isdigit() or not (port or "25").isascii() or "@" not in to:
        raise BadSettings(
            "MX_ALERT_EMAIL is an address, and MX_ALERT_SMTP host and port, such as mail.example.com:25"
        )
    return Mail(host, int(port or 25), env.get("MX_ALERT_EMAIL_FROM") or to, to)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and host is not None and is_this_machine(host)
    )
    if not host or not is_safe or "@" in parts.netloc:
        raise BadSettings(
            "MX_ALERT_URL must be https://, without user or password (http:// to this machine alone); a secret goes "
            "into MX_ALERT_SECRET"
        )
    return url
