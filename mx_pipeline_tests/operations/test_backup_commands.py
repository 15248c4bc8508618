"""Whoever steals a backup has nothing (S22); whoever holds the identity gets all of it back, or is told why not."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.operations import backing_up, postgres_programs
from mx_pipeline.operations.context import opened
from mx_pipeline.settings import Settings
from mx_pipeline.synthetic_mx import NAME_CANARY, SyntheticMx
from mx_pipeline.warehouse.audit_chain import verify
from mx_pipeline.warehouse.backups import held
from mx_pipeline.warehouse.connections import HELD, Warehouse
from mx_pipeline.warehouse.logins import BACKUP_ROLE, DRIVER, Logins
from mx_pipeline_tests.canary.forms import found_in
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here

AGE: Any = import_module("pyrage")
PLAIN_DUMP = b"PGDMP"
NUMBERS = count(1)


@dataclass(frozen=True)
class Made:
    """A backup of a clinic with 40 payments, and the identity that opens it."""

    file: Path
    identity: Path
    secret: Any
    token: str
    key: str
    secret_key: str

    @property
    def note(self) -> dict[str, Any]:
        return json.loads(Path(f"{self.file}.json").read_text())

    @property
    def opened(self) -> bytes:
        return AGE.decrypt(self.file.read_bytes(), [self.secret])


@pytest.fixture
def backup(here: Here, mx: SyntheticMx, warehouse: WarehouseUnderTest, tmp_path: Path) -> Iterator[Made]:
    key = mx.add_merchant(MERCHANT, payments=40)
    warehouse.has_merchant(MERCHANT, key=key.consumer_key, secret=key.consumer_secret)
    assert here("sync", MERCHANT).code == 0
    assert here("users", "add", "kim@clinic.example").code == 0
    token = here("users", "token", "kim@clinic.example", "--days", 3).out.strip()
    secret = AGE.x25519.Identity.generate()
    identity = tmp_path / "identity"
    identity.write_text(f"# created: today\n{secret}\n")
    other = AGE.x25519.Identity.generate()
    recipients = f"{other.to_public()}, {secret.to_public()}"
    file = tmp_path / "warehouse.age"

    made = here("backup", "--to", file, MX_BACKUP_RECIPIENTS=recipients)

    assert made.code == 0, made.err
    yield Made(file, identity, secret, token, key.consumer_key, key.consumer_secret)
    mx.remove_merchant(MERCHANT)


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of a database in which nothing is."""
    name = f"restored_{os.getpid()}_{next(NUMBERS)}"
    yield postgres.create_database(name)
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def restored(warehouse: WarehouseUnderTest, empty: str) -> Iterator[WarehouseUnderTest]:
    under_test = WarehouseUnderTest(Logins(make_url(empty).set(drivername=DRIVER), warehouse.logins.key))
    yield under_test
    under_test.close()


def test_s22_a_stolen_backup_shows_no_name_no_key_and_no_token(
    backup: Made, warehouse: WarehouseUnderTest, here: Here
) -> None:
    dump = backup.opened
    names = NAME_CANARY.encode()
    secrets = {"key": backup.key, "secret": backup.secret_key, "token": backup.token}
    in_words = _in_words(dump)

    stolen = {
        "file": backup.file.read_bytes(),
        "note": Path(f"{backup.file}.json").read_bytes(),
    }

    assert dump.startswith(PLAIN_DUMP)
    assert names in in_words
    assert found_in({"opened": in_words}, secrets) == []
    assert stolen["file"].startswith(b"age-encryption.org/v1\n")
    assert [place for place, content in stolen.items() if names in content or PLAIN_DUMP in content] == []
    assert found_in(stolen, secrets) == []
    assert [path for path in backup.file.parent.iterdir() if path.name.endswith(".part")] == []
    assert {stat.S_IMODE(Path(f"{backup.file}{end}").stat().st_mode) for end in ("", ".json")} == {0o600}
    assert here("backup", "--to", backup.file, MX_BACKUP_RECIPIENTS=str(backup.secret.to_public())).code == 2


