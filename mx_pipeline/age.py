"""Encrypts streams to public keys, in the format of age (age-encryption.org/v1), and opens them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from mx_pipeline.errors import BadInput, BadSettings, SealBroken

IDENTITY = "AGE-SECRET-KEY-1"


class Source(Protocol):
    """What can be read to its end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Sink(Protocol):
    """What can be written to."""

    def write(self, part: bytes, /) -> object: ...


def recipients_of(text: str, *, variable: str) -> tuple[str, ...]:
    """Public keys as an environment variable gives them. Raises BadSettings, which repeats none."""
    age = _age()
    found = tuple(word for part in text.split(",") if (word := part.strip()))
    for number, word in enumerate(found, start=1):
        try:
            age.x25519.Recipient.from_str(word)
        except age.RecipientError:
            # Not quoted: who mixes the two up has put the secret one there.
            raise BadSettings(
                f"key {number} in {variable} is no public key of age: it must look like age1..., as age-keygen -y "
                "prints it; the secret identity never belongs there"
            ) from None
    return found


def identities_of(text: str) -> tuple[str, ...]:
    """The secret identities in a file that age-keygen wrote. Raises BadInput, which repeats nothing of it."""
    age = _age()
    found = tuple(line.strip() for line in text.splitlines() if line.strip().startswith(IDENTITY))
    try:
        for line in found:
            age.x25519.Identity.from_str(line)
    except age.IdentityError:
        found = ()
    if not found:
        raise BadInput("the identity file holds no identity of age: give the file that age-keygen wrote")
    return found


def encrypt(source: Source, sink: Sink, recipients: Sequence[str]) -> None:
    """All of the source, so that only these recipients open it."""
    age = _age()
    _through(age.encrypt_io, source, sink, [age.x25519.Recipient.from_str(word) for word in recipients])


def decrypt(source: Source, sink: Sink, identities: Sequence[str]) -> None:
    """Part after part, each known to be whole and in its place; only the return says that none is missing.

    Raises SealBroken.
    """
    age = _age()
    try:
        _through(age.decrypt_io, source, sink, [age.x25519.Identity.from_str(word) for word in identities])
    except _AgeRefused as error:
        if "No matching keys" in str(error):
            raise SealBroken(
                "the identity does not open this backup: it was encrypted to other recipients"
            ) from None
        raise SealBroken(
            f"the backup does not open ({error}): it was changed or cut short, or is no file of age; take another copy"
        ) from None


class _AgeRefused(Exception):
    """In the words of age."""


class _Watched:
    """Keeps what went wrong with our own streams: age would make a sentence of it, of Ctrl-C too."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.failure: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        return self._kept(self._stream.read, size)

    def write(self, part: bytes, /) -> int:
        self._kept(self._stream.write, part)
        return len(part)

    def flush(self) -> None:
        """Whoever opened the stream closes it."""

    def _kept(self, act: Callable[[Any], Any], what: object) -> Any:
        try:
            return act(what)
        except BaseException as error:
            self.failure = error
            raise


def _through(act: Callable[..., None], source: Source, sink: Sink, keys: Sequence[object]) -> None:
    reading, writing = _Watched(source), _Watched(sink)
    try:
        act(reading, writing, keys)
    except Exception as error:  # its errors have no root of their own
        failure = reading.failure or writing.failure
        if failure is not None:
            raise failure from None
        raise _AgeRefused(str(error)) from None


def _age() -> Any:
    # Loaded when a backup is made or opened; it comes without types.
    return import_module("pyrage")
