"""
The other door, `/__admin/`: the Python handle's verbs as JSON, for tests and the demo only.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from functools import partial
from typing import Any, Final, cast

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mx_pipeline.synthetic_mx import arranging, arranging_invoices
from mx_pipeline.synthetic_mx.behaviour import FixedAnswer
from mx_pipeline.synthetic_mx.ringing import deliver, rings_for
from mx_pipeline.synthetic_mx.truth import truth_of
from mx_pipeline.synthetic_mx.world import UnknownMerchantError, World

PREFIX: Final = "/__admin"
NDJSON: Final = "application/x-ndjson"

Wishes = dict[str, Any] | list[dict[str, Any]]


class NewMerchant(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    merchant_id: int
    seed: int = 1
    payments: int = 0
    timezone: str = "America/New_York"
    as_of: date | None = None
    days: int = 90
    walk_ins_only: bool = False
    consumer_key: str | None = None
    consumer_secret: str | None = None


def admin_app(world: World) -> Starlette:
    door = AdminDoor(world)
    one = "/merchants/{merchant_id:int}"
    routes = [
        Route(f"{PREFIX}/merchants", door.add_merchant, methods=["POST"]),
        Route(f"{PREFIX}/merchants", door.list_merchants, methods=["GET"]),
        Route(f"{PREFIX}/merchants/many", door.add_merchants, methods=["POST"]),
        Route(f"{PREFIX}{one}", door.remove_merchant, methods=["DELETE"]),
        Route(f"{PREFIX}{one}/keys", door.new_key, methods=["POST"]),
        Route(f"{PREFIX}{one}/keys", door.revoke_keys, methods=["DELETE"]),
        Route(f"{PREFIX}{one}/settle", door.settle, methods=["POST"]),
        Route(f"{PREFIX}{one}/arrivals", door.arrivals, methods=["POST"]),
        Route(f"{PREFIX}{one}/rings", door.rings, methods=["POST"]),
        Route(f"{PREFIX}{one}/payments", door.place(arranging.place_payment), methods=["POST"]),
        Route(f"{PREFIX}{one}/invoices", door.place(arranging_invoices.place_invoice), methods=["POST"]),
        Route(
            f"{PREFIX}{one}/payments/{{record:int}}", door.change(arranging.change_payment), methods=["PATCH"]
        ),
        Route(
            f"{PREFIX}{one}/invoices/{{record:int}}",
            door.change(arranging_invoices.change_invoice),
            methods=["PATCH"],
        ),
        Route(
            f"{PREFIX}{one}/payments/{{record:int}}",
            door.remove(arranging.remove_payment),
            methods=["DELETE"],
        ),
        Route(
            f"{PREFIX}{one}/invoices/{{record:int}}",
            door.remove(arranging_invoices.remove_invoice),
            methods=["DELETE"],
        ),
        Route(f"{PREFIX}/behaviour", door.behave, methods=["PATCH"]),
        Route(f"{PREFIX}/rules", door.add_rule, methods=["POST"]),
        Route(f"{PREFIX}/rules", door.forget_rules, methods=["DELETE"]),
        Route(f"{PREFIX}/advance", door.advance, methods=["POST"]),
        Route(f"{PREFIX}/truth/{{merchant_id:int}}", door.truth, methods=["GET"]),
        Route(f"{PREFIX}/calls", door.calls, methods=["GET"]),
        Route(f"{PREFIX}/calls/reset", door.reset_calls, methods=["POST"]),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={
            UnknownMerchantError: _says(404),
            KeyError: _says(404),
            ValueError: _says(400),
            msgspec.ValidationError: _says(400),
            TypeError: _says(400),
        },
    )


class AdminDoor:
    def __init__(self, world: World) -> None:
        self._world = world

    async def add_merchant(self, request: Request) -> Response:
        return _json(self._added(msgspec.json.decode(await request.body(), type=NewMerchant)), 201)

    async def add_merchants(self, request: Request) -> Response:
        wishes = msgspec.json.decode(await request.body(), type=list[NewMerchant])
        return _json([self._added(wish) for wish in wishes], 201)

    def _added(self, wish: NewMerchant) -> dict[str, Any]:
        given = {
            k: v for k, v in msgspec.structs.asdict(wish).items() if v is not None and k != "merchant_id"
        }
        key = self._world.add_merchant(wish.merchant_id, **given)
        return {"merchant_id": wish.merchant_id, **msgspec.structs.asdict(key)}

    async def list_merchants(self, _: Request) -> Response:
        known = self._world.merchants.values()
        return _json(
            [{"merchant_id": m.id, "payments": m.payments.count, "invoices": m.invoices.count} for m in known]
        )

    async def remove_merchant(self, request: Request) -> Response:
        self._world.remove_merchant(request.path_params["merchant_id"])
        return _json({})

    async def new_key(self, request: Request) -> Response:
        key = self._world.new_key(request.path_params["merchant_id"], **await _fields(request))
        return _json(msgspec.structs.asdict(key), 201)

    async def revoke_keys(self, request: Request) -> Response:
        self._world.keys.revoke(request.path_params["merchant_id"])
        return _json({})

    async def settle(self, request: Request) -> Response:
        self._world.settle(request.path_params["merchant_id"])
        return _json({})

    async def arrivals(self, request: Request) -> Response:
        fields = await _fields(request)
        self._world.receive(request.path_params["merchant_id"], int(fields["payments"]))
        return _json({})

    async def rings(self, request: Request) -> Response:
        """Ring for these payments, or for so many of the newest; what was answered."""
        fields, merchant = await _fields(request), self._world.merchant(request.path_params["merchant_id"])
        newest = merchant.payments.run(
            max(0, merchant.payments.count - int(fields.get("newest", 0))), merchant.payments.count
        )
        chosen = [*fields.get("payments", []), *(payment.id for payment in newest)]
        wanted = self._world.subscriptions.get(merchant.id, [])
        rings = rings_for(merchant, wanted, chosen, fields.get("event"))
        answers = await to_thread.run_sync(partial(deliver, rings, copies=int(fields.get("copies", 1))))
        return _json({"answers": answers})

    async def behave(self, request: Request) -> Response:
        return _json(msgspec.structs.asdict(self._world.behave(**await _fields(request))))

    async def add_rule(self, request: Request) -> Response:
        rule = msgspec.json.decode(await request.body(), type=FixedAnswer).as_rule()
        self._world.rules.append(rule)
        return _json({"rules": len(self._world.rules)}, 201)

    async def forget_rules(self, _: Request) -> Response:
        self._world.rules.clear()
        return _json({})

    async def advance(self, request: Request) -> Response:
        self._world.advance(**await _fields(request))
        return _json({})

    async def truth(self, request: Request) -> Response:
        told = truth_of(self._world.merchant(request.path_params["merchant_id"]))
        return StreamingResponse(_lines(told), media_type=NDJSON)

    async def calls(self, request: Request) -> Response:
        wished = request.query_params.get("merchant_id")
        return _json(self._world.calls.told(int(wished) if wished else None))

    async def reset_calls(self, _: Request) -> Response:
        self._world.calls.reset()
        return _json({})

    def place(self, verb: Callable[..., int]) -> Callable[..., Any]:
        async def place(request: Request) -> Response:
            wishes: Any = msgspec.json.decode(await request.body() or b"{}", type=Wishes)
            merchant = self._world.merchant(request.path_params["merchant_id"])
            chosen = cast("list[dict[str, Any]]", wishes if isinstance(wishes, list) else [wishes])
            return _json({"ids": [verb(merchant, fields) for fields in chosen]}, 201)

        return place

    def change(self, verb: Callable[..., None]) -> Callable[..., Any]:
        async def change(request: Request) -> Response:
            merchant = self._world.merchant(request.path_params["merchant_id"])
            verb(merchant, request.path_params["record"], await _fields(request))
            return _json({})

        return change

    def remove(self, verb: Callable[..., None]) -> Callable[..., Any]:
        async def remove(request: Request) -> Response:
            verb(self._world.merchant(request.path_params["merchant_id"]), request.path_params["record"])
            return _json({})

        return remove


async def _fields(request: Request) -> dict[str, Any]:
    return msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _lines(records: Iterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    # An async generator, so that the ledger is read on the server's own thread.
    lines: list[bytes] = []
    for record in records:
        lines.append(msgspec.json.encode(record) + b"\n")
        if len(lines) == 500:
            yield b"".join(lines)
            lines.clear()
    yield b"".join(lines)


def _says(status: int) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        return _json({"error": str(error)}, status)

    return answer
