"""Without MX_DATABASE_URL: the embedded Postgres, for as long as the command runs."""

from __future__ import annotations

import socket
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.local.embedded_warehouse import ensure_sealing_key
from mx_pipeline.settings import SEALING_KEY_FILE
from mx_pipeline.synthetic_mx import KeyPair
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.local.throwaway_postgres import memory, throwaway_directory
from mx_pipeline_tests.operations.commands import CommandLine


@pytest.fixture
def home() -> Iterator[Path]:
    with throwaway_directory(within=memory()) as directory:
        yield directory / "of mx"


def test_everything_works_on_a_machine_that_has_nothing(
    bare: CommandLine, stranger: KeyPair, home: Path
) -> None:
    shell = bare.but(
        MX_HOME=str(home), MX_CONSUMER_KEY=stranger.consumer_key, MX_CONSUMER_SECRET=stranger.consumer_secret
    )

    migrated = shell("migrate", "--json")
    added = shell(
        "merchants", "add", MERCHANT, "--name", "Clinic", "--environment", "sandbox", "--timezone", "UTC"
    )
    synced = shell("sync", MERCHANT, "--json")
    listed = shell("merchants", "list", "--json")

    assert (migrated.code, migrated.answer["before"]) == (0, None), migrated.err
    assert added.code == 0, added.err
    assert (synced.code, synced.runs[0]["stats"]["transactionsStored"]) == (0, 30)
    assert [merchant["merchant_id"] for merchant in listed.answer["merchants"]] == [MERCHANT]
    assert stat.S_IMODE((home / SEALING_KEY_FILE).stat().st_mode) == 0o600
    assert not EmbeddedPostgres(home).is_running()


def test_the_sealing_key_is_made_once(tmp_path: Path) -> None:
    ensure_sealing_key(tmp_path)
    first = (tmp_path / SEALING_KEY_FILE).read_text()

    ensure_sealing_key(tmp_path)

    assert (tmp_path / SEALING_KEY_FILE).read_text() == first
    assert [path.name for path in tmp_path.iterdir()] == [SEALING_KEY_FILE]


def test_a_key_in_the_environment_needs_no_file(bare: CommandLine, home: Path) -> None:
    shell = bare.but(MX_HOME=str(home), MX_SEALING_KEY="QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")

    ran = shell("migrate")

    assert ran.code == 0, ran.err
    assert not (home / SEALING_KEY_FILE).exists()


def test_the_synthetic_mx_prints_its_address_and_keys_and_ends_on_ctrl_c(bare: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with bare.started("synthetic-mx", "--port", port, "--payments", 3) as process:
        assert process.stdout is not None
        address, key = process.stdout.readline(), process.stdout.readline()
        taken = bare("synthetic-mx", "--port", port)
        answered = _answers(port)
        process.terminate()
        process.communicate(timeout=10)

    assert f"http://127.0.0.1:{port}" in address
    assert f"merchant {MERCHANT}: key " in key
    assert answered
    assert process.returncode == 0
    assert (taken.code, "choose another with --port" in taken.sentence) == (1, True)


def _answers(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__admin/merchants", timeout=5) as answer:
        return answer.status == 200
