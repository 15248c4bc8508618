"""Locks that the kernel gives back when their holder dies, however it dies: flock on small files."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

EXCLUSIVE = fcntl.LOCK_EX
SHARED = fcntl.LOCK_SH


def open_lock(path: Path) -> int:
    """A descriptor of its own: two of them exclude each other, even inside one process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.fstat(descriptor).st_mode & 0o777 != 0o600 and os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, 0o600)  # the umask may have taken our own right away
    return descriptor


def is_free_for(descriptor: int, kind: int) -> bool:
    """Take the lock without waiting; False when somebody is in the way."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for(descriptor: int, kind: int) -> None:
    """Take the lock as soon as it can be had."""
    fcntl.flock(descriptor, kind)


def release(descriptor: int) -> None:
    """Unlock, then close: a forked child may still hold a copy of the descriptor, and with it the lock."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def held(path: Path, kind: int = EXCLUSIVE) -> Generator[None]:
    """Wait for the lock, and hold it for the length of a block. `path` may be a directory that exists."""
    descriptor = os.open(path, os.O_RDONLY) if path.is_dir() else open_lock(path)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Does anybody hold it exclusively? Asking leaves no trace; a missing file is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not is_free_for(descriptor, SHARED)
    finally:
        os.close(descriptor)
