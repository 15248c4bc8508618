"""What becomes of the server when its users, its keeper or itself are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running
from mx_pipeline_tests.local.processes import (
    another_user,
    ask,
    nothing_runs_under,
    postmaster_of,
    soon,
    url_said_by,
)
from mx_pipeline_tests.local.throwaway_postgres import UNSAFE_AND_FAST

# Safe on return, also from SIGKILL, which takes what an asynchronous commit has not written yet.
KEEP_42 = """
    SET synchronous_commit = on;
    DROP TABLE IF EXISTS kept;
    CREATE TABLE kept AS SELECT 42 AS answer;
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP])
def test_a_killed_owner_leaves_nothing_running(home: Path, ending: signal.Signals) -> None:
    with another_user(home, stderr=subprocess.DEVNULL, start_new_session=True) as owner:
        url_said_by(owner)

        os.killpg(owner.pid, ending)  # as a terminal does

        assert soon(lambda: nothing_runs_under(home))
    log = (home / "postgres" / "server.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


def test_a_killed_owner_does_not_take_the_server_from_others(home: Path) -> None:
    with another_user(home) as owner, running_beside(owner, home) as joined:
        owner.kill()
        owner.wait()

        assert ask(joined.url(), "SELECT pg_sleep(0.2) IS NOT NULL") is True
    assert nothing_runs_under(home)


def test_data_survives_a_killed_server(home: Path) -> None:
    with running(home, settings=UNSAFE_AND_FAST) as postgres:
        ask(postgres.url(), KEEP_42)
        os.kill(postmaster_of(home), signal.SIGKILL)

        postgres.start()

        assert ask(postgres.url(), "SELECT answer FROM kept") == 42


def test_data_survives_when_everything_is_killed(home: Path) -> None:
    with another_user(home) as owner:
        ask(url_said_by(owner), KEEP_42)
        for process in (keeper_of(home), postmaster_of(home), owner.pid):
            os.kill(process, signal.SIGKILL)

    with running(home, settings=UNSAFE_AND_FAST) as postgres:
        assert ask(postgres.url(), "SELECT answer FROM kept") == 42


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the server that its keeper died")
def test_a_server_does_not_outlive_its_keeper(home: Path) -> None:
    with running(home, settings=UNSAFE_AND_FAST) as postgres:
        os.kill(keeper_of(home), signal.SIGKILL)
        gone = soon(lambda: nothing_runs_under(home))

        postgres.start()

        assert gone
        assert postgres.is_running()
    assert nothing_runs_under(home)


def test_a_stale_process_id_that_now_is_somebody_else_fools_nobody(home: Path) -> None:
    data = home / "postgres" / "data"
    owner = data.stat()
    user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **user) as bystander:
        stale = data / "postmaster.pid"
        stale.write_text(
            f"{bystander.pid}\n{data}\n1700000000\n5432\n\n127.0.0.1\n  1234567   1234567\nready\n"
        )

        try:
            with running(home, settings=UNSAFE_AND_FAST) as postgres:
                answer = ask(postgres.url(), "SELECT 1")
            bystander_lives = bystander.poll() is None
        finally:
            bystander.kill()

    assert answer == 1
    assert bystander_lives


def running_beside(owner: "subprocess.Popen[str]", home: Path):
    url_said_by(owner)
    return running(home)


def keeper_of(home: Path) -> int:
    answer = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(postmaster_of(home))], check=True, capture_output=True, text=True
    )
    return int(answer.stdout)


def test_stopping_twice_or_unstarted_does_nothing(home: Path) -> None:
    postgres = EmbeddedPostgres(home, settings=UNSAFE_AND_FAST)
    postgres.stop()
    postgres.start()

    postgres.stop()
    postgres.stop()

    assert nothing_runs_under(home)
