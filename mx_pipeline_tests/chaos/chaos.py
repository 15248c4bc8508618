"""Lets things go wrong for a while, then waits for calm, and counts."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from mx_pipeline_tests.chaos.scene import Patient, Scene
from mx_pipeline_tests.chaos.tally import Tally
from mx_pipeline_tests.chaos.troubles import next_trouble
from mx_pipeline_tests.local.server_image import ServerImage

LONGEST_PAUSE_SECONDS = 0.6


def run_chaos(
    *, seconds: float, seed: int, merchants: int, faults_at_least: int = 0, image: ServerImage | None = None
) -> Tally:
    """So many seconds of trouble, and so many faults, then one more sync of each clinic, then the oracle."""
    dice = random.Random(seed)
    happened = Counter[str]()
    tally = Tally(seed)
    with (
        Scene.set_up(merchants=merchants, seed=seed, image=image) as scene,
        ThreadPoolExecutor(merchants) as pool,
    ):
        enough = threading.Event()
        syncing = [
            pool.submit(scene.keep_syncing, patient, enough, random.Random(dice.random()))
            for patient in scene.patients
        ]
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline or happened.total() < faults_at_least:
                time.sleep(dice.random() * LONGEST_PAUSE_SECONDS)
                trouble = next_trouble(dice)
                trouble(scene, dice)
                happened[trouble.__name__] += 1
        finally:
            enough.set()
        scene.calms_down()
        for one in syncing:
            one.result()

        def last_sync(patient: Patient) -> str:
            return scene.sync(patient, "full", in_trouble=False)

        for patient, words in zip(scene.patients, pool.map(last_sync, scene.patients), strict=True):
            if words:
                tally.troubled.append(f"{patient.clinic.merchant_id}: the last sync: {words}")
        tally.faults = dict(happened)
        tally.examine(scene)
    return tally
