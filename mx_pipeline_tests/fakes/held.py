"""Answers that the synthetic MX keeps back until something is so: no test has to be quicker than they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from mx_pipeline.synthetic_mx import FixedAnswer, Rule
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked

LONGEST_SECONDS = 30
"""Then the answers go out all the same, and the test says what it missed."""
LOOK_SECONDS = 0.005


def held(rule: Rule | FixedAnswer, *, until: Callable[[], bool]) -> Rule:
    """What this rule answers, once `until` holds; that is looked at on the server's own loop, so it must not block."""
    held_back = rule.as_rule() if isinstance(rule, FixedAnswer) else rule

    async def act(asked: Asked, answer: Answer) -> Answer:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not until() and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
        return await held_back.act(asked, answer)

    return msgspec.structs.replace(held_back, act=act)


def together(rule: Rule | FixedAnswer, many: int) -> Rule:
    """What this rule answers, once it was asked so often: until then all of them are in flight."""
    counted = rule.as_rule() if isinstance(rule, FixedAnswer) else rule
    came = 0

    async def act(asked: Asked, answer: Answer) -> Answer:
        nonlocal came
        came += 1
        return await waiting.act(asked, answer)

    waiting = held(counted, until=lambda: came >= many)
    return msgspec.structs.replace(counted, act=act)
