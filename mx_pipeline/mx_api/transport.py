"""One GET after another: sends it, reads the whole answer in time, judges it, tries again where that helps."""

from __future__ import annotations

import http.client
import logging
import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import tenacity

from mx_pipeline.errors import (
    MxApiError,
    MxBadResponse,
    MxContractBroken,
    MxCredentialsRefused,
    MxMaintenance,
    MxOutage,
    MxRateLimited,
    MxRejected,
    MxUnavailable,
)
from mx_pipeline.mx_api.answers import Answer, Asked, judge, retry_after_seconds
from mx_pipeline.mx_api.bodies import read_body
from mx_pipeline.mx_api.calls import Call
from mx_pipeline.mx_api.credential import Credential
from mx_pipeline.mx_api.one_host import OneHost
from mx_pipeline.mx_api.troubles import trouble_of
from mx_pipeline.mx_api.trust import KeyTrust

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mx_pipeline.mx_api.calls import CallLimits, Gate, OnCall
    from mx_pipeline.mx_api.credential import Request
    from mx_pipeline.mx_api.reply import Reply

T = TypeVar("T")

OURS_TO_MEND = frozenset({MxRejected.code, MxContractBroken.code})
"""MX's API and this program no longer agree: no clinic can do anything about it."""

logger = logging.getLogger(__name__)


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
        self._authority = urlsplit(base_url).netloc
        self._credential = credential
        self._key_now = key_now
        self._limits = limits
        self._gate = gate
        self._on_call = on_call
        self._key = KeyTrust(recheck_seconds=limits.recheck_seconds, sleep=sleep)
        self._trouble = "nothing"
        self._host = OneHost(base_url, ca_file=ca_file)
        self._backoff = tenacity.wait_random_exponential(
            multiplier=limits.backoff_base_seconds, max=limits.backoff_cap_seconds
        )
        self._jitter = tenacity.wait_random(0, limits.backoff_base_seconds)
        self._retrying = tenacity.Retrying(
            sleep=sleep, retry=self._is_worth_another_try, wait=self._wait, reraise=True
        )

    def get(self, asked: Asked, path_and_query: str, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer; an MxUnavailable from it, too, is tried again."""
        used = self._credential
        try:
            return self._get(asked, path_and_query, read)
        except MxCredentialsRefused as refusal:
            return self._key.doubt(
                refusal,
                lambda: self._try_once(asked, path_and_query, read),
                was_replaced=lambda: self._credential is not used or self.renew_key(),
            )
        except MxOutage as outage:
            raise MxOutage(f"{outage} What came last: {self._trouble}") from None

    def _get(self, asked: Asked, path_and_query: str, read: Callable[[Answer], T]) -> T:
        try:
            return self._try_once(asked, path_and_query, read)
        except MxUnavailable as error:
            failed = [error]

        # tenacity costs 75 µs of a call's 300, so it hears only of calls that did not succeed at once.
        def try_again() -> T:
            if failed:
                raise failed.pop()
            return self._try_once(asked, path_and_query, read)

        return self._retrying(try_again)

    def renew_key(self) -> bool:
        """Take the key that is in force now; False where it is the one in use."""
        pair = self._key_now() if self._key_now else None
        if pair is None or self._credential.is_of(*pair):
            return False
        self._credential = Credential(*pair)
        return True

    def close(self) -> None:
        """Closes the connections that are idle."""
        self._host.close()

    def _try_once(self, asked: Asked, path_and_query: str, read: Callable[[Answer], T]) -> T:
        self._key.wait_out_doubt()
        with self._gate.slot():
            self._key.demand()
            started = time.monotonic()
            credential = self._credential
            answer: Answer | None = None
            ended = started
            outcome = "internal"
            try:
                answer = self._exchange(asked, credential.request(self._authority, path_and_query), started)
                ended = time.monotonic()
                judge(asked, answer, credential.hide_in)
                result = read(answer)
                outcome = "ok"
                self._key.was_taken()
            except MxApiError as error:
                outcome = error.code
                self._trouble = str(error)
                raise
            finally:
                self._tell(asked, answer, outcome, started, ended if answer else time.monotonic())
        return result

    def _exchange(self, asked: Asked, request: Request, started: float) -> Answer:
        limits = self._limits
        reply: Reply | None = None
        try:
            reply = self._host.send(
                request,
                connect_seconds=limits.connect_timeout_seconds,
                ends_at=started + limits.total_deadline_seconds,
            )
            body = read_body(reply.body, reply.headers, cap_bytes=limits.body_cap_bytes, asked=str(asked))
            reply.keep()
            return Answer(reply.status, reply.headers, body, started)
        except MxApiError:
            _drop(reply)
            raise
        except (http.client.HTTPException, OSError) as error:
            # The error can hold what was sent, and with it the Authorization: neither cause nor context of ours.
            trouble = trouble_of(asked, error, deadline_seconds=limits.total_deadline_seconds)
        _drop(reply)
        raise trouble

    def _tell(self, asked: Asked, answer: Answer | None, outcome: str, started: float, ended: float) -> None:
        call = Call(
            endpoint=asked.endpoint,
            outcome=outcome,
            status=answer.status if answer else None,
            sent_at=started,
            seconds=ended - started,
            bytes=len(answer.body) if answer else 0,
            retry_after_seconds=retry_after_seconds(answer.headers) if answer and outcome != "ok" else None,
            date=answer.headers.get("Date") if answer else None,
            record_id=asked.record_id,
        )
        if outcome in OURS_TO_MEND:
            logger.error(
                "MX does not answer as agreed",
                extra={"endpoint": asked.endpoint, "code": outcome, "status": call.status},
            )
        self._gate.saw(call)
        self._on_call(call)

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


def _drop(reply: Reply | None) -> None:
    """A connection with an unread rest is of no use to the next call."""
    if reply is not None:
        reply.drop()
