"""The figures of all merchants together, for whoever watches the installation; as the dispatcher, who sees no data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mx_pipeline.warehouse.canary import last_look
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.freshness import freshness

OUTCOMES = ("running", "success", "partial", "failed", "cancelled", "rate_limited", "auth_failed")


@dataclass(frozen=True)
class Figure:
    """One number, with what tells it from others of its name."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def figures(session: Session, *, merchants: int) -> Iterator[Figure]:
    """All of this moment. At most `merchants` are named, by their number, the latest first."""
    for name, value in session.run("metrics", "fleet").mappings().one().items():
        yield Figure(f"mx_merchants_{name}" if name != "quarantined" else "mx_quarantined_records", value)
    for row in session.run("metrics", "queue"):
        lane = (("lane", str(row.lane)),)
        yield Figure("mx_requests_waiting", row.waiting, lane)
        yield Figure("mx_requests_oldest_wait_seconds", row.oldest_seconds, lane)
        yield Figure("mx_requests_unanswered", row.unanswered, lane)
        yield Figure("mx_requests_claimed", row.claimed, lane)
    runs = {row.outcome: row for row in session.run("metrics", "runs_of_last_hour")}
    for outcome in OUTCOMES:
        found = runs.get(outcome)
        yield Figure("mx_runs_last_hour", found.runs if found else 0, (("outcome", outcome),))
    yield Figure("mx_calls_last_hour", sum(row.calls for row in runs.values()))
    for name, value in session.run("metrics", "budgets").mappings().one().items():
        yield Figure(f"mx_budget_{name}", value)
    if (look := last_look(session)) is not None:
        yield Figure("mx_canary_well", int(look.is_well))
        yield Figure("mx_canary_age_seconds", look.seconds_ago)
    late = freshness(session)
    yield Figure("mx_merchants_late", sum(one.is_late for one in late))
    yield Figure("mx_freshness_worst_seconds", max((one.age_seconds for one in late), default=0.0))
    for one in late[:merchants]:
        merchant = (("merchant", str(one.merchant_id)),)
        yield Figure("mx_merchant_age_seconds", one.age_seconds, merchant)
        yield Figure("mx_merchant_may_be_seconds", one.may_be_seconds, merchant)
