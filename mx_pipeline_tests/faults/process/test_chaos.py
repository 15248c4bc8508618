"""A short sample of chaos; `make chaos` is the rest."""

from __future__ import annotations

import pytest

from mx_pipeline_tests.chaos.chaos import run_chaos

SEED, SECONDS, MERCHANTS = 11, 15, 3


@pytest.mark.timeout(170)
def test_p10_a_sample_of_chaos_loses_doubles_and_mixes_up_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tally = run_chaos(seconds=SECONDS, seed=SEED, merchants=MERCHANTS)

    with capsys.disabled():
        print(f"\n{tally}")  # noqa: T201 # the seed is for whoever reads CI
    assert tally.is_clean, "\n".join(tally.troubled)
    assert sum(tally.faults.values()) >= 30
    assert tally.runs >= MERCHANTS
