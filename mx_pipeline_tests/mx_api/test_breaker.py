"""A vendor that fails everyone is asked rarely and by one call at a time; one record that fails is not the vendor."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest

from mx_pipeline.errors import MxOutage
from mx_pipeline.synthetic_mx import FixedAnswer, SyntheticMx
from mx_pipeline_tests.fakes.held import together
from mx_pipeline_tests.mx_api.budgeted import ONE_TRY, QUICK, Clinic
from mx_pipeline_tests.mx_api.test_budget import MERCHANT, a_clinic, mx, synthetic_mx

__all__ = ["a_clinic", "mx", "synthetic_mx"]

PROBES = 3
FAR_OFF = msgspec.structs.replace(ONE_TRY, cool_down_seconds=5, outage_patience_seconds=0.2)


def test_h6_five_failures_in_a_row_and_the_next_call_is_not_sent(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic(limits=FAR_OFF)
    patient = msgspec.structs.replace(FAR_OFF, tries=5, backoff_base_seconds=60, backoff_cap_seconds=60)
    neighbour = a_clinic(MERCHANT + 1, limits=patient, budget=clinic.budget)
    mx.answers(together(FixedAnswer(status=500), 5))
    clinic.asks_for_many(5)
    began = time.monotonic()

    with pytest.raises(MxOutage):
        neighbour.client.get_payment(neighbour.ids[0])

    assert mx.call_count() == 5
    assert time.monotonic() - began < patient.backoff_base_seconds / 2  # nor is it tried again


def test_h6_four_failures_in_a_row_are_not_enough(mx: SyntheticMx, a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(limits=FAR_OFF)
    mx.answers(FixedAnswer(status=500, times=4))

    outcomes = [clinic.asks(mx_id) for mx_id in clinic.ids[:4]] + [clinic.asks()]

    assert outcomes == ["mx_unavailable"] * 4 + ["ok"]


def test_h6_a_burst_is_outlasted_by_one_probe_at_a_time(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic()
    mx.answers(together(FixedAnswer(status=503, times=8 + PROBES), 8))

    outcomes = clinic.asks_for_many(40, threads=8)

    failed = sorted((call for call in clinic.calls if call.outcome != "ok"), key=lambda call: call.sent_at)
    ended = [call.sent_at + call.seconds for call in failed]
    assert outcomes == ["ok"] * 40
    assert len(failed) == 8 + PROBES
    opened_at = sorted(ended[:8])[QUICK.breaker_failures - 1]
    for number, kept_open_at in enumerate((opened_at, *ended[8:-1])):  # probes come 50, 100, 200 ms after
        assert failed[8 + number].sent_at >= kept_open_at + QUICK.cool_down_seconds * 2**number


def test_h6_a_walk_alone_outlasts_a_burst_although_its_tries_are_spent(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic()
    mx.answers(FixedAnswer(status=503, times=QUICK.tries + PROBES))

    pages = list(clinic.client.list_payments())

    assert [len(page.records) for page in pages] == [20]
    assert len(clinic.calls) == QUICK.tries + PROBES + 1


def test_h6_an_outage_beyond_all_patience_is_said(mx: SyntheticMx, a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(limits=msgspec.structs.replace(QUICK, outage_patience_seconds=0.3))
    mx.answers(FixedAnswer(status=503))
    began = time.monotonic()

    with pytest.raises(MxOutage, match=r"MX has answered no call with this key for \d+ s"):
        list(clinic.client.list_payments())

    assert 0.3 <= time.monotonic() - began < QUICK.outage_patience_seconds


def test_h7_one_record_that_always_fails_does_not_open_it_for_the_others(
    mx: SyntheticMx, a_clinic: Callable[..., Clinic]
) -> None:
    clinic = a_clinic(limits=msgspec.structs.replace(QUICK, cool_down_seconds=5))
    broken = clinic.ids[0]
    mx.answers(FixedAnswer(status=500, record_id=str(broken)))

    outcomes = [clinic.asks(broken), clinic.asks(broken), clinic.asks(clinic.ids[1])]

    assert outcomes == ["mx_unavailable", "mx_unavailable", "ok"]
    assert [call.outcome for call in clinic.calls] == ["mx_unavailable"] * 10 + ["ok"]
    assert clinic.budget.level == pytest.approx(4, abs=0.3)  # halved once, not ten times


def test_h4_429_never_opens_it(mx: SyntheticMx, a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(limits=FAR_OFF)
    mx.answers(FixedAnswer(status=429, times=12))

    outcomes = [clinic.asks(mx_id) for mx_id in clinic.ids[:13]]

    assert outcomes == ["mx_rate_limited"] * 12 + ["ok"]
