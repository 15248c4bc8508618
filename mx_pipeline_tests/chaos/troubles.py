"""What may go wrong next; each is drawn with the dice, so a seed tells the same story again, but for its timing."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from typing import Any

from mx_pipeline.synthetic_mx import FixedAnswer, faults
from mx_pipeline_tests.chaos.scene import Patient, Scene
from mx_pipeline_tests.fakes import bad_network
from mx_pipeline_tests.fakes.watched_wire import Wire

Trouble = Callable[[Scene, random.Random], None]

LISTS_AND_RECORDS = (None, "payments", "invoices", "invoice")
NETWORK = (bad_network.resets, bad_network.closes_early, bad_network.promises_more, bad_network.says_nothing)


def vendor_fails(scene: Scene, dice: random.Random) -> None:
    scene.mx.answers(faults.fails(dice.choice([500, 502, 503, 504]), **_where(scene, dice)))


def vendor_asks_for_less(scene: Scene, dice: random.Random) -> None:
    headers = dice.choice([{}, {"retry-after": "1"}, {"retry-after": "soon"}])
    scene.mx.answers(FixedAnswer(status=429, body="", headers=headers, **_where(scene, dice)))


def vendor_tells_half(scene: Scene, dice: random.Random) -> None:
    scene.mx.answers(faults.cut_short(share=dice.random(), **_where(scene, dice)))


def vendor_is_maintained(scene: Scene, dice: random.Random) -> None:
    scene.mx.answers(faults.maintenance(dice.choice(["page", "html", "empty"]), **_where(scene, dice)))


def vendor_packs_badly(scene: Scene, dice: random.Random) -> None:
    scene.mx.answers(faults.encoded(dice.choice(["cut gzip", "no gzip", "bom"]), **_where(scene, dice)))


def vendor_is_slow(scene: Scene, dice: random.Random) -> None:
    scene.mx.answers(FixedAnswer(delay_ms=dice.choice([300, 1500]), **_where(scene, dice)))


def wire_to_vendor_breaks(scene: Scene, dice: random.Random) -> None:
    scene.network.spoils(dice.choice(NETWORK), times=dice.randint(1, 4), skip=dice.randint(0, 10))


def wire_to_database_breaks(scene: Scene, dice: random.Random) -> None:
    scene.wire.cut_all()


def answer_to_commit_is_lost(scene: Scene, dice: random.Random) -> None:
    scene.wire.at("COMMIT", Wire.cut, nth=dice.randint(1, 30), when="after")


def sessions_are_ended(scene: Scene, dice: random.Random) -> None:
    scene.postgres.terminate_loaders()


def database_restarts(scene: Scene, dice: random.Random) -> None:
    scene.postgres.restart()


def database_is_killed(scene: Scene, dice: random.Random) -> None:
    scene.postgres.crash()


def database_sleeps(scene: Scene, dice: random.Random) -> None:
    scene.postgres.sleep(dice.choice([0.5, 1, 3]))


def process_is_killed(scene: Scene, dice: random.Random) -> None:
    scene.victim(dice).signal(signal.SIGKILL)


def process_sleeps(scene: Scene, dice: random.Random) -> None:
    victim = scene.victim(dice)
    victim.signal(signal.SIGSTOP)
    time.sleep(dice.random())
    victim.signal(signal.SIGCONT)


def payments_arrive(scene: Scene, dice: random.Random) -> None:
    scene.mx.receives(_anyone(scene, dice).clinic.merchant_id, payments=dice.randint(1, 40))


def a_day_goes_by(scene: Scene, dice: random.Random) -> None:
    scene.mx.advance(days=1, merchant_id=_anyone(scene, dice).clinic.merchant_id)


TROUBLES: tuple[Trouble, ...] = (
    vendor_fails, vendor_asks_for_less, vendor_tells_half, vendor_is_maintained, vendor_packs_badly, vendor_is_slow,
    wire_to_vendor_breaks, wire_to_database_breaks, answer_to_commit_is_lost, sessions_are_ended, database_sleeps,
    process_is_killed, process_is_killed, process_sleeps, payments_arrive, a_day_goes_by,
)  # fmt: skip
HARD_TROUBLES: tuple[Trouble, ...] = (database_restarts, database_is_killed)
"""Rarer: nothing else happens while the server comes up."""
ONE_IN = 12


def next_trouble(dice: random.Random) -> Trouble:
    """Whatever the dice say."""
    return dice.choice(HARD_TROUBLES if dice.randrange(ONE_IN) == 0 else TROUBLES)


def _where(scene: Scene, dice: random.Random) -> dict[str, Any]:
    return {
        "endpoint": dice.choice(LISTS_AND_RECORDS),
        "merchant_id": dice.choice([None, _anyone(scene, dice).clinic.merchant_id]),
        "skip": dice.randint(0, 12),
        "times": dice.randint(1, 6),
    }


def _anyone(scene: Scene, dice: random.Random) -> Patient:
    return dice.choice(scene.patients)
