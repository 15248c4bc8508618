"""
Where the embedded Postgres keeps its files, and as which account it runs.

An ordinary user keeps everything in `<home>/postgres`. So does root where the unprivileged account can reach
`<home>`; where it cannot (a parent of mode 700, which stays as it is), `<home>/postgres` is a link to a
directory of root's own elsewhere. Either directory belongs to us and lets nobody else in, but for the account
that has to pass through to its data.
"""

import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mx_pipeline.local.file_locks import held
from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed
from mx_pipeline.local.unprivileged_account import Account, account_of, find_account

# systemd empties /var/tmp of what nobody touched for 30 days, tables included: only if /var/lib is shut.
OUTSIDE_PARENTS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - mkdtemp makes the directory
OUTSIDE_PREFIX = "mx_pipeline-"
OURS_ALONE = 0o700
OURS_AND_PASSED_THROUGH = 0o710


@dataclass(frozen=True, kw_only=True)
class Place:
    """The files of one server. `account` is None for an ordinary user, who is the server."""

    directory: Path
    account: Account | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def connection(self) -> Path:
        """Port and password, mode 0600."""
        return self.directory / "connection.json"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def users_lock(self) -> Path:
        """Shared by all users; the keeper waits to have it alone."""
        return self.directory / "users.lock"

    @property
    def starting_lock(self) -> Path:
        return self.directory / "starting.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the keeper, the server and each of its children: free means that none of them lives."""
        return self.directory / "server.lock"


def existing_place(home: Path) -> Place | None:
    """The place as it is, for those who only look. Nothing is made, nobody's account is asked."""
    directory = home.absolute() / "postgres"
    return Place(directory=directory) if directory.is_dir() else None


def prepare_place(home: Path) -> Place:
    """The place, made if need be."""
    home = home.absolute()
    make_directories(home)
    directory = home / "postgres"
    with held(home):  # two processes at once must choose the same place
        if os.geteuid() != 0:
            if not directory.is_dir():
                make_directories(directory)
            _check_ours(directory)
            directory.chmod(OURS_ALONE)
            return Place(directory=directory)

        if not os.path.lexists(directory):
            _make_place_for(find_account(), home=home, directory=directory)
        real = _check_link(directory) if directory.is_symlink() else directory
        _check_ours(real)
        data = real / "data"
        account = account_of(data) if data.is_dir() else find_account()
        os.chown(real, 0, account.gid)
        real.chmod(OURS_AND_PASSED_THROUGH)
        _check_enters(account, real)
        return Place(directory=real, account=account)


def make_directories(directory: Path) -> None:
    """Like mkdir -p, but usable whatever the umask. What exists is left as it is."""
    if directory.is_dir():
        return
    make_directories(directory.parent)
    try:
        directory.mkdir()
    except FileExistsError:
        if not directory.is_dir():
            raise
        return
    directory.chmod(stat.S_IMODE(directory.stat().st_mode) | stat.S_IRWXU)


def _make_place_for(account: Account, *, home: Path, directory: Path) -> None:
    if account.can_enter(home):
        directory.mkdir()
        return
    for parent in OUTSIDE_PARENTS:
        if os.access(parent, os.W_OK) and account.can_enter(parent):
            # A fresh name each time: nobody can have laid a directory or a link in our way.
            outside = Path(tempfile.mkdtemp(prefix=OUTSIDE_PREFIX, dir=parent))
            (outside / "belongs-to.txt").write_text(f"{home}\n", encoding="utf-8", errors="surrogateescape")
            directory.symlink_to(outside)
            return
    raise LocalPostgresFailed(
        f"Postgres refuses to run as root, the account {account.name} may not enter {home}, and neither of "
        f"{', '.join(map(str, OUTSIDE_PARENTS))} can take its files. Set MX_HOME to a directory it may enter."
    )


def _check_link(link: Path) -> Path:
    """Follow only a link of our own making: what it names is used, and one day removed, by root."""
    target = link.readlink()
    if (
        target.parent in OUTSIDE_PARENTS
        and re.fullmatch(rf"{OUTSIDE_PREFIX}\w+", target.name)
        and link.is_dir()
    ):
        return target
    raise LocalPostgresFailed(
        f"{link} leads to {target}, which is no longer there or was never made by mx_pipeline. "
        f"Put the directory back, or remove the link to begin with an empty database."
    )


def _check_ours(directory: Path) -> None:
    found = directory.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
        return
    raise LocalPostgresFailed(
        f"{directory} is not a directory of user {os.geteuid()}, but of user {found.st_uid}. "
        "Start this as that user, or set MX_HOME to another directory."
    )


def _check_enters(account: Account, directory: Path) -> None:
    if account.can_enter(directory):
        return
    raise LocalPostgresFailed(
        f"Postgres refuses to run as root, and {account.name} may not enter {directory} (any more). "
        "Let it pass through the directories above again, or move the data to where it may."
    )
