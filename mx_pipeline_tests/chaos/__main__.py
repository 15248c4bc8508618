"""
`python -m mx_pipeline_tests.chaos`: exit 1 where anything was lost, doubled or came to another tenant.

With `--kills 50` instead: one clinic's sync is killed so often, at any moment; exit 1 where more was asked for
again than what was in flight.

With `--soak`: a whole installation, half an hour and 20 clinics unless told otherwise; exit 1 also where a
long-lived process grew or ended by itself.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from pathlib import Path

from mx_pipeline_tests.chaos.chaos import run_chaos
from mx_pipeline_tests.chaos.kills import kill_again_and_again
from mx_pipeline_tests.chaos.scene import Scene
from mx_pipeline_tests.chaos.soak import run_soak
from mx_pipeline_tests.chaos.tally import Tally

SECONDS, MERCHANTS = 120, 4
SOAK_SECONDS, SOAK_MERCHANTS = 1_800, 20
KILLED_PAYMENTS = 600
DIFFERENCES_SHOWN = 20


def main() -> int:
    """Print the line, and what is wrong."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--merchants", type=int, default=None)
    parser.add_argument("--kills", type=int, default=None)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--json", type=Path, help="write what was counted here")
    asked = parser.parse_args()
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    if asked.kills is not None:
        return _kills(asked.kills, seed)

    more: dict[str, object] = {}
    if asked.soak:
        tally, more = run_soak(
            seconds=asked.seconds or SOAK_SECONDS, seed=seed, merchants=asked.merchants or SOAK_MERCHANTS
        )
    else:
        tally = run_chaos(seconds=asked.seconds or SECONDS, seed=seed, merchants=asked.merchants or MERCHANTS)
    return _told(tally, more, asked.json)


def _told(tally: Tally, more: dict[str, object], file: Path | None) -> int:
    for line in tally.troubled[:DIFFERENCES_SHOWN]:
        sys.stdout.write(f"  {line}\n")
    told = json.dumps({**tally.as_json(), **more}, indent=2, default=str)
    if more:
        sys.stdout.write(f"{told}\n")
    if file is not None:
        file.write_text(f"{told}\n", encoding="utf-8")
    sys.stdout.write(f"{tally}\n")
    return 0 if tally.is_clean else 1


def _kills(kills: int, seed: int) -> int:
    with Scene.set_up(merchants=1, seed=seed, payments=KILLED_PAYMENTS) as scene:
        told = kill_again_and_again(scene.patients[0].clinic, kills=kills, seed=seed)
    for line in told.differences[:DIFFERENCES_SHOWN]:
        sys.stdout.write(f"  {line}\n")
    sys.stdout.write(f"{told}\n")
    return 0 if told.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
