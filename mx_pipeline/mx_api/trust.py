"""Whether MX takes our key: one refusal in mid-run is asked about once more, and then nothing is sent any more."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from mx_pipeline.errors import MxCredentialsRefused

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class KeyTrust:
    """What one client has learned of its key; shared by its threads."""

    def __init__(self, *, recheck_seconds: float, sleep: Callable[[float], None]) -> None:
        """`recheck_seconds`: how long to wait before asking once more."""
        self._recheck_seconds = recheck_seconds
        self._sleep = sleep
        self._lock = threading.RLock()
        self._was_taken = self._is_in_doubt = False
        self._refusal: str | None = None

    def wait_out_doubt(self) -> None:
        """Nothing new is sent while one thread asks again; holding a place of the gate, nobody may wait for that."""
        if self._is_in_doubt:
            with self._lock:
                pass

    @property
    def is_trusted(self) -> bool:
        """Neither in doubt nor refused."""
        return not self._is_in_doubt and self._refusal is None

    def demand(self) -> None:
        """Raise if MX has refused the key for good: a locked-out key is not helped by more calls."""
        if self._refusal is not None:
            raise MxCredentialsRefused(self._refusal)

    def was_taken(self) -> None:
        """An answer came: the key is good, so a refusal after it may be a slip of the vendor's."""
        self._was_taken = True

    def doubt(
        self, refusal: MxCredentialsRefused, again: Callable[[], T], *, was_replaced: Callable[[], bool]
    ) -> T:
        """The answer to the same call, made again after a while, or MxCredentialsRefused. One at a time.

        Where the key was replaced meanwhile, the refusal speaks of the old one, and the new one is tried at once.
        """
        with self._lock:
            self.demand()
            if was_replaced():
                with suppress(MxCredentialsRefused):
                    return self._once_more(again)
            if self._was_taken:
                try:
                    return self._once_more(again, after_seconds=self._recheck_seconds, before=was_replaced)
                except MxCredentialsRefused as error:
                    refusal = error
            self._refusal = str(refusal)
            raise refusal

    def _once_more(
        self, again: Callable[[], T], *, after_seconds: float = 0, before: Callable[[], object] | None = None
    ) -> T:
        """Nobody else calls meanwhile; where somebody is just replacing the key, `before` takes the new one."""
        self._is_in_doubt = True
        try:
            if after_seconds:
                self._sleep(after_seconds)
            if before is not None:
                before()
            return again()
        finally:
            self._is_in_doubt = False
