"""
What the work under way belongs to, so that a line of a log, a transaction and a run say so without being told.

Numbers and ids alone: no name and no secret is ever put here.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from os import urandom
from typing import TypedDict, Unpack

PLAIN_ID = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
"""As https://www.w3.org/TR/trace-context/ has it, version 00."""


@dataclass(frozen=True)
class Correlation:
    """Whatever of it is known; a new one for whoever knows more."""

    correlation_id: str | None = None
    """Of the HTTP call or the command that it all began with."""
    traceparent: str | None = None
    """The span of a trace that this is part of, where there is one."""
    merchant_id: int | None = None
    request_id: int | None = None
    """The sync request's number."""
    run_id: int | None = None
    """The sync run's number."""

    @cached_property
    def fields(self) -> dict[str, str | int]:
        """What is known of it, as a line of a log has it."""
        known = {
            "correlation_id": self.correlation_id,
            "merchant_id": self.merchant_id,
            "request_id": self.request_id,
            "run_id": self.run_id,
        }
        return {name: value for name, value in known.items() if value is not None}

    @cached_property
    def application(self) -> str:
        """What a transaction's `application_name` ends with; Postgres shows 63 letters of it, and logs all."""
        request = "" if self.request_id is None else f" #{self.request_id}"
        return request if self.correlation_id is None else f"{request} {self.correlation_id}"


class Known(TypedDict, total=False):
    """The fields of a correlation."""

    correlation_id: str | None
    traceparent: str | None
    merchant_id: int | None
    request_id: int | None
    run_id: int | None


_here: ContextVar[Correlation] = ContextVar("correlation", default=Correlation())  # noqa: B039 # it is frozen


def correlation() -> Correlation:
    """What the work of this thread or task belongs to."""
    return _here.get()


def carry_on(other: Correlation) -> None:
    """For a thread that works for another: it begins with what that one's work belongs to."""
    _here.set(other)


@contextmanager
def correlated(**known: Unpack[Known]) -> Generator[Correlation]:
    """For the length of the block, more is known."""
    token = _here.set(replace(_here.get(), **known))
    try:
        yield _here.get()
    finally:
        _here.reset(token)


def new_correlation_id() -> str:
    """One that nobody else has, in the form of a trace's."""
    return urandom(16).hex()


def plain_id(text: str | None) -> str | None:
    """A caller's own id, where it is a plain word."""
    return text if text is not None and PLAIN_ID.fullmatch(text) else None


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace that a `traceparent` names; None where it is none."""
    found = TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found else None
