"""Whether somebody answers requests, and at once: a worker that hears its bell, or Dagster's daemon."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from mx_pipeline.operations.context import opened
from mx_pipeline.operations.doctor.findings import Finding, Verdict, fail, ok, warn
from mx_pipeline.operations.local_rooms import worker_room
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.diagnosing import listening_workers, others_at_work
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE, database_url, logins_of


def bell(settings: Settings) -> Iterator[Finding]:
    """Tried as a worker tries it. Raises BadSettings."""
    logins = logins_of(settings)
    url = logins.url(DISPATCHER_ROLE)
    if settings.listen_url is not None:
        url = database_url(settings.listen_url, variable="MX_LISTEN_DATABASE_URL")
    ear, mouth = os.pipe()
    try:
        with worker_room("doorbell").Doorbell(url) as doorbell:
            doorbell.wait(ear, at_most=0)
            is_heard = doorbell.is_heard
    finally:
        os.close(ear)
        os.close(mouth)
    if is_heard:
        yield ok("bell", "notifications of Postgres arrive")
    elif settings.listen_url is None:
        yield fail(
            "bell",
            "notifications of Postgres do not arrive, as through a pooler in transaction mode, so workers look five "
            "times a second: set MX_LISTEN_DATABASE_URL to an address past the pooler",
        )
    else:
        yield fail(
            "bell",
            "nothing is heard at MX_LISTEN_DATABASE_URL: give it the address of Postgres itself, with a login that "
            "it takes",
        )


def answering(settings: Settings, found: Sequence[Finding]) -> Finding:
    """By what the other checks have found of Dagster's daemon. Raises WarehouseError."""
    bells = listening_workers(logins_of(settings))
    if bells:
        return ok("workers", f"{bells} processes listen for requests")
    lives = any(one.check == "Dagster's daemon" and one.verdict is Verdict.OK for one in found)
    if lives:
        return warn(
            "workers", "none listens; Dagster's daemon answers after some seconds: start mx-pipeline worker"
        )
    return fail(
        "workers",
        "neither a worker nor Dagster's daemon is there, so nobody answers a request: start mx-pipeline worker, and "
        "dagster-daemon run",
    )


def canary(settings: Settings) -> Iterator[Finding]:
    """Its vendor listens on this machine, so whoever answers has to be here. Raises WarehouseError."""
    if settings.canary_url is None:
        yield ok("canary", "is off: set MX_CANARY_URL where all workers are on one machine")
        return
    with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
        addresses = others_at_work(session)
    yield reached_by_all(settings.canary_url, addresses)


def reached_by_all(url: str, addresses: Sequence[str]) -> Finding:
    """What the addresses of those who work say of the vendor's."""
    elsewhere = [address for address in addresses if not _is_here(address)]
    if not elsewhere:
        return ok(
            "canary",
            f"listens on {urlsplit(url).netloc} of this machine, and nobody is seen at work elsewhere",
        )
    return warn(
        "canary",
        f"MX_CANARY_URL is {url}, a port of each machine alone, and work is done from {', '.join(elsewhere)}, "
        "too: what is taken there fails; run all workers and Dagster's runs on one machine, or unset MX_CANARY_URL "
        "everywhere",
    )


def _is_here(address: str) -> bool:
    """Has one of this machine's interfaces that address?"""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True
