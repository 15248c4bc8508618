"""
What took how long, as spans of a trace, for whoever records them; nobody does unless `seeing.tracing` is asked to.

A span's parent is the one that `correlation` names: so it goes along to other threads, and with a request to other
processes. Ids, counts and outcomes are told, never a name or a secret.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from mx_pipeline.correlation import correlated, correlation

Told: TypeAlias = "str | int | float | None"


class Span(Protocol):
    """Under way until its block ends."""

    def tell(self, attributes: Mapping[str, Told], *, name: str | None = None, failed: bool = False) -> None:
        """What is known by now; another name where that came out late."""
        ...


class Recorded(Span, Protocol):
    """One that is written down."""

    @property
    def traceparent(self) -> str:
        """By which others name it."""
        ...

    def end(self) -> None:
        """Now."""
        ...


class Recorder(Protocol):
    """Writes spans down."""

    def begin(self, name: str, parent: str | None, attributes: Mapping[str, Told]) -> Recorded:
        """A span that begins now."""
        ...


class _Unseen:
    """A span that nobody records."""

    def tell(self, attributes: Mapping[str, Told], *, name: str | None = None, failed: bool = False) -> None:
        """Nobody."""


_UNSEEN = _Unseen()
_recorders: list[Recorder] = []
"""None, or the one of this process."""


def record_with(recorder: Recorder) -> None:
    """For the rest of this process."""
    _recorders[:] = [recorder]


@contextmanager
def span(name: str, **attributes: Told) -> Generator[Span]:
    """For the length of the block. Of an error its kind is told."""
    if not _recorders:
        yield _UNSEEN
        return
    recorded = _recorders[0].begin(name, correlation().traceparent, attributes)
    try:
        with correlated(traceparent=recorded.traceparent):
            yield recorded
    except BaseException as error:
        recorded.tell({"error.type": type(error).__name__}, failed=True)
        raise
    finally:
        recorded.end()
