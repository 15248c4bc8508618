"""
How the server behaves besides telling the truth: caps, latency, and rules that answer in its place.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal

import msgspec

DEFAULT_LIMIT: Final = 10


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set for the server, and one for each merchant that differs from it."""

    payment_page_cap: int = 1_000
    """More than this is never sent, and nobody is told."""
    invoice_page_cap: int = 1_000
    latency_ms: float = 0
    not_found: Literal["text404", "json404", "unauthorized"] = "unauthorized"
    """Plain text, JSON under 404, or JSON under 401; the JSON's errorCode is Unauthorized (mx_api.md 9.6)."""
    list_invoice_ids: bool = False
    created_filter: Literal["ignored", "equality"] = "ignored"
    """`created=YYYY-MM-DD` on lists: without effect, or the UTC date of `created`."""
    drift_after_calls: int = 0
    """Once this many payment lists were answered, `drift_payments` new payments come in, once."""
    drift_payments: int = 0
    gzip: bool = False
    one_subscription_per_event: bool = False
    """Another address for the same event is a duplicate too; the paper does not say."""


class Asked(msgspec.Struct, frozen=True):
    """One request, as far as rules look at it."""

    endpoint: str
    """payments, payment, invoices, invoice, invoicepayment, merchants, setting or unknown."""
    merchant_id: int | None
    record_id: str | None
    target: str


class Answer(msgspec.Struct, kw_only=True):
    """What goes back: a rule may change any of it, or replace it."""

    status: int = 200
    body: bytes = b""
    content_type: bytes = b"application/json; charset=utf-8"
    headers: list[tuple[bytes, bytes]] = []
    delay_seconds: float = 0
    pieces: list[tuple[float, bytes]] | None = None
    """Instead of the body: what to send after waiting so many seconds; for slow or broken bodies."""
    content_length: int | None = None
    """A lie about the length; None tells the truth, or nothing where there are pieces."""


Act = Callable[[Asked, Answer], Awaitable[Answer]]


class Rule(msgspec.Struct, kw_only=True):
    """
    The seam for faults: let the first `skip` matching requests pass, then act on the next `times`.

    Rules are tried in order; the first that acts is the only one that does.
    """

    act: Act
    endpoint: str | None = None
    merchant_id: int | None = None
    record_id: str | None = None
    skip: int = 0
    times: int | None = None
    name: str = ""
    seen: int = 0

    def wants(self, asked: Asked) -> bool:
        if self.endpoint is not None and self.endpoint != asked.endpoint:
            return False
        if self.merchant_id is not None and self.merchant_id != asked.merchant_id:
            return False
        if self.record_id is not None and self.record_id != asked.record_id:
            return False
        self.seen += 1
        return self.seen > self.skip and (self.times is None or self.seen <= self.skip + self.times)


class FixedAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that can be said in JSON: this answer, late or at once; without a status only late."""

    endpoint: str | None = None
    merchant_id: int | None = None
    record_id: str | None = None
    skip: int = 0
    times: int | None = None
    name: str = ""
    status: int | None = None
    body: str = ""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = {}
    delay_ms: float = 0

    def as_rule(self) -> Rule:
        async def act(_: Asked, answer: Answer) -> Answer:
            if self.status is None:
                answer.delay_seconds += self.delay_ms / 1_000
                return answer
            return Answer(
                status=self.status,
                body=self.body.encode(),
                content_type=self.content_type.encode(),
                headers=[(name.lower().encode(), value.encode()) for name, value in self.headers.items()],
                delay_seconds=self.delay_ms / 1_000,
            )

        return Rule(
            act=act, endpoint=self.endpoint, merchant_id=self.merchant_id, record_id=self.record_id,
            skip=self.skip, times=self.times, name=self.name,
        )  # fmt: skip


def rule_for(rules: Iterable[Rule], asked: Asked) -> Rule | None:
    return next((rule for rule in rules if rule.wants(asked)), None)
