"""How far each phase of a running sync is: what is committed, out of what there is to do, as far as that is known."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from mx_pipeline.sync.orders import Phase
from mx_pipeline.warehouse.rows import json

TELL_EVERY_SECONDS = 0.25
"""Nobody sees more; a row is written with the page that it counts, at the cost of one statement."""


@dataclass
class Progress:
    """Counts committed rows; whoever watches sees a count only once what it counts is there."""

    done: dict[Phase, int] = field(default_factory=dict[Phase, int])
    of: dict[Phase, int | None] = field(default_factory=dict[Phase, int | None])
    """None where it is known only at the end: an incremental sync stops where all is known and unchanged."""
    _told_at: float = 0.0

    def expects(self, phase: Phase, of: int | None) -> None:
        """The phase is done when it has come so far."""
        self.of[phase] = of

    def expects_more(self, phase: Phase, more: int) -> None:
        """What is still to be done grew: an answer can raise the next question."""
        self.of[phase] = (self.of.get(phase) or 0) + more

    def add(self, phase: Phase, done: int) -> None:
        """So much more is committed."""
        self.done[phase] = self.done.get(phase, 0) + done

    def ended(self, phase: Phase) -> None:
        """Where the end was not known before, what was done is what there was to do."""
        done = self.done.setdefault(phase, 0)
        if self.of.get(phase) is None:
            self.of[phase] = done

    def is_worth_telling(self, phase: Phase, done: int) -> bool:
        """Now and then, and at the end of a phase that knows its end."""
        now = time.monotonic()
        if now - self._told_at < TELL_EVERY_SECONDS and done != self.of.get(phase):
            return False
        self._told_at = now
        return True

    def as_json(self, phase: Phase | None = None, done: int = 0) -> str:
        """For `mx.sync_runs.progress`; with what the transaction itself adds to one phase."""
        known = self.done if phase is None else {**self.done, phase: done}
        return json(
            {
                one.value: _pair(known.get(one, 0), self.of.get(one))
                for one in Phase
                if one in known or one in self.of
            }
        )


def _pair(done: int, of: int | None) -> dict[str, int | None]:
    """Rows that were read twice, because the list moved, count once more than there are."""
    return {"done": done if of is None else min(done, of), "of": of}
