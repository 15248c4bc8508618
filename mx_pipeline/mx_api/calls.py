"""What one call to the vendor may cost, what is told about it, and who may hold it back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, TypeAlias

import msgspec

Endpoint: TypeAlias = Literal[
    "payment_list",
    "payment_detail",
    "invoice_list",
    "invoice_detail",
    "further_list",
    "credentials",
    "subscription",
]


class CallLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long, how large and how often; each limit holds for one HTTP request unless it says otherwise."""

    connect_timeout_seconds: float = 5
    """Per address of the vendor's host; a TLS handshake has as long again."""
    total_deadline_seconds: float = 30
    """From before the connection until the last byte, however slowly the bytes drip."""
    body_cap_bytes: int = 20_000_000
    """Of the decoded body; the largest page seen (1,000 payments) is 1 to 2 MB."""
    tries: int = 5
    tries_after_nonsense: int = 3
    """After a body that was cut, or a web page: what is wrong there seldom mends within seconds."""
    backoff_base_seconds: float = 0.5
    backoff_cap_seconds: float = 20
    recheck_seconds: float = 1
    """Before MX is asked once more about a record that it denied, or whether it really refuses a key it took."""
    retry_after_cap_seconds: float = 60
    """If MX asks for a longer pause, the caller is told at once instead of waiting here."""
    outage_patience_seconds: float = 60
    """How long calls wait for a vendor that answers nobody, before their callers are told."""
    breaker_failures: int = 5
    """So many in a row, and the vendor is asked rarely and by one call at a time."""
    cool_down_seconds: float = 1
    """Before the first such call; doubled after each that fails."""
    cool_down_cap_seconds: float = 15


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request that was sent, successful or not; each retry is one more."""

    endpoint: Endpoint
    outcome: str
    """`ok`, or the code of the error that it ended in."""
    status: int | None
    """None where no whole answer came."""
    sent_at: float
    """`time.monotonic()` before it."""
    seconds: float
    """From taking a connection to the last byte of the body."""
    bytes: int
    """Of the decoded body; 0 where no whole answer came."""
    retry_after_seconds: float | None = None
    date: str | None = None
    """The answer's own Date header, as sent: the vendor's clock."""
    record_id: int | None = None
    """The one record that was asked for; None for a list."""


class OnCall(Protocol):
    """Told about every request, from whichever thread sent it; must be quick and must not raise."""

    def __call__(self, call: Call, /) -> None:
        """Take note of the call."""
        ...


class Gate(Protocol):
    """Decides when a request may go out. An adaptive budget, shared pauses and a breaker fit behind it."""

    def slot(self) -> AbstractContextManager[object]:
        """Wait for a place, keep it while one request is in flight; may raise MxUnavailable instead."""
        ...

    def take_now(self) -> Callable[[], object] | None:
        """A place without waiting, as what gives it back; None where that would mean to wait, or to raise."""
        ...

    def saw(self, call: Call) -> None:
        """Learn from how that request ended."""
        ...

    @property
    def ceiling(self) -> int:
        """More requests than this are never in flight; as many threads are worth having."""
        ...

    def outlasts(self) -> bool:
        """Whether the vendor fails everyone just now, and a further `slot()` waits for it to come back."""
        ...


class OpenGate:
    """Lets everything through and learns nothing."""

    def slot(self) -> AbstractContextManager[object]:
        """Never waits."""
        return _FREE

    def take_now(self) -> Callable[[], object]:
        """Always."""
        return _nothing

    def saw(self, call: Call) -> None:
        """Nothing to learn."""

    ceiling = 8

    def outlasts(self) -> bool:
        """Whoever has no tries left is told."""
        return False


_FREE = nullcontext()


def _nothing() -> None:
    """Nothing to give back."""


def heard_by_nobody(_call: Call, /) -> None:
    """The listener of a client that was given none."""
