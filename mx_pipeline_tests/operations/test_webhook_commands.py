"""`mx-pipeline webhooks`: MX is asked for one event a call, by whoever may, and rings where only it and we know."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from mx_pipeline.operations.web.notifications import read_notification
from mx_pipeline.sync.quiet_subscriptions import repair_quiet
from mx_pipeline.sync.subscribing import EVENTS, Subscriber
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import INBOX_ROLE
from mx_pipeline.warehouse.webhooks import receive
from mx_pipeline_tests.fakes.people import has_person_as, token_of
from mx_pipeline_tests.fakes.ringing import a_body
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here

PUBLIC = "https://sync.clinic.example"
AUDIT = "SELECT actor, action FROM mx.audit_log WHERE action LIKE 'webhook.%' ORDER BY entry"


@pytest.fixture
def webhooks(in_this_process: Callable[[CommandLine], Here], shell: CommandLine) -> Here:
    """The commands, of an installation that MX can reach."""
    here = in_this_process(shell.but(MX_PUBLIC_URL=PUBLIC))
    return lambda *arguments, **changes: here("webhooks", *arguments, **changes)


def keys_at(mx: SyntheticMx) -> set[str]:
    """The keys that MX rings with."""
    return {one["callbackUrl"].removeprefix(f"{PUBLIC}/webhooks/mx/") for one in mx.subscriptions(MERCHANT)}


def is_good(warehouse: WarehouseUnderTest, key: str) -> bool:
    with closing(Warehouse(warehouse.logins, INBOX_ROLE)) as inbox:
        return bool(receive(inbox, [read_notification(key, a_body())]))


def test_enabling_twice_asks_for_each_event_once(
    webhooks: Here, clinic: Callable[..., int], mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=5)

    first, second = webhooks("enable", MERCHANT, "--json"), webhooks("enable", MERCHANT, "--json")

    assert (first.code, first.answer["events"], first.answer["missing"]) == (0, list(EVENTS), [])
    assert second.answer == first.answer
    assert sorted(one["eventType"] for one in mx.subscriptions(MERCHANT)) == sorted(EVENTS)
    assert all("Invoice" in one["Sources"] and one["sendWebhook"] for one in mx.subscriptions(MERCHANT))
    (key,) = keys_at(mx)
    assert is_good(warehouse, key)
    assert key not in first.out + warehouse.everything(but="_no_such")
    assert warehouse.rows(AUDIT)[0].action == "webhook.added"


def test_what_is_missing_is_told_and_mended_with_the_same_key(
    webhooks: Here, clinic: Callable[..., int], mx: SyntheticMx
) -> None:
    clinic()
    webhooks("enable", MERCHANT)
    before = keys_at(mx)
    mx.forgets_subscriptions(MERCHANT, "RefundCreated")

    told = webhooks("verify", MERCHANT)
    mended = webhooks("repair", MERCHANT)

    assert (told.code, "not for RefundCreated" in told.out) == (1, True)
    assert (mended.code, "RefundCreated" in mended.out) == (0, True)
    assert keys_at(mx) == before
    assert webhooks("verify", MERCHANT).code == 0


@pytest.mark.parametrize("change", [{}, {"one_subscription_per_event": True}])
def test_a_rotation_moves_all_to_another_key_and_the_last_one_stays_good(
    webhooks: Here,
    clinic: Callable[..., int],
    mx: SyntheticMx,
    warehouse: WarehouseUnderTest,
    change: dict[str, bool],
) -> None:
    clinic()
    mx.behaves(MERCHANT, **change)
    webhooks("enable", MERCHANT)
    (old,) = keys_at(mx)

    assert webhooks("rotate", MERCHANT).code == 0

    (new,) = keys_at(mx)
    assert len(mx.subscriptions(MERCHANT)) == len(EVENTS)
    assert (new != old, is_good(warehouse, new), is_good(warehouse, old)) == (True, True, True)
    webhooks("rotate", MERCHANT)
    assert (is_good(warehouse, new), is_good(warehouse, old)) == (True, False)


def test_disabling_leaves_others_alone_and_no_key_good(
    webhooks: Here, clinic: Callable[..., int], mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    webhooks("enable", MERCHANT)
    (key,) = keys_at(mx)
    mx.has_subscription(MERCHANT, "PaymentSuccess", "https://somebody.else.example/hook")

    assert webhooks("disable", MERCHANT).code == 0

    assert [one["callbackUrl"] for one in mx.subscriptions(MERCHANT)] == [
        "https://somebody.else.example/hook"
    ]
    assert not is_good(warehouse, key)


def test_a_key_for_hand_work_is_shown_once(
    webhooks: Here, clinic: Callable[..., int], warehouse: WarehouseUnderTest
) -> None:
    clinic()
    first, second = webhooks("key", MERCHANT).out.strip(), webhooks("key", MERCHANT, "--only").out.strip()

    keys = [address.removeprefix(f"{PUBLIC}/webhooks/mx/") for address in (first, second)]
    assert [len(key) for key in keys] == [43, 43]
    assert [is_good(warehouse, key) for key in keys] == [False, True]


def test_without_an_address_or_the_permission_nothing_is_asked(
    webhooks: Here, clinic: Callable[..., int], mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    admin = token_of(warehouse, has_person_as(warehouse, "tenant_admin", MERCHANT))
    owner = token_of(warehouse, has_person_as(warehouse, "tenant_owner", MERCHANT))

    assert "MX_PUBLIC_URL" in webhooks("enable", MERCHANT, MX_PUBLIC_URL=None).sentence
    assert "https" in webhooks("enable", MERCHANT, MX_PUBLIC_URL="http://sync.clinic.example").sentence
    assert [webhooks(verb, MERCHANT, MX_TOKEN=admin).code for verb in ("enable", "key", "disable")] == [
        4,
        4,
        4,
    ]
    assert mx.call_count(MERCHANT) == 0
    assert webhooks("enable", MERCHANT, MX_TOKEN=owner).code == 0


def test_the_meter_says_who_saw_a_payment_first(
    webhooks: Here, here: Here, clinic: Callable[..., int], warehouse: WarehouseUnderTest
) -> None:
    clinic()
    webhooks("enable", MERCHANT)
    warehouse.damage(FRESH)
    warehouse.damage(HEARD)

    told = webhooks("verify", MERCHANT, "--json").answer["first_seen"]
    shown = here("status", MERCHANT)

    assert (len(told), told[0]["by_webhook"], told[0]["by_polling"]) == (7, 2, 4)
    assert "2 first seen by webhook, 4 by polling" in shown.out


def test_subscriptions_that_went_quiet_are_made_anew_once(
    webhooks: Here, clinic: Callable[..., int], mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    webhooks("enable", MERCHANT)
    before = keys_at(mx)
    subscriber = Subscriber(
        warehouse.loader,
        warehouse.sealer,
        {"sandbox": mx.url, "production": mx.url},
        PUBLIC,
        "process:webhook",
    )
    assert repair_quiet(warehouse.dispatcher, subscriber) == [], "nobody looks within the hour"
    warehouse.damage(LONG_AGO)
    assert repair_quiet(warehouse.dispatcher, subscriber) == [], "no payment came, so none was to be rung for"
    warehouse.damage(FRESH)
    warehouse.damage(LONG_AGO)

    assert repair_quiet(warehouse.dispatcher, subscriber) == [MERCHANT]
    assert keys_at(mx).isdisjoint(before)
    assert repair_quiet(warehouse.dispatcher, subscriber) == []

    warehouse.damage(LONG_AGO)
    (key,) = keys_at(mx)
    assert is_good(warehouse, key)
    assert repair_quiet(warehouse.dispatcher, subscriber) == [], "it rings again"


FRESH = (
    "INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at, first_seen_at)"
    f" SELECT {MERCHANT}, id, now() - interval '1 minute', 1, 'Approved', CAST('{{}}' AS jsonb), now(), now()"
    " FROM generate_series(1, 6) AS id"
    f" UNION ALL SELECT {MERCHANT}, 99, now() - interval '3 days', 1, 'Approved', CAST('{{}}' AS jsonb), now(), now()"
)
"""Six of today, and one that a backfill brought."""
HEARD = (
    "INSERT INTO mx.webhook_inbox (merchant_id, body_hash, event, kind, names, mx_payment_id, names_another, taken_at,"
    f" handled_at, outcome, first_seen) SELECT {MERCHANT}, sha256(id::text::bytea), 'PaymentSuccess', 'record',"
    " 'payment ' || id, id, false, now(), now(), 'fetched', id < 3 FROM generate_series(1, 3) AS id"
)
LONG_AGO = (
    "UPDATE mx.webhook_subscriptions SET changed_at = now() - interval '5 hours', repaired_at = repaired_at"
    " - interval '4 hours', looked_at = looked_at - interval '3 hours'"
)
