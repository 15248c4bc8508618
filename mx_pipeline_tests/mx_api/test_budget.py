"""One process, one credential: as many calls at once as the vendor bears, and none when it asks for a pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import pairwise

import pytest

from mx_pipeline.errors import MxRateLimited
from mx_pipeline.mx_api.budget import Budget
from mx_pipeline.mx_api.pacing import Pace, Quota
from mx_pipeline.synthetic_mx import FixedAnswer, SyntheticMx
from mx_pipeline_tests.fakes.held import held, together
from mx_pipeline_tests.mx_api.budgeted import ONE_TRY, QUICK, Clinic

MERCHANT = 1_000_000_001
SLOWLY = 20
THEIR_NOW = 2_000_000_000
SLOWEST_MACHINE_SECONDS = 20
A_ROUNDING = 1e-6
A_WINDOW_OF_EACH_LEVEL = sum(range(8, 16))


@pytest.fixture(scope="module")
def synthetic_mx() -> Iterator[SyntheticMx]:
    with SyntheticMx.in_thread() as mx:
        yield mx


@pytest.fixture
def mx(synthetic_mx: SyntheticMx) -> Iterator[SyntheticMx]:
    synthetic_mx.reset_calls()
    yield synthetic_mx
    synthetic_mx.answers_truthfully()


@pytest.fixture
def a_clinic(mx: SyntheticMx) -> Iterator[Callable[..., Clinic]]:
    made: list[Clinic] = []

    def make(merchant_id: int = MERCHANT, **changes: object) -> Clinic:
        made.append(Clinic(mx, merchant_id, **changes))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for clinic in made:
        clinic.client.close()
        mx.remove_merchant(clinic.merchant_id)


class BegunAt(Pace):
    """Remembers: a thread that has leave to begin may be stopped before it looks at the clock again."""

    def __init__(self, **how: float) -> None:
        super().__init__(**how)
        self.begun_at: list[float] = []

    def begin(self, now: float) -> None:
        self.begun_at.append(now)
        super().begin(now)


def limited(**header: str) -> FixedAnswer:
    return FixedAnswer(
        status=429, times=1, headers={name.replace("_", "-"): text for name, text in header.items()}
    )


def test_never_more_calls_are_in_flight_than_the_level(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic(start=4, ceiling=16)
    mx.behaves(MERCHANT, latency_ms=SLOWLY)
    mx.answers(together(FixedAnswer(), 4))

    outcomes = clinic.asks_for_many(4 + 5 + 6 + 7)

    assert set(outcomes) == {"ok"}
    assert clinic.budget.level == pytest.approx(8)
    assert 4 <= mx.calls()["most_in_flight"] <= 8


def test_one_more_is_in_flight_for_each_window_of_good_answers(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic(start=8, ceiling=16)

    clinic.asks_for_many(A_WINDOW_OF_EACH_LEVEL - 1)
    before = clinic.budget.level
    clinic.asks()
    mx.behaves(MERCHANT, latency_ms=SLOWLY)
    mx.answers(together(FixedAnswer(), 16))
    mx.reset_calls()
    clinic.asks_for_many(100)

    assert before == pytest.approx(15 + 14 / 15)
    assert clinic.budget.level == pytest.approx(16)
    assert mx.calls()["most_in_flight"] == 16


def test_a_merchants_own_ceiling_holds_whatever_the_budget_allows(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic(ceiling=3, budget=Budget(QUICK, start=16, ceiling=16))
    mx.behaves(MERCHANT, latency_ms=SLOWLY)
    mx.answers(together(FixedAnswer(), 3))

    clinic.asks_for_many(40)

    assert mx.calls()["most_in_flight"] == 3


def test_h3_a_burst_of_429_halves_the_budget_once(mx: SyntheticMx, a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(limits=ONE_TRY, start=10, ceiling=16)
    mx.answers(together(FixedAnswer(status=429, times=10), 10))

    outcomes = clinic.asks_for_many(10)

    assert outcomes == ["mx_rate_limited"] * 10
    assert clinic.budget.level == 5


def test_h3_what_goes_out_after_a_halving_can_halve_again(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic(limits=ONE_TRY, start=8)
    mx.answers(FixedAnswer(status=429))

    levels = [clinic.asks() and clinic.budget.level for _ in range(5)]

    assert levels == [4, 2, 1, 1, 1]


def test_h1_a_retry_after_pauses_the_whole_credential(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic()
    neighbour = a_clinic(MERCHANT + 1, budget=clinic.budget)
    mx.answers(limited(Retry_After="1"))

    outcomes = [clinic.asks(), neighbour.asks()]

    first, *later = clinic.calls
    assert outcomes == ["ok", "ok"]
    assert first.outcome == "mx_rate_limited"
    assert min(call.sent_at for call in (*later, *neighbour.calls)) >= first.sent_at + 1


def test_h1_calls_that_wait_for_a_place_wait_for_the_pause_too(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic(start=2, ceiling=2)
    both_came = threading.Event()

    def the_other_was_told() -> bool:
        both_came.set()
        return bool(clinic.calls)

    mx.answers(held(limited(Retry_After="1"), until=both_came.is_set))
    mx.answers(held(FixedAnswer(times=1), until=the_other_was_told))

    outcomes = clinic.asks_for_many(10)

    assert outcomes == ["ok"] * 10
    told_at = clinic.calls[0].sent_at + clinic.calls[0].seconds
    assert len(clinic.calls) == 11
    assert sum(start >= told_at + 1 for start in clinic.starts) == 9


@pytest.mark.parametrize(
    ("header", "least"),
    [
        pytest.param(formatdate(THEIR_NOW + 2, usegmt=True), 2, id="a date"),
        pytest.param(formatdate(THEIR_NOW - 60, usegmt=True), 0, id="a date in the past"),
        pytest.param("abc", 0, id="junk"),
    ],
)
def test_h2_the_pause_is_as_long_as_the_header_says(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic], header: str, least: float
) -> None:
    clinic = a_clinic()
    mx.answers(limited(Retry_After=header, Date=formatdate(THEIR_NOW, usegmt=True)))

    outcome = clinic.asks()

    first, second = clinic.starts
    assert outcome == "ok"
    assert least <= second - first < least + SLOWEST_MACHINE_SECONDS


def test_h2_a_pause_beyond_the_cap_is_told_at_once_and_nothing_more_is_sent(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic()
    mx.answers(limited(Retry_After="86400"))
    clinic.asks()

    with pytest.raises(MxRateLimited) as parked:
        clinic.client.get_payment(clinic.ids[0])

    assert 86_390 < (parked.value.retry_after_seconds or 0) <= 86_400
    assert mx.call_count(MERCHANT) == 1


def test_h2_nobody_can_park_us_for_longer_than_a_day(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic()
    mx.answers(limited(Retry_After="9999999999"))

    clinic.asks()

    assert clinic.budget.resumes_in() <= 86_400


def test_calls_a_second_are_spread_evenly(a_clinic: Callable[..., Clinic]) -> None:
    pace = BegunAt(calls_per_second=50)
    clinic = a_clinic(pace=pace)

    clinic.asks_for_many(20)

    assert len(pace.begun_at) == 20
    assert min(later - sooner for sooner, later in pairwise(pace.begun_at)) >= 1 / 50 - A_ROUNDING


def test_the_delay_is_between_the_beginnings_of_two_calls(a_clinic: Callable[..., Clinic]) -> None:
    pace = BegunAt(calls_per_second=1000, delay_seconds=0.05)
    clinic = a_clinic(pace=pace)

    clinic.asks_for_many(6)

    assert len(pace.begun_at) == 6
    assert min(later - sooner for sooner, later in pairwise(pace.begun_at)) >= 0.05 - A_ROUNDING
    assert clinic.starts[-1] >= pace.begun_at[-1]


def test_a_quota_warns_and_then_parks(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic], caplog: pytest.LogCaptureFixture
) -> None:
    quota = Quota(10, used=6, resets_at=time.monotonic() + 3600)
    clinic = a_clinic(quota=quota)

    outcomes = [clinic.asks() for _ in range(5)]

    assert outcomes == ["ok"] * 4 + ["mx_rate_limited"]
    assert mx.call_count(MERCHANT) == 4
    assert quota.warning == "10 of the 10 calls that this merchant may cost today are used"
    assert [record.message for record in caplog.records] == ["a quota of calls is nearly used up"]


def test_a_quota_is_whole_again_at_the_merchants_midnight(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(quota=Quota(2, used=2, resets_at=time.monotonic() + 0.2))

    outcome = clinic.asks()

    assert outcome == "ok"
