"""
Lists that page badly: in another order at each call, without regard for the offset, with a false count.
"""

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from mx_pipeline.synthetic_mx.behaviour import DEFAULT_LIMIT, Answer, Asked, Rule
from mx_pipeline.synthetic_mx.handle import SyntheticMx
from mx_pipeline.synthetic_mx.listing import Endpoint

Rows = list[dict[str, Any]]
View = Callable[[Rows, int], list[Any]]
"""What a list's call sees of the whole list; also told which call it is, from 1."""

NO_COUNT = object()
"""A `record_count` that leaves the field out."""


def pages_badly(
    mx: SyntheticMx, merchant_id: int, endpoint: Endpoint = "payments", *, view: View = lambda rows, _: rows,
    record_count: Callable[[Rows], object] = len, page_cap: int = 1_000, ignores_offset: bool = False,
    **where: Any,
) -> Rule:  # fmt: skip
    """The list as `view` shows it to each call; `record_count` is told of the whole true list."""
    calls = count(1)

    async def act(asked: Asked, answer: Answer) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.target).query).items()}
        everything = mx.whole_list(merchant_id, endpoint)
        seen = view(list(everything), next(calls))
        start = 0 if ignores_offset else int(query.get("offset", 0))
        size = min(int(query.get("limit", DEFAULT_LIMIT)), page_cap)
        body: dict[str, Any] = {"records": seen[start : start + size]}
        told = record_count(everything)
        if told is not NO_COUNT:
            body["recordCount"] = told
        return msgspec.structs.replace(answer, body=msgspec.json.encode(body))

    return Rule(act=act, endpoint=endpoint, merchant_id=merchant_id, **where)


def neighbours_swapped(*, seed: int = 1, block: int = 7) -> View:
    """At each call the rows of each block of neighbours come in another order."""

    def view(rows: Rows, call: int) -> Rows:
        dice = Random(seed * 1_000 + call)  # noqa: S311 - a scene, not a secret
        start = dice.randrange(block)
        blocks = [rows[:start], *(rows[at : at + block] for at in range(start, len(rows), block))]
        return [row for one in blocks for row in dice.sample(one, len(one))]

    return view
