"""What the commands about webhooks do: who may, with which address, and what is told of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from mx_pipeline.addresses import is_this_machine
from mx_pipeline.errors import BadSettings
from mx_pipeline.operations.at_work import AtWork, at_work
from mx_pipeline.operations.context import opened, settings_in_force
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.settings import Settings
from mx_pipeline.sync.subscribing import Subscribed, Subscriber
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE, LOADER_ROLE
from mx_pipeline.warehouse.merchants import get_merchant
from mx_pipeline.warehouse.webhook_inbox import MeterDay, inbox_counts, meter
from mx_pipeline.warehouse.webhook_keys import PATH, issue_key, keys_of, retire_keys
from mx_pipeline.warehouse.webhooks import strangers_today

PERMISSION = "sync.webhook"
METER_DAYS = 7


@dataclass(frozen=True)
class Standing:
    """All that is known of a merchant's webhooks."""

    subscribed: Subscribed
    keys: int
    meter: list[MeterDay]
    waiting: int
    rejected: int
    strangers: int
    """Of the whole installation, today."""


def public_url(web: WebSettings) -> str:
    """Where MX rings. Raises BadSettings."""
    url = web.public_url
    if url is None:
        raise BadSettings(
            "MX_PUBLIC_URL is not set: scheme and host under which MX reaches mx-pipeline serve, such as "
            "https://sync.clinic.example"
        )
    host = url.partition("://")[2].partition(":")[0]
    if not (web.is_encrypted or is_this_machine(host)):
        raise BadSettings("MX_PUBLIC_URL must begin with https:// for webhooks: their address holds a key")
    return url


def verify(merchant_id: int) -> Standing:
    """Ask MX what it rings for, and count what has come."""
    with _at(merchant_id) as (settings, here, subscriber):
        subscribed = subscriber.verify(merchant_id)
        with here.merchant(merchant_id) as tenant:
            counts, keys, days = inbox_counts(tenant), len(keys_of(tenant)), meter(tenant, days=METER_DAYS)
        with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
            strangers = strangers_today(session)
    return Standing(subscribed, keys, days, counts.waiting, counts.rejected, strangers)


def enable(merchant_id: int) -> Subscribed:
    """From now on MX rings for this merchant."""
    with _at(merchant_id) as (_, _, subscriber):
        return subscriber.enable(merchant_id)


def repair(merchant_id: int, *, anew: bool) -> Subscribed:
    """Ask for what is missing, or for everything with another key."""
    with _at(merchant_id) as (_, _, subscriber):
        return subscriber.repair(merchant_id, anew=anew)


def disable(merchant_id: int) -> None:
    """MX rings no more."""
    with _at(merchant_id) as (_, _, subscriber):
        subscriber.disable(merchant_id)


def new_address(merchant_id: int, *, only: bool) -> str:
    """An address with a new key, to be entered at MX by hand; shown now and never again."""
    with settings_in_force() as settings, at_work(settings) as here:
        url = public_url(WebSettings.from_environment())
        here.require(PERMISSION, merchant_id)
        with here.merchant(merchant_id) as tenant:
            get_merchant(tenant)
            key = issue_key(tenant, created_by=here.person.actor)
            if only:
                retire_keys(tenant, but=key)
            record(tenant, actor=here.person.actor, action="webhook.added", detail={"only": only})
    return f"{url}{PATH}{key}"


def meter_of(tenant: Tenant) -> list[MeterDay]:
    """The last week's."""
    return meter(tenant, days=METER_DAYS)


def meter_as_json(days: list[MeterDay]) -> list[dict[str, object]]:
    """Days as ISO texts, newest first."""
    return [{**asdict(one), "day": one.day.isoformat()} for one in days]


@contextmanager
def _at(merchant_id: int) -> Generator[tuple[Settings, AtWork, Subscriber]]:
    with settings_in_force() as settings, at_work(settings) as here:
        url = public_url(WebSettings.from_environment())
        here.require(PERMISSION, merchant_id)
        with here.merchant(merchant_id) as tenant:
            get_merchant(tenant)
        with opened(settings, LOADER_ROLE) as loader:
            yield (
                settings,
                here,
                Subscriber(loader, settings.sealer(), settings.mx_urls, url, here.person.actor),
            )
