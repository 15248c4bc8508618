"""
The synthetic MX in a thread of this process, on a real port, with the admin's verbs as methods.
"""

import socket
import threading
import time
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import date
from typing import Any, Final, TypeVar

import uvicorn

from mx_pipeline.synthetic_mx import arranging, arranging_invoices
from mx_pipeline.synthetic_mx.behaviour import Behaviour, FixedAnswer, Rule
from mx_pipeline.synthetic_mx.keys import KeyPair
from mx_pipeline.synthetic_mx.listing import Endpoint, whole_list
from mx_pipeline.synthetic_mx.ringing import deliver, rings_for, rings_for_batch
from mx_pipeline.synthetic_mx.serve import config_for
from mx_pipeline.synthetic_mx.truth import truth_of
from mx_pipeline.synthetic_mx.world import DEFAULT_AS_OF, DEFAULT_DAYS, World

Result = TypeVar("Result")

START_SECONDS: Final = 10
VERB_SECONDS: Final = 120


class _Server(uvicorn.Server):
    """Tells its loop, and leaves signals to the process it lives in."""

    loop: AbstractEventLoop | None = None
    thread: threading.Thread | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = get_running_loop()
        self.thread = threading.current_thread()
        await super().startup(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class SyntheticMx:
    """Every verb runs on the server's own loop, so no request ever sees half a change."""

    def __init__(self, server: _Server, world: World, url: str) -> None:
        self._server = server
        self._world = world
        self.url = url
        """Scheme, host and port; the API is under /checkout/v3/."""

    @classmethod
    @contextmanager
    def in_thread(cls, *, host: str = "127.0.0.1", port: int = 0) -> "Generator[SyntheticMx]":
        world = World()
        listener = socket.create_server((host, port), backlog=2_048)
        server = _Server(config_for(world, host=host, port=port))
        thread = threading.Thread(target=server.run, args=([listener],), name="synthetic-mx", daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("the synthetic MX did not start")
            time.sleep(0.002)
        bound_host, bound_port = listener.getsockname()[:2]
        try:
            yield cls(server, world, f"http://{bound_host}:{bound_port}")
        finally:
            server.should_exit = True
            thread.join()
            listener.close()

    def add_merchant(
        self,
        merchant_id: int,
        *,
        seed: int = 1,
        payments: int = 0,
        timezone: str = "America/New_York",
        as_of: date = DEFAULT_AS_OF,
        days: int = DEFAULT_DAYS,
        consumer_key: str | None = None,
        consumer_secret: str | None = None,
    ) -> KeyPair:
        return self._do(
            lambda: self._world.add_merchant(
                merchant_id, seed=seed, payments=payments, timezone=timezone, as_of=as_of, days=days,
                consumer_key=consumer_key, consumer_secret=consumer_secret,
            )
        )  # fmt: skip

    def remove_merchant(self, merchant_id: int) -> None:
        self._do(lambda: self._world.remove_merchant(merchant_id))

    def new_key(
        self, merchant_id: int, *, consumer_key: str | None = None, consumer_secret: str | None = None,
        revoke_old: bool = True,
    ) -> KeyPair:  # fmt: skip
        return self._do(
            lambda: self._world.new_key(
                merchant_id, consumer_key=consumer_key, consumer_secret=consumer_secret, revoke_old=revoke_old
            )
        )

    def revoke_keys(self, merchant_id: int) -> None:
        self._do(lambda: self._world.keys.revoke(merchant_id))

    def has_payments(self, merchant_id: int, *payments: dict[str, Any]) -> list[int]:
        """Place payments, in MX's own field names; what is left out is filled in. Returns their ids."""
        return self._do(lambda: [arranging.place_payment(self._merchant(merchant_id), f) for f in payments])

    def has_invoices(self, merchant_id: int, *invoices: dict[str, Any]) -> list[int]:
        return self._do(
            lambda: [arranging_invoices.place_invoice(self._merchant(merchant_id), f) for f in invoices]
        )

    def change_payment(self, merchant_id: int, payment_id: int, **fields: Any) -> None:
        self._do(lambda: arranging.change_payment(self._merchant(merchant_id), payment_id, fields))

    def change_invoice(self, merchant_id: int, invoice_id: int, **fields: Any) -> None:
        self._do(lambda: arranging_invoices.change_invoice(self._merchant(merchant_id), invoice_id, fields))

    def remove_payment(self, merchant_id: int, payment_id: int) -> None:
        self._do(lambda: arranging.remove_payment(self._merchant(merchant_id), payment_id))

    def remove_invoice(self, merchant_id: int, invoice_id: int) -> None:
        self._do(lambda: arranging_invoices.remove_invoice(self._merchant(merchant_id), invoice_id))

    def receives(self, merchant_id: int, *, payments: int) -> None:
        """So many payments come in now, each with its invoice, newer than all there are."""
        self._do(lambda: self._world.receive(merchant_id, payments))

    def subscriptions(self, merchant_id: int) -> list[dict[str, Any]]:
        """Who wants to be rung for what, as the vendor lists it."""
        return self._do(lambda: list(self._world.subscriptions.get(merchant_id, [])))

    def has_subscription(self, merchant_id: int, event: str, url: str) -> None:
        """Somebody else's."""
        record = {"id": 0, "eventType": event, "callbackUrl": url, "sendWebhook": True}
        self._do(lambda: self._world.subscriptions.setdefault(merchant_id, []).append(record))

    def forgets_subscriptions(self, merchant_id: int, *events: str) -> None:
        kept = self._world.subscriptions
        self._do(
            lambda: kept.update(
                {merchant_id: [one for one in kept.get(merchant_id, []) if one["eventType"] not in events]}
            )
        )

    def rings(
        self, merchant_id: int, *payment_ids: int, event: str | None = None, copies: int = 1
    ) -> list[int]:
        """Ring for these payments wherever somebody subscribed; returns what was answered."""
        rings = self._do(
            lambda: rings_for(
                self._merchant(merchant_id),
                self._world.subscriptions.get(merchant_id, []),
                payment_ids,
                event,
            )
        )
        return deliver(rings, copies=copies)

    def rings_for_batch(self, merchant_id: int) -> list[int]:
        rings = self._do(
            lambda: rings_for_batch(
                self._merchant(merchant_id), self._world.subscriptions.get(merchant_id, [])
            )
        )
        return deliver(rings)

    def settles_everything(self, merchant_id: int) -> None:
        self._do(lambda: self._world.settle(merchant_id))

    def advance(self, *, days: int = 1, merchant_id: int | None = None) -> None:
        self._do(lambda: self._world.advance(days, merchant_id))

    def behaves(self, merchant_id: int | None = None, **changes: Any) -> Behaviour:
        """Fields of `Behaviour`; for one merchant, or for all that were not told otherwise."""
        return self._do(lambda: self._world.behave(merchant_id, **changes))

    def answers(self, rule: Rule | FixedAnswer) -> None:
        """Add a rule that answers instead of the truth."""
        self._do(lambda: self._world.rules.append(rule.as_rule() if isinstance(rule, FixedAnswer) else rule))

    def answers_truthfully(self) -> None:
        """Forget all rules."""
        self._do(lambda: self._world.rules.clear())

    def truth(self, merchant_id: int) -> list[dict[str, Any]]:
        return self._do(lambda: list(truth_of(self._merchant(merchant_id))))

    def whole_list(self, merchant_id: int, endpoint: Endpoint) -> list[dict[str, Any]]:
        """Every row that the list `payments` or `invoices` would show now, newest first."""
        return self._do(lambda: whole_list(self._merchant(merchant_id), endpoint))

    def calls(self, merchant_id: int | None = None) -> dict[str, Any]:
        return self._do(lambda: self._world.calls.told(merchant_id))

    def call_count(self, merchant_id: int | None = None, endpoint: str | None = None) -> int:
        return self._do(lambda: self._world.calls.count(merchant_id, endpoint))

    def reset_calls(self) -> None:
        self._do(self._world.calls.reset)

    def _merchant(self, merchant_id: int) -> Any:
        return self._world.merchant(merchant_id)

    def _do(self, verb: Callable[[], Result]) -> Result:
        """Run on the server's loop and wait for it; a rule, which runs there, acts at once."""
        loop = self._server.loop
        assert loop is not None
        if threading.current_thread() is self._server.thread:
            return verb()
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(verb())
            except BaseException as error:
                done.set_exception(error)

        loop.call_soon_threadsafe(run)
        return done.result(VERB_SECONDS)
