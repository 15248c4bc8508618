"""Who the server runs as, and where, so that no directory is opened for it."""

import os
import stat
import sys
from pathlib import Path

import pytest

import mx_pipeline
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running
from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed
from mx_pipeline.local.postgres_binaries import LIBRARIES, PACKAGE, site_packages
from mx_pipeline.local.unprivileged_account import find_account
from mx_pipeline_tests.local.processes import another_user, ask, nothing_runs_under, url_said_by
from mx_pipeline_tests.local.throwaway_postgres import UNSAFE_AND_FAST

PROJECT = Path(mx_pipeline.__file__).parent.parent
# Ours may lie in root's own home; then the system's, if it is the same version.
PYTHONS = (Path(sys.executable), Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"))

only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run Postgres as somebody else")


def test_a_closed_parent_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    postgres = EmbeddedPostgres(closed / "home", settings=UNSAFE_AND_FAST)

    try:
        postgres.start()
        answer = ask(postgres.url(), "SELECT 1")
        place = (closed / "home" / "postgres").resolve()
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (closed, place, place / "data")]
    finally:
        postgres.remove()

    assert answer == 1
    assert modes == [0o700, 0o710 if os.geteuid() == 0 else 0o700, 0o700]
    assert not place.exists()
    assert list((closed / "home").iterdir()) == []


@only_as_root
def test_root_keeps_the_files_under_home_where_the_account_may_enter(home: Path) -> None:
    with running(home, settings=UNSAFE_AND_FAST):
        assert not (home / "postgres").is_symlink()
        assert (home / "postgres").stat().st_uid == 0
        assert (home / "postgres" / "data").stat().st_uid != 0


@only_as_root
def test_binaries_the_account_cannot_reach_are_copied_for_it(home: Path, tmp_path: Path) -> None:
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    for part in (PACKAGE, LIBRARIES[0]):
        (closed / part).symlink_to(site_packages() / part)

    with another_user(home, env={**os.environ, "PYTHONPATH": str(closed)}) as user:
        assert ask(url_said_by(user), "SELECT 1") == 1

    assert [path.name for path in (home / "postgres").glob("binaries-*")] == ["binaries-18.6"]


@only_as_root
def test_an_ordinary_user_needs_no_home_directory_and_no_account(new_home: Path) -> None:
    account = find_account()
    pythons = [python for python in PYTHONS if account.can_read(python)]
    if not (pythons and account.can_enter(PROJECT) and account.can_enter(site_packages())):
        pytest.skip("this project, or its Python, lies where no ordinary user may enter")
    home = new_home / "theirs"
    home.mkdir()
    os.chown(home, account.uid, account.gid)
    environment = {"PYTHONPATH": f"{PROJECT}{os.pathsep}{site_packages()}"}

    with another_user(
        home,
        python=pythons[0],
        env=environment,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    ) as user:
        answer = ask(url_said_by(user), "SELECT 1")
        user.communicate("that is all\n", timeout=10)

    assert answer == 1
    assert user.returncode == 0
    assert {path.stat().st_uid for path in (home / "postgres").iterdir()} == {account.uid}
    assert nothing_runs_under(home)
    with pytest.raises(LocalPostgresFailed, match="Start this as that user"):
        EmbeddedPostgres(home).start()


def test_a_link_that_is_not_ours_is_not_followed(new_home: Path, tmp_path: Path) -> None:
    (new_home / "postgres").symlink_to(tmp_path)

    with pytest.raises(LocalPostgresFailed, match=r"never made by mx_pipeline|is not a directory of user"):
        EmbeddedPostgres(new_home).start()

    assert list(tmp_path.iterdir()) == []
