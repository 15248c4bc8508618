"""Tries a GET again where that helps: after trouble of the vendor's, and where a key was replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import msgspec
import tenacity

from mx_pipeline.errors import (
    MxApiError,
    MxBadResponse,
    MxCredentialsRefused,
    MxMaintenance,
    MxOutage,
    MxRateLimited,
    MxUnavailable,
)
from mx_pipeline.mx_api.attempts import Attempts
from mx_pipeline.mx_api.credential import Credential
from mx_pipeline.mx_api.one_host import OneHost
from mx_pipeline.mx_api.trust import KeyTrust

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mx_pipeline.mx_api.calls import CallLimits, Gate, OnCall
    from mx_pipeline.mx_api.in_the_air import Question

T = TypeVar("T")


class Failed(msgspec.Struct, frozen=True):
    """A try that was in vain, and the key that it was made with."""

    error: MxApiError
    credential: Credential


class Transport:
    """Safe to use from as many threads as the pool has connections."""

    def __init__(
        self,
        *,
        base_url: str,
        credential: Credential,
        limits: CallLimits,
        gate: Gate,
        on_call: OnCall,
        sleep: Callable[[float], None],
        ca_file: Path | None,
        key_now: Callable[[], tuple[str, str]] | None,
    ) -> None:
        """`sleep` waits between tries."""
        self._key_now = key_now
        self._limits = limits
        self._gate = gate
        self._key = KeyTrust(recheck_seconds=limits.recheck_seconds, sleep=sleep)
        self._host = OneHost(base_url, ca_file=ca_file)
        self.attempts = Attempts(
            self._host,
            credential,
            limits,
            authority=urlsplit(base_url).netloc,
            gate=gate,
            on_call=on_call,
            key=self._key,
        )
        self._backoff = tenacity.wait_random_exponential(
            multiplier=limits.backoff_base_seconds, max=limits.backoff_cap_seconds
        )
        self._jitter = tenacity.wait_random(0, limits.backoff_base_seconds)
        self._retrying = tenacity.Retrying(
            sleep=sleep, retry=self._is_worth_another_try, wait=self._wait, reraise=True
        )

    def get(self, question: Question[T], *, failed: Failed | None = None) -> T:
        """What is made of the answer. `failed`: a first try that was made already, and was in vain."""
        used = failed.credential if failed else self.attempts.credential
        try:
            return self._get(question, failed)
        except MxCredentialsRefused as refusal:
            return self._key.doubt(
                refusal,
                lambda: self.attempts.once(question),
                was_replaced=lambda: self.attempts.credential is not used or self.renew_key(),
            )
        except MxOutage as outage:
            raise MxOutage(f"{outage} What came last: {self.attempts.last_trouble}") from None

    def _get(self, question: Question[T], failed: Failed | None) -> T:
        try:
            if failed is not None:
                raise failed.error
            return self.attempts.once(question)
        except MxUnavailable as error:
            in_vain = [error]

        # tenacity costs 75 µs of a call's 300, so it hears only of calls that did not succeed at once.
        def try_again() -> T:
            if in_vain:
                raise in_vain.pop()
            return self.attempts.once(question)

        return self._retrying(try_again)

    def renew_key(self) -> bool:
        """Take the key that is in force now; False where it is the one in use."""
        pair = self._key_now() if self._key_now else None
        if pair is None or self.attempts.credential.is_of(*pair):
            return False
        self.attempts.credential = Credential(*pair)
        return True

    def close(self) -> None:
        """Closes the connections that are idle."""
        self._host.close()

    def _is_worth_another_try(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, MxUnavailable) or isinstance(error, MxOutage):
            return False
        if (
            isinstance(error, MxRateLimited)
            and (error.retry_after_seconds or 0) > self._limits.retry_after_cap_seconds
        ):
            return False
        is_nonsense = isinstance(error, (MxMaintenance, MxBadResponse))
        tries = self._limits.tries_after_nonsense if is_nonsense else self._limits.tries
        # In an outage the tries were spent on the vendor's trouble; the gate counts that, and paces it.
        return state.attempt_number < tries or self._gate.outlasts()

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """What MX asked for and a little more, so that not all callers return at once; else back-off."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, MxRateLimited) and error.retry_after_seconds is not None:
            return error.retry_after_seconds + self._jitter(state)
        return self._backoff(state)
