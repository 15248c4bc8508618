"""Asks for the next pages of a list while the last one is written, where the list is read to its end anyway."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

from mx_pipeline.correlation import carry_on, correlation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from typing import Self

    from mx_pipeline.mx_api.page import Ask

A = TypeVar("A")


class ReadingAhead(Generic[A]):
    """Answers that are under way, in the order in which the walk is expected to want them."""

    def __init__(self, fetch: Callable[[Ask], A], pages: int) -> None:
        """`pages`: so many are under way at once; none where it is 0."""
        self._fetch = fetch
        self._under_way: deque[tuple[Ask, Future[A]]] = deque()
        whose = (correlation(),)
        self._pool = (
            ThreadPoolExecutor(
                pages, thread_name_prefix="reading-ahead", initializer=carry_on, initargs=whose
            )
            if pages
            else None
        )

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def close(self) -> None:
        """Nothing is under way any more."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def answer(self, ask: Ask) -> A:
        """The answer to this ask, begun or not. If something else was expected, all of that is forgotten."""
        if self._under_way and self._under_way[0][0] == ask:
            return self._under_way.popleft()[1].result()
        self.forget()
        return self._fetch(ask)

    def expect(self, asks: Iterable[Ask]) -> None:
        """Begin with what is not under way yet."""
        if self._pool is None:
            return
        known = len(self._under_way)
        for place, ask in enumerate(asks):
            if place < known and self._under_way[place][0] != ask:
                self.forget()
                known = 0
            if place >= known:
                self._under_way.append((ask, self._pool.submit(self._fetch, ask)))

    def forget(self) -> None:
        """The list has changed: these answers may be older than the change."""
        while self._under_way:
            self._under_way.popleft()[1].cancel()