def test_s22_a_restored_warehouse_holds_the_same_and_the_next_sync_is_exact(
    backup: Made,
    warehouse: WarehouseUnderTest,
    restored: WarehouseUnderTest,
    here: Here,
    mx: SyntheticMx,
    empty: str,
) -> None:
    there = {"MX_DATABASE_URL": empty}
    tables = [table for (table,) in warehouse.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'mx'")]
    assert set(backup.note["rows"]) == set(tables) > {"payments", "users", "user_tokens"}

    told = here("restore", backup.file, "--identity", backup.identity, "--json", **there)

    assert told.code == 0, told.err
    assert told.answer["restored"] == backup.note
    assert backup.note["rows"]["payments"] == 40
    for table in set(tables) - {"audit_log"}:
        rows = f"SELECT to_jsonb(t) FROM mx.{table} AS t ORDER BY t::text"
        assert restored.rows(rows) == warehouse.rows(rows), table
    last = "SELECT action FROM mx.audit_log WHERE merchant_id = 0 ORDER BY entry DESC LIMIT 1"
    assert restored.value(last) == "backup.restored"
    ((detail,),) = warehouse.rows("SELECT detail FROM mx.audit_log WHERE action = 'backup.made'")
    assert detail["sha256"] == backup.note["sha256"]
    assert detail["rows"] == sum(backup.note["rows"].values())
    with restored.auditor.everyone() as session:
        assert verify(session).findings == ()
    assert not restored.value("SELECT has_schema_privilege('mx_aggregator', 'mx', 'CREATE')")
    assert here("migrate", "--json", **there).answer["before"] == backup.note["schema_version"]
    mx.has_payments(MERCHANT, {"source": "Recurring"})
    synced = here("sync", MERCHANT, "--json", **there)
    assert (synced.code, synced.runs[0]["certificate"]["payments"]["verdict"]) == (0, "agrees")
    assert restored.value("SELECT count(*) FROM mx.payments") == 41


def _changed(content: bytes) -> bytes:
    return content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_changed, id="a changed byte at the end"),
        pytest.param(lambda content: content[:-1], id="the last byte is missing"),
        pytest.param(
            lambda content: content[: content.index(b"\n---") + 48 + 16 + 65552], id="cut between two parts"
        ),
        pytest.param(lambda content: content[:60], id="cut in its head"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_s22_a_changed_or_shortened_backup_is_refused_and_nothing_is_restored(
    backup: Made, restored: WarehouseUnderTest, here: Here, empty: str, damage: Callable[[bytes], bytes]
) -> None:
    backup.file.write_bytes(damage(backup.file.read_bytes()))

    told = here("restore", backup.file, "--identity", backup.identity, MX_DATABASE_URL=empty)

    assert (told.code, "changed or cut short" in told.sentence) == (1, True)
    assert _is_empty(restored)


def test_s22_rows_that_are_missing_are_noticed_and_what_came_back_is_taken_away(
    backup: Made, restored: WarehouseUnderTest, here: Here, empty: str
) -> None:
    note = backup.note
    note["rows"]["payments"] += 1
    Path(f"{backup.file}.json").write_text(json.dumps(note))

    told = here("restore", backup.file, "--identity", backup.identity, MX_DATABASE_URL=empty)

    assert (told.code, "payments: 40 instead of 41" in told.sentence) == (1, True)
    assert _is_empty(restored)


def test_s22_another_identity_or_another_sealing_key_does_not_do(
    backup: Made, restored: WarehouseUnderTest, here: Here, empty: str, tmp_path: Path
) -> None:
    another = tmp_path / "another"
    another.write_text(str(AGE.x25519.Identity.generate()))

    refused = here("restore", backup.file, "--identity", another, MX_DATABASE_URL=empty)
    wrong_key = here(
        "restore",
        backup.file,
        "--identity",
        backup.identity,
        MX_DATABASE_URL=empty,
        MX_SEALING_KEY="QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
    )

    assert (refused.code, "does not open this backup" in refused.sentence) == (1, True)
    assert (wrong_key.code, "MX_SEALING_KEY" in wrong_key.sentence) == (2, True)
    assert _is_empty(restored)


def test_a_warehouse_that_is_there_is_not_written_over(
    backup: Made, warehouse: WarehouseUnderTest, here: Here
) -> None:
    told = here("restore", backup.file, "--identity", backup.identity)

    assert (told.code, "holds a warehouse already" in told.sentence) == (2, True)
    assert warehouse.value("SELECT count(*) FROM mx.payments") == 40


@pytest.mark.parametrize("recipients", [None, " ", "age1nobody", "AGE-SECRET-KEY-1CANARY"])
def test_s22_without_a_good_recipient_there_is_no_backup(
    offline: Here, tmp_path: Path, recipients: str | None
) -> None:
    told = offline("backup", "--to", tmp_path / "plain", MX_BACKUP_RECIPIENTS=recipients)

    assert (told.code, "MX_BACKUP_RECIPIENTS" in told.sentence) == (2, True)
    assert "CANARY" not in told.err
    assert not (tmp_path / "plain").exists()


def test_a_person_without_the_platform_makes_no_backup(backup: Made, here: Here, tmp_path: Path) -> None:
    told = here(
        "backup",
        "--to",
        tmp_path / "mine",
        MX_BACKUP_RECIPIENTS=str(backup.secret.to_public()),
        MX_TOKEN=backup.token,
    )
    restoring = here("restore", backup.file, "--identity", backup.identity, MX_TOKEN=backup.token)

    assert (told.code, restoring.code) == (4, 4)
    assert not (tmp_path / "mine").exists()


def test_a_dump_that_breaks_off_leaves_no_file(
    backup: Made, warehouse: WarehouseUnderTest, here: Here, tmp_path: Path
) -> None:
    warehouse.damage("CREATE TABLE mx.closed (id int)")
    warehouse.damage("GRANT SELECT (id) ON mx.closed TO mx_backup; CREATE SEQUENCE mx.closed_numbers")
    before = set(tmp_path.iterdir())

    told = here("backup", "--to", tmp_path / "half", MX_BACKUP_RECIPIENTS=str(backup.secret.to_public()))

    assert (told.code, "pg_dump did not end well" in told.sentence) == (1, True), told.err
    assert set(tmp_path.iterdir()) == before


def test_what_is_written_while_a_backup_is_made_is_not_in_it(
    shell: CommandLine, warehouse: WarehouseUnderTest
) -> None:
    secret = AGE.x25519.Identity.generate()
    recipients = {"MX_BACKUP_RECIPIENTS": str(secret.to_public())}
    settings = Settings.from_environment({**shell.environment, **recipients})
    into = BytesIO()

    with opened(settings, BACKUP_ROLE) as login, held(login) as moment:
        warehouse.has_merchant()
        backing_up.dump(settings, moment, into)

    assert moment.rows["mx_merchant_configs"] == 0
    assert f"Clinic {MERCHANT}".encode() not in _in_words(AGE.decrypt(into.getvalue(), [secret]))


def test_the_moment_is_held_however_long_the_dump_takes(warehouse: WarehouseUnderTest) -> None:
    with closing(Warehouse(warehouse.logins, BACKUP_ROLE)) as login, login.everyone(opening=HELD) as session:
        for limit in ("idle_in_transaction_session_timeout", "statement_timeout"):
            assert session.connection.exec_driver_sql(f"SHOW {limit}").scalar() == "0"


def test_programs_older_than_the_server_are_named_and_the_nearest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearer = tmp_path / "pg_dump"
    nearer.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 16.1'\n")
    nearer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert postgres_programs.find("pg_dump", server=15) == nearer
    assert postgres_programs.find("pg_dump", server=17) != nearer
    with pytest.raises(postgres_programs.LocalFailed, match="PostgreSQL 99, and pg_dump must not be older"):
        postgres_programs.find("pg_dump", server=99)


def _in_words(dump: bytes) -> bytes:
    """Uncompressed, as SQL."""
    program = postgres_programs.find("pg_restore", server=18)
    return subprocess.run([program, "--file=-"], input=dump, capture_output=True, check=True).stdout


def _is_empty(restored: WarehouseUnderTest) -> bool:
    return (
        restored.rows(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'mx'"
        )
        == []
    )
