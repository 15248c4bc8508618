"""pg_dump and pg_restore: found, and run so that no password stands in a process list."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Literal, TypeAlias

from sqlalchemy import URL

from mx_pipeline.errors import LocalFailed
from mx_pipeline.operations.local_rooms import local_room

Program = Literal["pg_dump", "pg_restore"]
Running: TypeAlias = subprocess.Popen[bytes]
STDERR_LEFT = 10_000


def find(name: Program, *, server: int) -> Path:
    """The one nearest to the server's version and not older. Raises LocalFailed."""
    found = {path: version for path in _installed(name) if (version := _major(path)) is not None}
    fitting = [path for path, version in found.items() if version >= server]
    if not fitting:
        known = ", ".join(str(version) for version in found.values()) or "none"
        raise LocalFailed(
            f"the server is PostgreSQL {server}, and {name} must not be older than that; found here: {known}. "
            f"Install the client programs of PostgreSQL {server} and put their directory first in PATH"
        )
    return min(fitting, key=lambda path: found[path])


def database_of(url: URL) -> str:
    """An address as these programs read it, without its password."""
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return bare.render_as_string(hide_password=False)


@contextmanager
def running(
    command: Sequence[str | Path],
    url: URL | None = None,
    *,
    stdin: int | None = None,
    stdout: int | IO[bytes] | None = None,
) -> Generator[Running]:
    """Started; whatever goes wrong meanwhile ends it at once, before it could take half for the whole."""
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdin=stdin, stdout=stdout, env=_environment(url), cwd="/"
    )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            # Popen would flush into the closed pipe.
            with suppress(BrokenPipeError):
                if process.stdin is not None:
                    process.stdin.close()
            raise


def complaint(process: Running) -> str:
    """Its first line of an error. Of a table's rows only the table is told: the rest could quote a value."""
    assert process.stderr is not None
    lines = process.stderr.read(STDERR_LEFT).decode(errors="replace").splitlines()
    first = next((line for line in lines if "error:" in line), f"exit code {process.returncode}")
    copied = re.search(r'COPY failed for table "[^"]+"', first)
    return copied.group() if copied else first


def _installed(name: Program) -> Iterator[Path]:
    with suppress(LocalFailed):
        binaries = local_room("postgres_binaries")
        yield binaries.site_packages() / binaries.INSTALLATION / "bin" / name
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)


def _major(path: Path) -> int | None:
    try:
        told = subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"\d+", told)
    return int(version.group()) if version else None


def _environment(url: URL | None) -> dict[str, str]:
    """What libpq heeds in our own connections too, and none of our secrets but the password of this one."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MX_", "DAGSTER_"))}
    password = url.password if url is not None else None
    return {**ours, "LC_ALL": "C", **({"PGPASSWORD": str(password)} if password else {})}
