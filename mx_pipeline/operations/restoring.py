"""Restores a backup into an empty database: all of it is known to be whole before its first row comes back."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO, BinaryIO

from mx_pipeline import age
from mx_pipeline.errors import AccessDenied, BadInput, BadSettings, WarehouseError
from mx_pipeline.operations import postgres_programs
from mx_pipeline.operations.backing_up import Backup, read_note
from mx_pipeline.operations.context import opened, operator
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.backups import clear_room, close_room, held, make_room
from mx_pipeline.warehouse.logins import APP_ROLE, BACKUP_ROLE, Logins, logins_of

LEFT_OUT = b" SCHEMA - mx "
"""In the list of contents: the schema is made before, with what the views' owner needs there."""


def restore(settings: Settings, backup: Path, identity: Path) -> Backup:
    """All of the backup, or the database as empty as before.

    Raises AccessDenied, BadInput, BadSettings, SealBroken, LocalFailed, WarehouseError.
    """
    if settings.token is not None:
        raise AccessDenied(
            "only the operator of this machine restores, without MX_TOKEN: an empty database knows nobody else"
        )
    if settings.is_embedded:
        raise BadSettings(
            "set MX_DATABASE_URL to the new, empty database that the backup is to come back into"
        )
    note = read_note(backup)
    logins = logins_of(settings)
    if note.sealing_key_id not in logins.known_keys().split():
        raise BadSettings(
            f"the merchants' API keys in this backup are sealed with the key {note.sealing_key_id}, which is not the "
            "one in MX_SEALING_KEY nor in MX_SEALING_KEY_PREVIOUS; set that one first"
        )
    identities = age.identities_of(_text(identity))
    with _opened(backup) as sealed, tempfile.TemporaryDirectory() as directory:
        contents = Path(directory, "contents")
        _check_whole(sealed, identities, contents, note.server)
        sealed.seek(0)
        server = make_room(logins)
        with _cleared_on_failure(logins):
            _fill(sealed, identities, contents, logins, server)
            close_room(logins)
            _compare(settings, note)
            with opened(settings, APP_ROLE) as app, app.everyone() as session:
                detail = {"rows": sum(note.rows.values()), "sha256": note.sha256}
                record(session, actor=operator(), action="backup.restored", detail=detail)
    return note


class _UntilClosed:
    """Writes for as long as the program reads, and takes the rest nowhere: it ends when it knows enough."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        self._pipe: IO[bytes] | None = pipe

    def write(self, part: bytes, /) -> None:
        if self._pipe is not None:
            try:
                self._pipe.write(part)
            except BrokenPipeError:
                self._pipe = None


def _check_whole(sealed: BinaryIO, identities: Sequence[str], contents: Path, server: int) -> None:
    """To its last byte, before the first row is restored; on the way its list of contents is read."""
    command = [postgres_programs.find("pg_restore", server=server), "--list"]
    with contents.open("w+b") as listed:
        with postgres_programs.running(command, stdin=PIPE, stdout=listed) as listing:
            age.decrypt(sealed, _UntilClosed(listing.stdin), identities)
            _end(listing)
        listed.seek(0)
        kept = [line for line in listed if LEFT_OUT not in line]
        listed.seek(0)
        listed.truncate()
        listed.writelines(kept)


def _fill(sealed: BinaryIO, identities: Sequence[str], contents: Path, logins: Logins, server: int) -> None:
    command = [
        postgres_programs.find("pg_restore", server=server),
        "--exit-on-error",
        "--single-transaction",
        f"--use-list={contents}",
        f"--dbname={postgres_programs.database_of(logins.admin)}",
    ]
    with postgres_programs.running(command, logins.admin, stdin=PIPE) as restoring:
        age.decrypt(sealed, _UntilClosed(restoring.stdin), identities)
        _end(restoring)


def _end(process: postgres_programs.Running) -> None:
    with suppress(BrokenPipeError):
        if process.stdin is not None:
            process.stdin.close()
    if process.wait() != 0:
        raise WarehouseError(
            f"pg_restore did not end well, so nothing was restored: {postgres_programs.complaint(process)}"
        )


def _compare(settings: Settings, note: Backup) -> None:
    with opened(settings, BACKUP_ROLE) as warehouse, held(warehouse) as restored:
        wrong = [
            f"{table}: {restored.rows.get(table)} instead of {note.rows.get(table)}"
            for table in sorted({*note.rows, *restored.rows})
            if restored.rows.get(table) != note.rows.get(table)
        ]
    if wrong:
        raise WarehouseError(
            f"the restored rows are not those of the backup, so they were taken away: {wrong[0]}"
        )


@contextmanager
def _cleared_on_failure(logins: Logins) -> Generator[None]:
    try:
        yield
    except BaseException as error:
        try:
            clear_room(logins)
        except WarehouseError:
            error.add_note("What came back so far could not be taken away; drop the database.")
        raise


@contextmanager
def _opened(backup: Path) -> Generator[BinaryIO]:
    try:
        file = backup.open("rb")
    except OSError as error:
        raise BadInput(f"{backup} cannot be read: {error.strerror}") from None
    with file:
        yield file


def _text(identity: Path) -> str:
    try:
        return identity.read_text(encoding="ascii")
    except (OSError, ValueError):
        raise BadInput(
            f"the identity {identity} cannot be read: give the file that age-keygen wrote"
        ) from None
