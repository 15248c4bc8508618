"""A merchant's API key on its way in: from the environment or a hidden prompt, checked with the vendor."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import typer

from mx_pipeline.errors import BadInput, BadSettings, MxApiError
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.merchants import Credentials
from mx_pipeline.words import MxEnvironment

KEY_VARIABLE = "MX_CONSUMER_KEY"
SECRET_VARIABLE = "MX_CONSUMER_SECRET"  # noqa: S105 # the name of the variable
LONGEST_KEY = 500
WHILE_SOMEONE_WAITS = CallLimits(total_deadline_seconds=15, tries=2)


def consumer_key() -> Credentials:
    """The key pair that the caller brings. Raises BadInput, BadSettings."""
    known = {name: os.environ.get(name, "") for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    if not any(known.values()) and sys.stdin.isatty():
        known = {
            KEY_VARIABLE: typer.prompt("Consumer key", hide_input=True, err=True),
            SECRET_VARIABLE: typer.prompt("Consumer secret", hide_input=True, err=True),
        }
    for name, text in known.items():
        if not text:
            raise BadSettings(
                f"{name} is not set: the merchant's API key comes from {KEY_VARIABLE} and {SECRET_VARIABLE}, "
                "or is typed at a terminal where both are unset"
            )
    return checked_pair(known)


def checked_pair(named: Mapping[str, str]) -> Credentials:
    """A key and its secret, in this order, each under the name by which a person knows it. Raises BadInput."""
    (key_name, _), _ = named.items()
    key, secret = (_checked(name, text.strip()) for name, text in named.items())
    if ":" in key:
        raise BadInput(f"{key_name} cannot hold a colon; copy it again from MX Merchant")
    return Credentials(key, secret)


def verify(
    settings: Settings, merchant_id: int, environment: MxEnvironment, credentials: Credentials
) -> None:
    """Ask the vendor whether the key is good for this merchant. Raises MxApiError."""
    try:
        with MxClient(
            base_url=settings.mx_urls[environment],
            consumer_key=credentials.consumer_key,
            consumer_secret=credentials.consumer_secret,
            merchant_id=merchant_id,
            limits=WHILE_SOMEONE_WAITS,
        ) as client:
            client.check_credentials()
    except MxApiError as error:
        error.add_note("Nothing was written.")
        raise


def _checked(name: str, text: str) -> str:
    """What HTTP can carry, and no more. The message must not repeat it."""
    if not text or len(text) > LONGEST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise BadInput(
            f"{name} must be 1 to {LONGEST_KEY} plain characters without spaces; "
            "copy it again from MX Merchant"
        )
    return text
