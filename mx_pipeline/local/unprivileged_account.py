"""The account that root lends the server, since Postgres refuses to run as root."""

import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed

ACCOUNTS = ("postgres", "nobody")
CANNOT_RUN = 126


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody with no rights to speak of."""

    name: str
    uid: int
    gid: int

    def can_enter(self, directory: Path) -> bool:
        """Tried, not computed from modes: access lists and mounts have their say."""
        answer = run_as(self, ["test", "-x", str(directory)])
        if answer.returncode == CANNOT_RUN:
            raise LocalPostgresFailed(
                f"Postgres refuses to run as root, and root cannot run programs as {self.name} here: "
                f"{answer.stdout.strip()}. Allow it (a container needs SETUID and SETGID), or start this as "
                "an ordinary user."
            )
        return answer.returncode == 0

    def can_read(self, file: Path) -> bool:
        return run_as(self, ["test", "-r", str(file)]).returncode == 0


def find_account() -> Account:
    """The first of ACCOUNTS that this machine has."""
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise LocalPostgresFailed(
        f"Postgres refuses to run as root, and this machine has none of the accounts {', '.join(ACCOUNTS)}. "
        "Add one (useradd --system postgres), or start this as an ordinary user."
    )


def account_of(path: Path) -> Account:
    """Whoever owns the files: an account added to the machine later must not lock us out of our data."""
    owner = path.stat()
    return Account(name=f"user {owner.st_uid}", uid=owner.st_uid, gid=owner.st_gid)


def run_as(
    account: Account | None,
    command: Sequence[str],
    *,
    environment: dict[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run to the end as `account` (None: as ourselves), in / because it may not be let in where we are."""
    try:
        return subprocess.run(
            command,
            check=False,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=pass_fds,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        # The program cannot be reached by the account, or (a container with one uid) nobody may become it.
        return subprocess.CompletedProcess(command, CANNOT_RUN, stdout=f"{error}\n")
