"""A question to MX, and one that was sent and whose answer is on its way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

from mx_pipeline.mx_api.exchange import head_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mx_pipeline.mx_api.answers import Answer, Asked
    from mx_pipeline.mx_api.credential import Credential
    from mx_pipeline.mx_api.exchange import Head
    from mx_pipeline.mx_api.line import Line

T = TypeVar("T")


class Question(Generic[T]):
    """What is asked, where, and what is made of the answer."""

    __slots__ = ("asked", "path_and_query", "read")

    def __init__(self, asked: Asked, path_and_query: str, read: Callable[[Answer], T]) -> None:
        """An MxUnavailable from `read`, too, is worth another try."""
        self.asked, self.path_and_query, self.read = asked, path_and_query, read


class InTheAir(Generic[T]):
    """One question that was sent and holds a place, and what has come of its answer."""

    __slots__ = (
        "credential",
        "ends_at",
        "give_place",
        "head",
        "line",
        "parts",
        "question",
        "size",
        "started",
        "trouble",
    )

    def __init__(
        self, question: Question[T], credential: Credential, line: Line, give_place: Callable[[], object]
    ) -> None:
        """Sent now."""
        self.question, self.credential, self.line, self.give_place = question, credential, line, give_place
        self.started = self.ends_at = time.monotonic()
        self.parts: list[bytes] = []
        self.size = 0
        self.head: Head | None = None
        self.trouble: OSError | None = None

    @property
    def is_usual(self) -> bool:
        """It has ended, or has come as nearly all answers do: whole, and with nothing behind it."""
        return self.trouble is not None or (self.head is not None and self.head.whole_bytes == self.size)

    def receive(self) -> bool:
        """Take what has come. True where nothing more will, or where it is none of the usual answers."""
        try:
            while (part := self.line.receive_now()) is not None:
                self.parts.append(part)
                self.size += len(part)
                if self.head is None:
                    self.head = head_of(part) if self.size == len(part) else None
                if self.head is None or not part or self.size >= self.head.whole_bytes:
                    return True
        except OSError as error:
            self.trouble = error
            return True
        return False
