"""
`python -m mx_pipeline_tests.chaos`: exit 1 where anything was lost, doubled or came to another tenant.

With `--kills 50` instead: one clinic's sync is killed so often, at any moment; exit 1 where more was asked for
again than what was in flight.
"""

from __future__ import annotations

import argparse
import secrets
import sys

from mx_pipeline_tests.chaos.chaos import run_chaos
from mx_pipeline_tests.chaos.kills import kill_again_and_again
from mx_pipeline_tests.chaos.scene import Scene

SECONDS, MERCHANTS = 120, 4
KILLED_PAYMENTS = 600
DIFFERENCES_SHOWN = 20


def main() -> int:
    """Print the line, and what is wrong."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--merchants", type=int, default=MERCHANTS)
    parser.add_argument("--kills", type=int, default=None)
    asked = parser.parse_args()
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    if asked.kills is not None:
        return _kills(asked.kills, seed)

    tally = run_chaos(seconds=asked.seconds, seed=seed, merchants=asked.merchants)

    for line in tally.troubled[:DIFFERENCES_SHOWN]:
        sys.stdout.write(f"  {line}\n")
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
