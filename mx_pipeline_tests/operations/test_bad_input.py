"""What is wrong is said in one sentence, with the right exit code, and nothing is half done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here

Clinic = Callable[..., int]
ADD = ("merchants", "add", MERCHANT, "--name", "Clinic Lakeview", "--environment", "sandbox", "--timezone")
NOWHERE = "127.0.0.1:1"
LATEST_WORDS = "the number of payments must be from 1 to 100"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sync", "12a"], "'12a' is no merchant id"),
        (["sync", "0"], "'0' is no merchant id"),
        (["sync", "9223372036854775808"], "is no merchant id"),
        (["sync", "1" * 5000], "is no merchant id"),
        (["status", "one"], "'one' is no merchant id"),
        (["merchants", "pause", "1.5"], "'1.5' is no merchant id"),
        (["merchants", "set", "x", "--quota", "5"], "'x' is no merchant id"),
        (["merchants", "set", "1", "--delay", "soon"], "a valid number"),
        (["quarantine", "list", "one"], "'one' is no merchant id"),
        (["trace"], "Missing argument"),
        (["trace", "-5"], "-5"),
        (["trace", "1e9"], "'1e9' is no payment id"),
        (["sync"], "either their numbers or --all"),
        (["sync", "1", "--all"], "either their numbers or --all"),
        (["sync", "1", "--latest", "0"], LATEST_WORDS),
        (["sync", "1", "--latest", "101"], LATEST_WORDS),
        (["sync", "1", "--latest", "-1"], LATEST_WORDS),
        (["sync", "1", "--latest", "1001", "--emergency", "--reason", "x"], "from 1 to 1000"),
        (["sync", "1", "--since", "2026-02-30"], "2026-02-30"),
        (["sync", "1", "--since", "2026-03-02", "--until", "2026-03-02"], "before --until"),
        (["sync", "1", "--since", "2026-03-02", "--full"], "exclude each other"),
        (["sync", "1", "--until", "2026-03-02"], "give --since"),
        (["sync", "1", "--since", "2016-03-02", "--until", "2026-03-02"], "may have 13 months"),
        (["sync", "1", "--latest", "1000; DROP TABLE x"], "--latest"),
        (["cancel", "1; DROP"], "is no request or merchant"),
        (["sync", "1", "--latest", "5", "--full"], "exclude each other"),
        (["sync", "1", "--emergency"], "give --latest too"),
        (["sync", "1", "--latest", "ten"], "a valid integer"),
        (["nonsense"], "nonsense"),
        (["merchants", "add", "1"], "Missing option"),
        ([*ADD, "Chicago"], "'Chicago' is no time zone: type an IANA name"),
        ([*ADD, "../etc/passwd"], "is no time zone"),
        (
            ["merchants", "add", "1", "--name", " ", "--environment", "sandbox", "--timezone", "UTC"],
            "the name",
        ),
        (
            ["merchants", "add", "1", "--name", "a\x1b[2J", "--environment", "sandbox", "--timezone", "UTC"],
            "the name",
        ),
        (
            ["merchants", "add", "1", "--name", "a", "--environment", "live", "--timezone", "UTC"],
            "type sandbox or",
        ),
    ],
)
def test_a_command_that_cannot_be_meant_ends_with_two(
    offline: Here, arguments: list[object], words: str
) -> None:
    ran = offline(*arguments)

    assert ran.code == 2
    assert words in ran.sentence


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MX_DATABASE_URL", "nonsense", "MX_DATABASE_URL must look like"),
        ("MX_DATABASE_URL", "postgresql://u:hush@h:abc/db", "MX_DATABASE_URL must look like"),
        ("MX_APP_DATABASE_URL", "mysql://u:hush@h/db", "MX_APP_DATABASE_URL must look like"),
        ("MX_SEALING_KEY", "hush", "MX_SEALING_KEY must be 32 bytes"),
        ("MX_SEALING_KEY", None, "MX_SEALING_KEY is not set"),
        ("MX_SEALING_KEY_PREVIOUS", "hush", "MX_SEALING_KEY_PREVIOUS must be 32 bytes"),
        ("MX_SANDBOX_URL", "https://[::1", "MX_SANDBOX_URL must be scheme and host alone"),
        ("MX_SANDBOX_URL", "https://u:hush@host", "MX_SANDBOX_URL must hold no user or password"),
        ("MX_PRODUCTION_URL", "http://api.mxmerchant.com", "MX_PRODUCTION_URL must begin with https://"),
    ],
)
def test_a_malformed_variable_is_named_and_never_quoted(
    offline: Here, variable: str, value: str | None, words: str
) -> None:
    ran = offline("status", **{variable: value})

    assert ran.code == 2
    assert words in ran.sentence
    assert "hush" not in ran.err


@pytest.mark.parametrize("command", [["status"], ["migrate"], ["merchants", "list"], ["sync", "--all"]])
def test_a_database_that_cannot_be_reached_is_said_so(offline: Here, command: list[str]) -> None:
    ran = offline(*command)

    assert ran.code == 1
    assert "the database cannot be reached" in ran.sentence
    assert "Connection refused" in ran.sentence
    assert "hush" not in ran.err


@pytest.mark.parametrize(
    "command",
    [
        ["migrate"],
        ["sync", "1"],
        ["sync", "1", "--detach"],
        ["status"],
        ["status", "1"],
        ["trace", "5"],
        ["quarantine", "list"],
        ["quarantine", "replay"],
        [*ADD, "UTC"],
        *(["merchants", *words] for words in (["list"], ["pause", "1"], ["resume", "1"], ["set", "1"])),
        ["merchants", "set-key", "1"],
    ],
    ids=lambda command: " ".join(map(str, command[:3])),
)
def test_with_json_an_error_is_one_object_too(offline: Here, command: list[object]) -> None:
    unreachable, misused = offline(*command, "--json"), offline(*command, "--json", "--no-such-option")

    assert (unreachable.code, unreachable.err) == (1, "")
    assert set(unreachable.answer) == {"error"}
    assert unreachable.answer["error"]["code"] == "warehouse_unavailable"
    assert (misused.code, misused.err, misused.answer["error"]["code"]) == (2, "", "usage")


def test_a_database_that_was_never_migrated_is_said_so(
    offline: Here, postgres: EmbeddedPostgres, template: str, sealing_key: SealingKey
) -> None:
    empty = {
        "MX_DATABASE_URL": postgres.create_database("never_migrated"),
        "MX_SEALING_KEY": sealing_key.to_base64(),
    }

    for command in (["status"], ["merchants", "list"], ["sync", MERCHANT]):
        ran = offline(*command, **empty)

        assert ran.code == 1
        assert "bring it up to date with: mx-pipeline migrate" in ran.sentence


def test_a_database_that_does_not_exist_is_said_so(offline: Here, postgres: EmbeddedPostgres) -> None:
    ran = offline("migrate", MX_DATABASE_URL=postgres.url("nobody_made_it"))

    assert ran.code == 1
    assert 'database "nobody_made_it" does not exist' in ran.sentence


def test_another_sealing_key_than_the_logins_were_made_with_is_said_so(here: Here) -> None:
    ran = here("status", MX_SEALING_KEY=SealingKey.generate().to_base64())

    assert ran.code == 1
    assert "refused the login" in ran.sentence


def test_a_merchant_that_nobody_registered_stops_the_sync_before_anything_runs(
    here: Here, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    known = clinic(payments=1)

    ran = here("sync", known, 42)

    assert ran.code == 1
    assert ran.sentence.startswith("there is no merchant 42")
    assert warehouse.rows("SELECT FROM mx.sync_requests") == []


def test_an_unknown_merchant_is_said_so(here: Here) -> None:
    for command in (["status"], ["merchants", "pause"], ["merchants", "resume"], ["merchants", "set-key"]):
        ran = here(*command, 42)

        assert (ran.code, ran.sentence.startswith("there is no merchant 42")) == (1, True)


def test_a_paused_merchant_is_not_synced(here: Here, clinic: Clinic, warehouse: WarehouseUnderTest) -> None:
    here("merchants", "pause", clinic(payments=1))

    ran = here("sync", MERCHANT)

    assert (ran.code, "is paused; resume it first" in ran.sentence) == (2, True)
    assert warehouse.rows("SELECT FROM mx.sync_requests") == []


def test_all_of_nobody_is_an_error(here: Here) -> None:
    ran = here("sync", "--all")

    assert (ran.code, "there is no active merchant" in ran.sentence) == (1, True)


def keys_of(pair: KeyPair) -> dict[str, str | None]:
    return {"MX_CONSUMER_KEY": pair.consumer_key, "MX_CONSUMER_SECRET": pair.consumer_secret}


def nothing_is_registered(warehouse: WarehouseUnderTest) -> bool:
    return warehouse.rows("SELECT FROM mx.mx_merchant_configs") == []


def test_a_wrong_key_is_refused_before_anything_is_written(
    here: Here, stranger: KeyPair, warehouse: WarehouseUnderTest
) -> None:
    wrong = "not-the-s3cret/+="

    ran = here(*ADD, "America/Chicago", MX_CONSUMER_KEY=stranger.consumer_key, MX_CONSUMER_SECRET=wrong)

    assert ran.code == 1
    assert "MX does not know this key" in ran.sentence
    assert "Nothing was written" in ran.sentence
    assert wrong not in ran.err
    assert nothing_is_registered(warehouse)


def test_another_merchants_key_is_refused(here: Here, stranger: KeyPair, mx: SyntheticMx) -> None:
    mx.add_merchant(MERCHANT + 7)

    ran = here(*ADD[:2], MERCHANT + 7, *ADD[3:], "America/Chicago", **keys_of(stranger))
    mx.remove_merchant(MERCHANT + 7)

    assert (ran.code, "not for this merchant" in ran.sentence) == (1, True)


def test_an_api_that_cannot_be_reached_is_said_so(
    here: Here, stranger: KeyPair, warehouse: WarehouseUnderTest
) -> None:
    ran = here(*ADD, "America/Chicago", **keys_of(stranger), MX_SANDBOX_URL=f"http://{NOWHERE}")

    assert ran.code == 1
    assert "Nothing was written" in ran.sentence
    assert nothing_is_registered(warehouse)


def test_a_key_that_cannot_be_one_is_not_even_tried(here: Here, warehouse: WarehouseUnderTest) -> None:
    for key, secret, words in (
        (None, None, "MX_CONSUMER_KEY is not set"),
        ("K1", None, "MX_CONSUMER_SECRET is not set"),
        (None, "hush", "MX_CONSUMER_KEY is not set"),
        ("K 1", "hush", "MX_CONSUMER_KEY must be"),
        ("K1", "hu\tsh", "MX_CONSUMER_SECRET must be"),
        ("K:1", "hush", "cannot hold a colon"),
    ):
        ran = here(*ADD, "America/Chicago", "--no-verify", MX_CONSUMER_KEY=key, MX_CONSUMER_SECRET=secret)

        assert ran.code == 2
        assert words in ran.sentence
        assert "hush" not in ran.err
    assert nothing_is_registered(warehouse)


def test_with_json_an_error_is_an_object_too(here: Here) -> None:
    unknown, misused = here("status", 42, "--json"), here("sync", 1, "--nonsense", "--json")

    assert (unknown.code, unknown.err) == (1, "")
    assert unknown.answer["error"]["code"] == "unknown_merchant"
    assert unknown.answer["error"]["message"].startswith("there is no merchant 42")
    assert (misused.code, misused.answer["error"]["code"]) == (2, "usage")


def test_a_real_process_says_its_one_sentence_too(shell: CommandLine) -> None:
    ran = shell("sync", 42)

    assert (ran.code, ran.sentence.startswith("there is no merchant 42")) == (1, True)
