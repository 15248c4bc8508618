"""The embedded Postgres as its users see it: started, shared, stopped, and refused with a reason."""

import socket
import stat
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running
from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed
from mx_pipeline_tests.local.processes import another_user, ask, nothing_runs_under, url_said_by
from mx_pipeline_tests.local.throwaway_postgres import UNSAFE_AND_FAST, throwaway_postgres


def test_it_speaks_utf8_and_utc_and_listens_on_loopback_only(home: Path) -> None:
    with running(home, settings=UNSAFE_AND_FAST) as postgres:
        url = postgres.url()

        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW timezone") == "UTC"
        assert ask(url, "SELECT upper('ä')") == "Ä"
        assert ask(url, "SHOW listen_addresses") == "127.0.0.1"
        assert ask(url, "SHOW unix_socket_directories") == ""
        assert ask(url, "SHOW fsync") == "off"


def test_it_is_found_running_only_while_it_runs(home: Path) -> None:
    onlooker = EmbeddedPostgres(home)
    before = onlooker.is_running()

    with running(home, settings=UNSAFE_AND_FAST) as postgres:
        assert onlooker.is_running()
        assert onlooker.url("template1") == postgres.url("template1")

    assert not before
    assert not onlooker.is_running()
    assert nothing_runs_under(home)


def test_a_wrong_password_is_refused(home: Path) -> None:
    with running(home, settings=UNSAFE_AND_FAST) as postgres:
        password = make_url(postgres.url()).password
        assert password

        with pytest.raises(Exception, match="password authentication failed"):
            ask(postgres.url().replace(password, "guess"), "SELECT 1")


def test_the_last_user_out_stops_it(home: Path) -> None:
    first = EmbeddedPostgres(home, settings=UNSAFE_AND_FAST)
    first.start()
    with another_user(home) as second:
        url = url_said_by(second)

        first.stop()
        still_there = ask(url, "SELECT 1")
        second.communicate("that is all\n", timeout=10)

    assert still_there == 1
    assert second.returncode == 0
    assert nothing_runs_under(home)


def test_two_processes_that_start_it_at_once_share_one_server(new_home: Path) -> None:
    with another_user(new_home) as one, another_user(new_home) as other:
        url = url_said_by(one)

        assert url_said_by(other) == url
        assert ask(url, "SELECT 1") == 1


def test_a_database_is_created_once_and_from_a_template(home: Path) -> None:
    with running(home, settings=UNSAFE_AND_FAST) as postgres:
        ask(postgres.create_database("a template"), "CREATE TABLE kept AS SELECT 42 AS answer")
        postgres.create_database("copy", template="a template")
        url = postgres.create_database("copy", template="a template")

        assert ask(url, "SELECT answer FROM kept") == 42


def test_the_port_stays_the_same_until_somebody_else_takes_it(home: Path) -> None:
    def port_of_a_run() -> int | None:
        with running(home, settings=UNSAFE_AND_FAST) as postgres:
            return make_url(postgres.url()).port

    first, second = port_of_a_run(), port_of_a_run()
    with socket.create_server(("127.0.0.1", second or 0)):
        third = port_of_a_run()

    assert first == second
    assert third != second


@pytest.mark.parametrize("umask", ["000", "777"])
def test_the_password_is_for_our_eyes_only_whatever_the_umask(new_home: Path, umask: str) -> None:
    home = new_home / "below"

    with another_user(home, umask) as user:
        url_said_by(user)
        mode = (home / "postgres" / "connection.json").stat().st_mode
        user.communicate("that is all\n", timeout=10)
    leftovers = list((home / "postgres").glob("password*"))
    EmbeddedPostgres(home).remove()

    assert stat.S_IMODE(mode) == 0o600
    assert leftovers == []


def test_a_path_with_a_space_and_foreign_letters_will_do(new_home: Path) -> None:
    with running(new_home / "Zahlungen für ½ Jahr", settings=UNSAFE_AND_FAST) as postgres:
        assert ask(postgres.url(), "SELECT 1") == 1


def test_a_data_directory_made_half_is_never_trusted(new_home: Path) -> None:
    unfinished = new_home / "postgres" / "data-unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    with running(new_home, settings=UNSAFE_AND_FAST) as postgres:
        assert ask(postgres.url(), "SELECT 1") == 1

    assert not unfinished.exists()


def test_data_of_another_major_version_is_refused_and_kept(home: Path) -> None:
    version = home / "postgres" / "data" / "PG_VERSION"
    ours = version.read_text()

    version.write_text("17\n")
    with pytest.raises(LocalPostgresFailed, match=r"was made by PostgreSQL 17, .* brings PostgreSQL 18"):
        EmbeddedPostgres(home).start()
    version.write_text(ours)

    assert nothing_runs_under(home)
    assert (home / "postgres" / "data" / "base").is_dir()


def test_a_server_that_cannot_start_is_reported_with_its_own_words(home: Path) -> None:
    with pytest.raises(LocalPostgresFailed, match="max_connections"):
        EmbeddedPostgres(home, settings={"max_connections": "many"}).start()

    assert nothing_runs_under(home)


def test_a_home_that_cannot_be_written_is_reported(new_home: Path) -> None:
    (new_home / "file").touch()

    with pytest.raises(LocalPostgresFailed, match="set MX_HOME to another directory"):
        EmbeddedPostgres(new_home / "file" / "home").start()


def test_removing_it_is_refused_while_others_use_it(new_home: Path) -> None:
    with (
        running(new_home, settings=UNSAFE_AND_FAST),
        pytest.raises(LocalPostgresFailed, match="Others still use"),
    ):
        EmbeddedPostgres(new_home).remove()

    EmbeddedPostgres(new_home).remove()

    assert not (new_home / "postgres").exists()


def test_the_throwaway_server_leaves_nothing() -> None:
    with throwaway_postgres(max_connections="17") as postgres:
        assert ask(postgres.url(), "SHOW max_connections") == "17"

    assert not postgres.home.exists()
