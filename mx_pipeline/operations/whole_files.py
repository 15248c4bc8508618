"""Files that are there as a whole or not at all, and that only their owner reads."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mx_pipeline.errors import BadInput

ONLY_OURS = 0o600


@contextmanager
def whole_file(target: Path, *, replaces: bool) -> Generator[BinaryIO]:
    """A file beside the target that takes its name when all of it is on the disk. Raises BadInput."""
    check_target(target, replaces=replaces)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, ONLY_OURS)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
    except OSError as error:
        raise BadInput(
            f"{target} could not be written ({error.strerror}); nothing of it is there: give another place"
        ) from None


def check_target(target: Path, *, replaces: bool) -> None:
    """Before anything is asked for. Raises BadInput."""
    if target.is_dir() or (target.exists() and not replaces):
        raise BadInput(f"{target} is there already; give another name, or --replace")
    if not target.parent.is_dir():
        raise BadInput(f"there is no directory {target.parent}; make it first")


def sha256(path: Path) -> str:
    """Of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
