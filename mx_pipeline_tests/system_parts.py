"""
What the tests marked `system` need from the system's packages: `python -m mx_pipeline_tests.system_parts [--packages]`.

Says in one sentence what is missing, and fails; `--packages` prints only the names of Debian's packages.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
PGBOUNCER = ("/usr/sbin", "/usr/bin", "/usr/local/bin")


def pgbouncer() -> Path | None:
    """Debian keeps it where only an administrator's PATH looks."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path=":".join(PGBOUNCER))
    return Path(found) if found else None


def postgres_15() -> Path | None:
    """The folder of its programs."""
    return POSTGRES_15 if (POSTGRES_15 / "postgres").exists() else None


def chromium() -> Path | None:
    """The browser that the pages are looked at with."""
    found = shutil.which("chromium")
    return Path(found) if found else None


def redis_server() -> Path | None:
    """What carries Dagster's runs to the workers of several machines."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def ip() -> Path | None:
    """Debian keeps it where only an administrator's PATH looks."""
    found = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin")
    return Path(found) if found else None


PARTS = {
    "pgbouncer": pgbouncer,
    "postgresql-15": postgres_15,
    "chromium": chromium,
    "redis-server": redis_server,
    "iproute2": ip,
}
"""Debian's package, and what looks for the program."""


def missing() -> list[str]:
    """The packages that are not installed."""
    return [package for package, look in PARTS.items() if look() is None]


def main() -> None:
    absent = missing()
    if "--packages" in sys.argv:
        print(" ".join(absent))  # noqa: T201
    elif absent:
        sys.exit(f"make test-system needs {' and '.join(absent)}: sudo apt-get install {' '.join(absent)}")


if __name__ == "__main__":
    main()
