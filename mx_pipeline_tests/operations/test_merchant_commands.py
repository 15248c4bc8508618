"""Registering merchants, and what is shown of them."""

from __future__ import annotations

from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx
from mx_pipeline.warehouse.merchants import get_credentials
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here

ADD = (
    "merchants", "add", MERCHANT, "--name", "Clinic [red]", "--environment", "sandbox",
    "--timezone", "America/Chicago",
)  # fmt: skip


def keys_of(pair: KeyPair) -> dict[str, str | None]:
    return {"MX_CONSUMER_KEY": pair.consumer_key, "MX_CONSUMER_SECRET": pair.consumer_secret}


def kept_key(warehouse: WarehouseUnderTest) -> tuple[str, str]:
    with warehouse.loader.merchant(MERCHANT) as tenant:
        _, credentials = get_credentials(tenant, warehouse.sealer)
    return credentials.consumer_key, credentials.consumer_secret


def test_a_merchant_is_added_with_its_checked_and_sealed_key(
    here: Here, stranger: KeyPair, warehouse: WarehouseUnderTest
) -> None:
    added = here(*ADD, **keys_of(stranger))
    listed = here("merchants", "list", "--json")

    assert (added.code, added.out) == (0, f"merchant {MERCHANT} added\n")
    assert kept_key(warehouse) == (stranger.consumer_key, stranger.consumer_secret)
    assert listed.answer == {
        "merchants": [
            {
                "merchant_id": MERCHANT,
                "name": "Clinic [red]",
                "environment": "sandbox",
                "timezone": "America/Chicago",
                "interval_minutes": None,
                "is_active": True,
                "credentials_refused_at": None,
            }
        ]
    }


def test_unverified_no_call_is_made(here: Here, stranger: KeyPair, mx: SyntheticMx) -> None:
    mx.reset_calls()

    ran = here(*ADD, "--no-verify", **keys_of(stranger))

    assert (ran.code, mx.call_count(MERCHANT)) == (0, 0)


def test_a_key_is_typed_unseen_at_a_terminal(
    shell: CommandLine, stranger: KeyPair, warehouse: WarehouseUnderTest
) -> None:
    typed = [("Consumer key: ", stranger.consumer_key), ("Consumer secret: ", stranger.consumer_secret)]

    ran = shell.on_a_terminal(*ADD, typed=typed)

    assert ran.code == 0, ran.err
    assert stranger.consumer_key not in ran.err
    assert stranger.consumer_secret not in ran.err
    assert kept_key(warehouse) == (stranger.consumer_key, stranger.consumer_secret)


def test_a_merchant_is_added_once(here: Here, stranger: KeyPair, mx: SyntheticMx) -> None:
    here(*ADD, **keys_of(stranger))
    mx.reset_calls()

    again = here(*ADD, **keys_of(stranger))

    assert (again.code, "is here already" in again.sentence) == (2, True)
    assert mx.call_count(MERCHANT) == 0


def test_a_refused_key_is_replaced_and_the_merchant_goes_on(
    here: Here, stranger: KeyPair, mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    here(*ADD, **keys_of(stranger))
    newer = mx.new_key(MERCHANT, consumer_key="NEWER", consumer_secret="n/e+w=")
    here("sync", MERCHANT)
    refused = here("status", MERCHANT, "--json").answer["merchants"][0]

    unchecked = here("merchants", "set-key", MERCHANT, **keys_of(stranger))
    replaced = here("merchants", "set-key", MERCHANT, **keys_of(newer))

    assert refused["state"] == "key_refused"
    assert (unchecked.code, replaced.code) == (1, 0)
    assert kept_key(warehouse) == ("NEWER", "n/e+w=")
    assert here("sync", MERCHANT, "--json").runs[0]["status"] == "success"


def test_a_merchant_is_paused_and_resumed(here: Here, warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()

    paused = here("merchants", "pause", MERCHANT), here("merchants", "list").out
    resumed = here("merchants", "resume", MERCHANT), here("merchants", "list").out

    assert (paused[0].code, resumed[0].code) == (0, 0)
    assert "paused" in paused[1]
    assert "active" in resumed[1]


def test_every_command_that_changes_a_merchant_tells_it_as_json(here: Here, stranger: KeyPair) -> None:
    ran = [
        here(*ADD, "--json", **keys_of(stranger)),
        here("merchants", "pause", MERCHANT, "--json"),
        here("merchants", "resume", MERCHANT, "--json"),
        here("merchants", "set", MERCHANT, "--quota", 500, "--interval", 60, "--json"),
        here("merchants", "set-key", MERCHANT, "--json", **keys_of(stranger)),
    ]

    assert [(one.code, one.err, set(one.answer)) for one in ran] == [(0, "", {"merchant", "message"})] * 5
    assert [one.answer["merchant"]["is_active"] for one in ran] == [True, False, True, True, True]
    assert ran[3].answer["merchant"]["limits"]["calls_per_day"] == 500
    assert ran[3].answer["merchant"]["interval_minutes"] == 60
    assert stranger.consumer_secret not in "".join(one.out for one in ran)


def test_no_command_ever_shows_a_key(
    here: Here, stranger: KeyPair, sealing_key: object, database_url: str
) -> None:
    told = [
        here(*ADD, **keys_of(stranger)),
        here(*ADD, **keys_of(stranger)),
        here("merchants", "list"),
        here("merchants", "list", "--json"),
        here("status", "--json"),
        here("sync", MERCHANT, "--json"),
        here("merchants", "set-key", MERCHANT, **keys_of(stranger), MX_SANDBOX_URL="http://127.0.0.1:1"),
        here("migrate", "--json"),
    ]

    shown = "".join(ran.out + ran.err for ran in told)
    password = database_url.split("@")[0].rpartition(":")[2]
    assert [ran.code for ran in told] == [0, 2, 0, 0, 0, 0, 1, 0]
    assert not [
        secret for secret in (stranger.consumer_key, stranger.consumer_secret, password) if secret in shown
    ]
