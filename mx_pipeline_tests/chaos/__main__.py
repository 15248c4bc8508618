"""`python -m mx_pipeline_tests.chaos`: exit 1 where anything was lost, doubled or came to another tenant."""

from __future__ import annotations

import argparse
import secrets
import sys

from mx_pipeline_tests.chaos.chaos import run_chaos

SECONDS, MERCHANTS = 120, 4
DIFFERENCES_SHOWN = 20


def main() -> int:
    """Print the line, and what is wrong."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--merchants", type=int, default=MERCHANTS)
    asked = parser.parse_args()
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed

    tally = run_chaos(seconds=asked.seconds, seed=seed, merchants=asked.merchants)

    for line in tally.troubled[:DIFFERENCES_SHOWN]:
        sys.stdout.write(f"  {line}\n")
    sys.stdout.write(f"{tally}\n")
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
