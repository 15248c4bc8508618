"""
One GET, tried once: takes a place, sends it, reads the whole answer in time, judges it and tells how it ended.

Either in one go (`once`), or begun and landed apart, so that one thread can have many in the air (`begin`).
"""

from __future__ import annotations

import http.client
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from mx_pipeline.errors import MxApiError, MxContractBroken, MxRejected
from mx_pipeline.mx_api.answers import Answer, Asked, judge, retry_after_seconds
from mx_pipeline.mx_api.bodies import read_body
from mx_pipeline.mx_api.calls import Call
from mx_pipeline.mx_api.exchange import exchanged, usual_reply
from mx_pipeline.mx_api.in_the_air import InTheAir
from mx_pipeline.mx_api.troubles import trouble_of
from mx_pipeline.mx_api.unusual_answers import by_http_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from mx_pipeline.mx_api.calls import CallLimits, Gate, OnCall
    from mx_pipeline.mx_api.credential import Credential
    from mx_pipeline.mx_api.in_the_air import Question
    from mx_pipeline.mx_api.one_host import OneHost
    from mx_pipeline.mx_api.reply import Reply
    from mx_pipeline.mx_api.trust import KeyTrust

T = TypeVar("T")

OURS_TO_MEND = frozenset({MxRejected.code, MxContractBroken.code})
"""MX's API and this program no longer agree: no clinic can do anything about it."""

logger = logging.getLogger(__name__)


class Attempts:
    """Thread-safe."""

    def __init__(
        self,
        host: OneHost,
        credential: Credential,
        limits: CallLimits,
        *,
        authority: str,
        gate: Gate,
        on_call: OnCall,
        key: KeyTrust,
    ) -> None:
        """`authority`: host and port, as the request names them."""
        self.credential = credential
        """In force from the next try on; may be replaced at any time."""
        self.last_trouble = "nothing"
        self._authority = authority
        self._host, self._limits, self._gate, self._on_call, self._key = host, limits, gate, on_call, key

    def once(self, question: Question[T]) -> T:
        """Wait for a place, and for the answer."""
        self._key.wait_out_doubt()
        with self._gate.slot():
            self._key.demand()
            started, credential = time.monotonic(), self.credential
            return self._concluded(
                question, credential, started, lambda: self._exchange(question, credential, started)
            )

    @property
    def may_begin(self) -> bool:
        """The key is not in doubt, and there is a connection that nobody uses."""
        return self._key.is_trusted and self._host.has_idle_line()

    @property
    def is_outage(self) -> bool:
        """MX answers nobody just now, and a call waits until it is back."""
        return self._gate.outlasts()

    def begin(self, question: Question[T]) -> InTheAir[T] | None:
        """Send it, and wait for nothing; None where there is no place, or no connection, at once."""
        line = self._host.idle_line()
        if line is None:
            return None
        give_place = self._gate.take_now()
        if give_place is None:
            self._host.keep(line)
            return None
        flying = InTheAir(question, self.credential, line, give_place)
        flying.ends_at += self._limits.total_deadline_seconds
        line.call_must_end_at(flying.ends_at)
        try:
            line.send_now(flying.credential.request(self._authority, question.path_and_query))
        except OSError as error:
            flying.trouble = error
        return flying

    def land(self, flying: InTheAir[T]) -> T:
        """What came of it. Where that is no usual answer, this waits for the rest."""
        try:
            return self._concluded(
                flying.question, flying.credential, flying.started, lambda: self._answer(flying)
            )
        finally:
            flying.give_place()

    def abandon(self, flying: InTheAir[Any]) -> None:
        """Nobody wants its answer any more."""
        flying.line.close()
        flying.give_place()

    def _concluded(
        self, question: Question[T], credential: Credential, started: float, exchange: Callable[[], Answer]
    ) -> T:
        answer: Answer | None = None
        ended = started
        outcome = "internal"
        try:
            answer = exchange()
            ended = time.monotonic()
            judge(question.asked, answer, credential.hide_in)
            result = question.read(answer)
            outcome = "ok"
            self._key.was_taken()
        except MxApiError as error:
            outcome = error.code
            self.last_trouble = str(error)
            raise
        finally:
            self._tell(question.asked, answer, outcome, started, ended if answer else time.monotonic())
        return result

    def _exchange(self, question: Question[Any], credential: Credential, started: float) -> Answer:
        limits, asked = self._limits, question.asked
        try:
            line = self._host.line(connect_seconds=limits.connect_timeout_seconds)
            line.call_must_end_at(started + limits.total_deadline_seconds)
            request = credential.request(self._authority, question.path_and_query)
            return self._read(asked, exchanged(line, request, self._host.keep), started)
        except (http.client.HTTPException, OSError) as error:
            # The error can hold what was sent, and with it the Authorization: neither cause nor context of ours.
            trouble = trouble_of(asked, error, deadline_seconds=limits.total_deadline_seconds)
        raise trouble

    def _answer(self, flying: InTheAir[Any]) -> Answer:
        asked, head = flying.question.asked, flying.head
        try:
            if flying.trouble is not None:
                raise flying.trouble
            came = flying.parts[0] if len(flying.parts) == 1 else b"".join(flying.parts)
            if not came:
                raise http.client.RemoteDisconnected("no answer came")
            if head is None or head.whole_bytes != flying.size:
                reply = by_http_client(flying.line, came, self._host.keep)
            else:
                reply = usual_reply(flying.line, head, came[head.body_begins :], self._host.keep)
            return self._read(asked, reply, flying.started)
        except (http.client.HTTPException, OSError) as error:
            trouble = trouble_of(asked, error, deadline_seconds=self._limits.total_deadline_seconds)
        flying.line.close()
        raise trouble

    def _read(self, asked: Asked, reply: Reply, started: float) -> Answer:
        try:
            cap = self._limits.body_cap_bytes
            body = read_body(reply.body, reply.headers, cap_bytes=cap, asked=str(asked))
        except BaseException:
            reply.drop()  # a connection with an unread rest is of no use to the next call
            raise
        reply.keep()
        return Answer(reply.status, reply.headers, body, started)

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
