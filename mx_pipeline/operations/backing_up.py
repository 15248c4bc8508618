"""Makes a backup: pg_dump of one moment, encrypted on its way, so that no byte of it is on a disk in plain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE
from typing import BinaryIO

import msgspec

from mx_pipeline import age
from mx_pipeline.errors import BadInput, WarehouseError
from mx_pipeline.operations import postgres_programs
from mx_pipeline.operations.at_work import Person
from mx_pipeline.operations.context import opened
from mx_pipeline.operations.whole_files import check_target, whole_file
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.backups import Held, held
from mx_pipeline.warehouse.logins import APP_ROLE, BACKUP_ROLE, logins_of

BESIDE = ".json"
"""Added to a backup's name for the file that says what must come back; it holds no value of a row."""
LOCK_WAIT = "60s"


@dataclass(frozen=True)
class Backup:
    """What a backup file holds."""

    file: str
    made_by: str
    made_at: str
    server: int
    schema_version: str
    sealing_key_id: str
    """Of the key that was in force: the merchants' API keys in it need it, or the one before it."""
    recipients: list[str]
    bytes: int
    sha256: str
    rows: Mapping[str, int]


class Hashed:
    """Counts and hashes what goes into the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.bytes = 0

    def write(self, part: bytes, /) -> None:
        self._file.write(part)
        self.hash.update(part)
        self.bytes += len(part)


def back_up(settings: Settings, person: Person, target: Path) -> Backup:
    """Write the file and what stands beside it. Raises BadInput, LocalFailed, WarehouseError."""
    beside = note_of(target)
    check_target(target, replaces=False)
    with (
        opened(settings, BACKUP_ROLE) as warehouse,
        held(warehouse) as moment,
        whole_file(target, replaces=False) as file,
    ):
        into = Hashed(file)
        dump(settings, moment, into)
        made = Backup(
            file=target.name,
            made_by=person.actor,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            server=moment.server,
            schema_version=moment.schema_version,
            sealing_key_id=settings.key().key_id,
            recipients=list(settings.recipients()),
            bytes=into.bytes,
            sha256=into.hash.hexdigest(),
            rows=moment.rows,
        )
        with whole_file(beside, replaces=True) as note:
            note.write(msgspec.json.format(msgspec.json.encode(made)))
        # Before the file gets its name: none is there that the record does not know.
        _record(settings, person, made)
    return made


def note_of(backup: Path) -> Path:
    """The file beside a backup."""
    return backup.with_name(backup.name + BESIDE)


def read_note(backup: Path) -> Backup:
    """What a backup must bring back. Raises BadInput."""
    path = note_of(backup)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Backup)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); it belongs beside the backup") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadInput(f"{path} is none that mx-pipeline backup writes") from None


def dump(settings: Settings, moment: Held, into: age.Sink) -> None:
    """That moment, whatever was written since, encrypted. Raises LocalFailed, WarehouseError."""
    url = logins_of(settings).url(BACKUP_ROLE)
    command = [
        postgres_programs.find("pg_dump", server=moment.server),
        "--format=custom",
        "--schema=mx",
        # By default it refuses to dump what policies guard; ours show this login every row.
        "--enable-row-security",
        f"--snapshot={moment.snapshot}",
        f"--lock-wait-timeout={LOCK_WAIT}",
        f"--dbname={postgres_programs.database_of(url)}",
    ]
    with postgres_programs.running(command, url, stdout=PIPE) as dumping:
        assert dumping.stdout is not None
        age.encrypt(dumping.stdout, into, settings.recipients())
        if dumping.wait() != 0:
            raise WarehouseError(
                f"pg_dump did not end well, so there is no backup: {postgres_programs.complaint(dumping)}"
            )


def _record(settings: Settings, person: Person, made: Backup) -> None:
    detail = {
        "rows": sum(made.rows.values()),
        "bytes": made.bytes,
        "sha256": made.sha256,
        "recipients": made.recipients,
    }
    with opened(settings, APP_ROLE) as app, app.everyone() as session:
        record(session, actor=person.actor, action="backup.made", detail=detail)
