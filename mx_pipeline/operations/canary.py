"""
The canary: two merchants of our own, with a vendor of our own, that go the way of every clinic.

Once a day the vendor has a payment more, and with each look another word in the newest one; a person asks for a sync; a
worker answers; the row is compared. So each look brings news, and a year only 365 payments. Then the same person tries
the other merchant's doors, and each must stay shut. The vendor listens on this machine alone, and no clinic can
be led to it: which merchants ask there is decided by two numbers in `settings`, not by a row.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from mx_pipeline.access import NO_OVERRIDES
from mx_pipeline.errors import BadSettings, CanaryFailed, MxPipelineError, WarehouseError
from mx_pipeline.operations.at_work import PLATFORM, AtWork, Person
from mx_pipeline.operations.canary_doors import try_doors
from mx_pipeline.operations.context import opened
from mx_pipeline.operations.giving import grant
from mx_pipeline.operations.local_rooms import local_room
from mx_pipeline.operations.people import add as add_person
from mx_pipeline.operations.registering import register
from mx_pipeline.operations.web.syncing import ask_for_sync, look_at_sync
from mx_pipeline.settings import CANARY, NEIGHBOUR, Settings
from mx_pipeline.warehouse.audit import Action, record
from mx_pipeline.warehouse.canary import count_of, days_known, keep_look, stored
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
from mx_pipeline.warehouse.merchants import Credentials, set_active
from mx_pipeline.warehouse.people import find_user
from mx_pipeline.warehouse.requests import SyncRequest

EMAIL = "canary@mx-pipeline.invalid"
NAMES = {CANARY: "The canary", NEIGHBOUR: "The canary's neighbour"}
LOOK_SECONDS = 0.2
WORD_BYTES = 8
COMPARED = ("amount", "status", "client_reference")


@dataclass
class Look:
    """How far it came."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    step: str = "begin"
    failed: str | None = None

    @contextmanager
    def at(self, step: str) -> Generator[None]:
        """One step."""
        self.step, began = step, time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - began, 3)

    def as_json(self) -> dict[str, object]:
        """One line."""
        return {"is_well": self.failed is None, "failed": self.failed, "seconds": self.seconds}


def look(settings: Settings, here: AtWork, *, patience_seconds: float) -> Look:
    """Once, and keep how it ended. Raises BadSettings, AccessDenied, LocalFailed before it begins."""
    here.require("config.update", PLATFORM)
    url = settings.canary_url
    if url is None:
        raise BadSettings(
            "MX_CANARY_URL is not set: give a free port of this machine, such as http://127.0.0.1:8199, "
            "to the workers too"
        )
    found = Look()
    try:
        with found.at("set up"):
            person = _person(settings, here)
        with local_room("canary_vendor").canary_vendor(url, _payments(here)) as vendor:
            if not _count(here, NEIGHBOUR):
                with found.at("sync of the neighbour"), _awake(here, NEIGHBOUR):
                    _sync(here, NEIGHBOUR, patience_seconds)
            newest = vendor.says(CANARY, secrets.token_hex(WORD_BYTES))
            with found.at("sync"), _awake(here, CANARY):
                _sync(person, CANARY, patience_seconds)
            with found.at("compare"):
                _compare(person, newest)
            with found.at("doors"):
                try_doors(settings, here, person)
    except MxPipelineError as error:
        found.failed = f"{found.step}: {error}"
    with (
        suppress(WarehouseError),
        opened(settings, DISPATCHER_ROLE) as dispatcher,
        dispatcher.everyone() as session,
    ):
        keep_look(session, is_well=found.failed is None)
    return found


def _person(settings: Settings, here: AtWork) -> AtWork:
    """Somebody who may do everything at the canary and nothing elsewhere; made with the first look."""
    with here.platform() as session:
        user = find_user(session, EMAIL)
    user_id = add_person(here, EMAIL, name=None, is_super_admin=False) if user is None else user.id
    for merchant_id in (CANARY, NEIGHBOUR):
        with here.merchant(merchant_id) as tenant:
            is_known = tenant.run("merchants", "merchant").one_or_none() is not None
        if not is_known:
            key, secret = local_room("canary_vendor").key_of(merchant_id)
            register(
                settings,
                here,
                merchant_id,
                Credentials(key, secret),
                name=NAMES[merchant_id],
                environment="sandbox",
                timezone="UTC",
                verified=False,
            )
            if merchant_id == CANARY:
                grant(here, EMAIL, "tenant_admin", CANARY, own=NO_OVERRIDES, until=None)
    return AtWork(here.app, Person(user_id, f"user:{user_id}"))


@contextmanager
def _awake(here: AtWork, merchant_id: int) -> Generator[None]:
    """But for its sync it is paused: nobody asks a vendor that is not there."""
    _set_active(here, merchant_id, is_active=True)
    try:
        yield
    finally:
        _set_active(here, merchant_id, is_active=False)


def _set_active(here: AtWork, merchant_id: int, *, is_active: bool) -> None:
    action: Action = "merchant.resumed" if is_active else "merchant.paused"
    with here.merchant(merchant_id) as tenant:
        set_active(tenant, is_active=is_active)
        record(tenant, actor=here.person.actor, action=action)


def _payments(here: AtWork) -> dict[int, int]:
    """As many as days have begun since it is known here, and never fewer than were read: none vanishes."""
    with here.merchant(CANARY) as tenant:
        days = days_known(tenant, CANARY)
        stored_already = count_of(tenant, CANARY)
    first = local_room("canary_vendor").FIRST_PAYMENTS
    return {CANARY: max(first + days, stored_already), NEIGHBOUR: first}


def _count(here: AtWork, merchant_id: int) -> int:
    with here.merchant(merchant_id) as tenant:
        return count_of(tenant, merchant_id)


def _sync(here: AtWork, merchant_id: int, patience_seconds: float) -> None:
    sync = ask_for_sync(here, merchant_id, SyncRequest(here.person.actor, "api"))
    deadline = time.monotonic() + patience_seconds
    while not (watched := look_at_sync(here, sync)).is_done:
        if time.monotonic() > deadline:
            raise CanaryFailed(
                f"request {sync.request_id} has no answer after {patience_seconds:.0f} s: is a worker up, on this "
                "machine, with the same MX_CANARY_URL?"
            )
        time.sleep(LOOK_SECONDS)
    if watched.outcome != "success":
        raise CanaryFailed(f"request {sync.request_id} ended as {watched.outcome}: {watched.message}")


def _compare(person: AtWork, newest: object) -> None:
    payment_id, *wanted = (getattr(newest, name) for name in ("payment_id", *COMPARED))
    with person.merchant(CANARY) as tenant:
        found = stored(tenant, CANARY, payment_id)
    if found is None or [getattr(found, name) for name in COMPARED] != wanted:
        raise CanaryFailed(f"payment {payment_id} is not in the warehouse as the vendor has it")
