"""A budget that several processes share: what it tells the others, and what it learns from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mx_pipeline.mx_api.budget import Budget
from mx_pipeline.mx_api.standing import News, Standing, Turn

if TYPE_CHECKING:
    from mx_pipeline.mx_api.calls import CallLimits


class SharedBudget(Budget):
    """Does no I/O: whoever keeps it carries `news` out and `learn` in, about once a second and when called."""

    def __init__(
        self, limits: CallLimits, *, start: float, ceiling: int, on_news: Callable[[], None]
    ) -> None:
        """`on_news`: told when the others should hear at once; must be quick, and must not call back."""
        super().__init__(limits, start=start, ceiling=ceiling)
        self._on_news = on_news
        self._news_turn: Turn | None = None
        self._news_pause_until: float | None = None
        self._wants_probe = False

    def hold(self, seconds: float) -> None:
        """Nothing goes out until the others have learned that there is one more to share with."""
        self._held_until = time.monotonic() + seconds

    @property
    def cool_down_seconds(self) -> float:
        """How long after the last failure the vendor is left alone."""
        return self._breaker.cool_down_seconds

    def news(self) -> News:
        """What the others should hear; it counts as told unless it is given back."""
        with self._changed:
            pause_until, turn = self._news_pause_until, self._news_turn
            grown, halved_to = self._level.told()
            self._news_turn = self._news_pause_until = None
            failed_probes = self._breaker.failed_probes
        return News(
            grown=grown,
            halved_to=halved_to,
            pause_seconds=0 if pause_until is None else max(0.0, pause_until - time.monotonic()),
            turn=turn,
            failed_probes=failed_probes,
        )

    def last_news(self) -> News:
        """The same, from who asks no more: a probe that it might have sent is for the others again."""
        with self._changed:
            if self._breaker.is_open and (self._may_probe or self._breaker.is_probing):
                self._may_probe, self._news_turn = False, "opened"
        return self.news()

    def give_back(self, news: News) -> None:
        """The others could not be told."""
        with self._changed:
            self._level.untold(news.grown, news.halved_to)
            self._news_turn = self._news_turn or news.turn
            if news.pause_seconds > 0 and self._news_pause_until is None:
                self._news_pause_until = time.monotonic() + news.pause_seconds

    def learn(self, standing: Standing) -> None:
        """Take over how all processes together stand."""
        now = time.monotonic()
        with self._changed:
            self._level.learn(standing.level, now, users=standing.users, rank=standing.rank)
            if standing.pause_seconds > 0:
                self._paused_until = max(self._paused_until, now + standing.pause_seconds)
            knows_better = self._news_turn is not None or self._may_probe or self._breaker.is_probing
            if standing.open_seconds is not None and not knows_better:
                opened_at = now - standing.open_seconds
                self._breaker.open(opened_at, now=now, failed_probes=standing.failed_probes)
            elif self._breaker.is_open and not knows_better:
                self._breaker.close()
            self._wants_probe = self._wants_probe and self._breaker.is_open
            self._changed.notify_all()

    @property
    def wants_probe(self) -> bool:
        """Whether a call waits for leave to find out if the vendor is back."""
        return self._wants_probe

    def grant_probe(self) -> None:
        """One call may go and find out."""
        with self._changed:
            self._wants_probe, self._may_probe = False, True
            self._changed.notify_all()

    def _ask_for_probe(self, left: float) -> float:
        if not self._wants_probe:
            self._wants_probe = True
            self._on_news()
        return left

    def _has_news(self, *, turn: Turn | None = None, pause_until: float | None = None) -> None:
        self._news_turn = turn or self._news_turn
        self._news_pause_until = pause_until or self._news_pause_until
        self._on_news()
