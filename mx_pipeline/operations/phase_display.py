"""Shows on a terminal which phase each running sync is in; elsewhere it shows nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress, TaskID


class PhaseDisplay:
    """A line per running merchant on stderr, gone when the work is done."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self.is_shown = sys.stderr.isatty()
        self._progress: Progress | None = None
        self._lines: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        """Begins to show, where there is a terminal."""
        if self.is_shown:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the terminal back."""
        if self._progress is not None:
            self._progress.stop()

    def show(self, phases: Mapping[int, str]) -> None:
        """The phases of the syncs that run now; the others' lines go."""
        if self._progress is None:
            return
        for merchant_id in [known for known in self._lines if known not in phases]:
            self._progress.remove_task(self._lines.pop(merchant_id))
        for merchant_id, phase in phases.items():
            words = f"merchant {merchant_id}: {phase.replace('_', ' ')}"
            if merchant_id not in self._lines:
                self._lines[merchant_id] = self._progress.add_task(words, total=None)
            else:
                self._progress.update(self._lines[merchant_id], description=words)
