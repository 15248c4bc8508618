"""A sync as five steps with plain words: what is done, out of how much; all of it only after commit and proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from mx_pipeline.operations.web.how_far import percent_of
from mx_pipeline.warehouse.watching import Watched

State: TypeAlias = Literal["done", "now", "waiting", "stopped"]

STATE_WORDS = MappingProxyType(
    {"done": "Done", "now": "In progress", "waiting": "Not yet", "stopped": "Stopped"}
)
TITLES = MappingProxyType(
    {
        "payments": "Read and save payments",
        "invoice_map": "Find their invoices",
        "invoice_details": "Read and save invoices",
        "enriched_transactions": "Match products to payments",
    }
)
"""The phases, in their order."""
COUNTED = MappingProxyType(
    {
        "payments": "payments saved",
        "invoice_map": "found in the invoice list",
        "invoice_details": "invoices and receipts read",
    }
)
PROOF = "Check against MX Merchant"


@dataclass(frozen=True)
class Step:
    """One line of the list."""

    name: str
    title: str
    state: State
    words: str
    """How far, with both numbers where both are known."""
    done: int = 0
    of: int | None = None

    @property
    def state_word(self) -> str:
        """Beside the icon, so that no colour stands alone."""
        return STATE_WORDS[self.state]


@dataclass(frozen=True)
class Course:
    """All steps, and how far they are together."""

    steps: tuple[Step, ...]
    percent: int

    @property
    def now(self) -> Step | None:
        """The one under way."""
        return next((step for step in self.steps if step.state == "now"), None)


def course_of(watched: Watched) -> Course:
    """The steps of a sync, as far as they have come; a dry run has none, for it stores nothing."""
    if watched.dry_run:
        return Course((), percent_of(watched))
    names = list(TITLES)
    has_proof = bool(watched.certificates)
    at = _at(watched, names)
    steps = [_step(name, _state(place, at, watched), watched) for place, name in enumerate(names)]
    steps.append(_proof(watched, is_there=has_proof, is_next=at == len(names)))
    return Course(tuple(steps), percent_of(watched))


def _at(watched: Watched, names: Sequence[str]) -> int:
    """The place of the phase under way; the first where none has begun, beyond the last where all are over."""
    if watched.phase in names:
        return names.index(watched.phase)
    return 0 if watched.run_finished_at is None else len(names)


def _state(place: int, at: int, watched: Watched) -> State:
    if watched.is_done:
        ended = watched.outcome in ("success", "partial") and bool(watched.certificates)
        has_begun = list(TITLES)[place] in watched.progress
        return "done" if ended else "stopped" if has_begun else "waiting"
    if place == at and watched.run_id is not None:
        return "now"
    return "done" if place < at else "waiting"


def _step(name: str, state: State, watched: Watched) -> Step:
    told = watched.progress.get(name, {})
    done, of = told.get("done") or 0, told.get("of")
    return Step(name, TITLES[name], state, _words(name, state, done, of), done, of)


def _words(name: str, state: State, done: int, of: int | None) -> str:
    counted = COUNTED.get(name)
    if counted is None or (state == "waiting" and not done):
        return ""
    if of is None:
        return f"{done:,} {counted} so far"
    if of == 0:
        return "Nothing to do"
    return f"{done:,} of {of:,} {counted}"


def _proof(watched: Watched, *, is_there: bool, is_next: bool) -> Step:
    if is_there:
        made = next(
            (one for one in watched.certificates if one["stream"] == "payments"), watched.certificates[0]
        )
        words = f"{made['our_count']:,} held here"
        if made["source_count"] is not None:
            words += f", {made['source_count']:,} at MX Merchant"
        return Step("proof", PROOF, "done" if watched.is_done else "now", words)
    is_now = is_next and not watched.is_done and watched.run_id is not None
    return Step("proof", PROOF, "now" if is_now else "waiting", "")
