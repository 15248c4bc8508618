"""The schema is what the page says, whoever migrates it, however often."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import psycopg2
import pytest
from sqlalchemy import make_url

from mx_pipeline.errors import UnsafeRole, WarehouseError, WarehouseNotReady, WarehouseUnavailable
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.local.postgres_binaries import site_packages
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse import migrations
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import DRIVER, LOADER_ROLE, LOGIN_ROLES, Logins
from mx_pipeline.warehouse.merchants import get_merchant
from mx_pipeline.warehouse.migrate import migrate, newest
from mx_pipeline.warehouse.statements import sql_text
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

NOT_OF_THE_PAGE = ("mx.migration_checksums", "mx.alembic_version")


@pytest.fixture
def empty(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database."""
    name = f"empty_{abs(hash(request.node.name)) % 10**9}"
    yield postgres.create_database(name)
    _as_superuser(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def test_the_page_a_human_reads_is_what_the_migrations_build(
    postgres: EmbeddedPostgres, empty: str, template: str, sealing_key: SealingKey
) -> None:
    with closing(psycopg2.connect(empty)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA mx AUTHORIZATION mx_owner; SET ROLE mx_owner")
        cursor.execute(sql_text("schema.sql"))

    assert _dumped(empty) == _dumped(postgres.url(template))


def test_migrating_again_changes_nothing(empty: str, sealing_key: SealingKey) -> None:
    logins = _logins(empty, sealing_key)

    first, second = migrate(logins), migrate(logins)

    assert (first.before, first.after) == (None, newest())
    assert (second.before, second.after) == (newest(), newest())


def test_two_migrations_at_once_take_turns(empty: str, sealing_key: SealingKey) -> None:
    failures: list[Exception] = []

    def run() -> None:
        try:
            migrate(_logins(empty, sealing_key))
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_an_edited_migration_is_refused(empty: str, sealing_key: SealingKey) -> None:
    migrate(_logins(empty, sealing_key))
    with closing(psycopg2.connect(empty)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE mx.migration_checksums SET checksum = 'another'")

    with pytest.raises(WarehouseError, match="migration 0001 was edited"):
        migrate(_logins(empty, sealing_key))


def test_a_newer_schema_is_refused(empty: str, sealing_key: SealingKey) -> None:
    migrate(_logins(empty, sealing_key))
    with closing(psycopg2.connect(empty)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO mx.migration_checksums (number, checksum) VALUES ('9999', 'x')")

    with pytest.raises(WarehouseNotReady, match="newer mx_pipeline"):
        migrate(_logins(empty, sealing_key))


def test_an_admin_who_is_no_superuser_can_migrate_and_read(
    postgres: EmbeddedPostgres, empty: str, sealing_key: SealingKey
) -> None:
    name = make_url(empty).database
    with _plain_admin(postgres, name) as admin:
        migrate(_logins(admin, sealing_key))
        migrate(_logins(admin, sealing_key))

        with closing(psycopg2.connect(admin)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM mx.transactions")
            assert cursor.fetchone() == (0,)


def test_an_admin_without_the_right_to_make_roles_is_told_what_to_grant(
    postgres: EmbeddedPostgres, empty: str, sealing_key: SealingKey
) -> None:
    name = make_url(empty).database
    with (
        _plain_admin(postgres, name, powers="LOGIN") as admin,
        pytest.raises(WarehouseNotReady, match="CREATEROLE"),
    ):
        migrate(_logins(admin, sealing_key))


def test_every_migration_has_its_text_and_a_stable_checksum() -> None:
    assert len(migrations.checksum("0001")) == 64
    with pytest.raises(LookupError):
        migrations.migration_sql("9999")


def test_no_run_time_role_bypasses_row_level_security(postgres: EmbeddedPostgres, template: str) -> None:
    with closing(psycopg2.connect(postgres.url())) as connection, connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM pg_roles
                WHERE rolname = ANY (%s) AND NOT rolsuper AND NOT rolbypassrls AND rolcanlogin
                  AND NOT pg_has_role(rolname, 'mx_owner', 'MEMBER')""",
            (list(LOGIN_ROLES),),
        )
        assert cursor.fetchone() == (len(LOGIN_ROLES),)


def test_a_superuser_is_refused_as_a_run_time_role(database_url: str, sealing_key: SealingKey) -> None:
    url = make_url(database_url).set(drivername=DRIVER)
    superuser = Warehouse(Logins(url, sealing_key, overrides={LOADER_ROLE: url}), LOADER_ROLE)

    with pytest.raises(UnsafeRole, match="bypasses row-level security"), superuser.merchant(MERCHANT):
        pass
    superuser.close()


def test_an_unmigrated_database_says_so(empty: str, template: str, sealing_key: SealingKey) -> None:
    warehouse = Warehouse(_logins(empty, sealing_key), LOADER_ROLE)

    with (
        pytest.raises(WarehouseNotReady, match="mx-pipeline migrate"),
        warehouse.merchant(MERCHANT) as tenant,
    ):
        get_merchant(tenant)
    warehouse.close()


def test_another_sealing_key_cannot_log_in_and_the_message_says_why(database_url: str) -> None:
    warehouse = Warehouse(_logins(database_url, SealingKey.generate()), LOADER_ROLE)

    with pytest.raises(WarehouseNotReady, match="MX_SEALING_KEY"), warehouse.merchant(MERCHANT):
        pass
    warehouse.close()


def test_an_unreachable_database_is_one_clear_sentence(sealing_key: SealingKey) -> None:
    warehouse = Warehouse(_logins("postgresql://nobody:x@127.0.0.1:9/none", sealing_key), LOADER_ROLE)

    with pytest.raises(WarehouseUnavailable, match="cannot be reached"), warehouse.merchant(MERCHANT):
        pass
    warehouse.close()


def _logins(url: str, key: SealingKey) -> Logins:
    return Logins(make_url(url).set(drivername=DRIVER), key)


def _dumped(url: str) -> list[str]:
    """Every statement of the schema, without pg_dump's random session key and the runner's own tables."""
    dump = subprocess.run(
        [site_packages() / "embedded_postgres/pginstall/bin/pg_dump", "--schema-only", "--schema=mx", url],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line for line in dump.stdout.splitlines() if not line.startswith("\\")]
    statements = "\n".join(lines).split(";\n")
    return sorted(part.strip() for part in statements if not any(name in part for name in NOT_OF_THE_PAGE))


def _as_superuser(postgres: EmbeddedPostgres, *statements: str) -> None:
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


class _plain_admin:  # noqa: N801 # used as a context, reads as a verb
    """A login that may make roles and owns the database, and is no superuser."""

    def __init__(
        self, postgres: EmbeddedPostgres, database: str | None, *, powers: str = "LOGIN CREATEROLE"
    ) -> None:
        self.postgres, self.database, self.powers = postgres, database, powers

    def __enter__(self) -> str:
        _as_superuser(
            self.postgres,
            f"CREATE ROLE plain_admin {self.powers} PASSWORD 'plain'",
            f"ALTER DATABASE {self.database} OWNER TO plain_admin",
        )
        if "CREATEROLE" in self.powers:
            # Roles are the cluster's, and the session's other databases have made them already.
            for role in ("mx_owner", *LOGIN_ROLES):
                _as_superuser(self.postgres, f"GRANT {role} TO plain_admin WITH ADMIN OPTION")
        url = make_url(self.postgres.url(self.database or "")).set(username="plain_admin", password="plain")
        return url.render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        _as_superuser(
            self.postgres,
            f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)",
            f"CREATE DATABASE {self.database}",
            "DROP OWNED BY plain_admin CASCADE",
            "DROP ROLE plain_admin",
        )
