"""The network: no connection, a slow one, a broken one, one that is not MX's."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from mx_pipeline.mx_api import one_host
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline_tests.fakes import bad_network
from mx_pipeline_tests.fakes.bad_network import BadNetwork, Spoil
from mx_pipeline_tests.fakes.clinic import GIVES_UP, QUICK
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.mx_api.test_tls import a_server

LAST_YEAR = datetime.now(UTC) - timedelta(days=1)
IMPATIENT = msgspec.structs.replace(
    GIVES_UP, connect_timeout_seconds=0.2, total_deadline_seconds=0.4, tries=2
)
HASTY = msgspec.structs.replace(QUICK, total_deadline_seconds=3)
"""No good answer takes so long, however slow this machine is."""
BREAKS = [
    bad_network.resets,
    bad_network.closes_early,
    bad_network.promises_more,
    bad_network.says_nothing,
]


def nothing_was_read(examination: Examination) -> bool:
    return examination.warehouse.rows(
        "SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT
    ) == [(0,)]


@pytest.mark.parametrize("url", ["refused", "http://no-such-host.invalid"])
def test_h8_a_vendor_out_of_reach_is_called_that(examination: Examination, url: str) -> None:
    with bad_network.nobody_listens() as refusing:
        clinic = examination.clinic(payments=30, url=refusing if url == "refused" else url, limits=GIVES_UP)

        report = examination.sync(clinic)

    assert report.outcome == "failed"
    assert "MX is not reachable" in report.message
    assert set(examination.outcomes(clinic, report)) == {"mx_unreachable"}
    assert report.stats["apiCalls"] <= 4 * QUICK.tries  # type: ignore[operator]
    assert nothing_was_read(examination)


def test_h9_a_connection_that_hangs_is_given_up_in_time(examination: Examination) -> None:
    assert CallLimits().connect_timeout_seconds == 5
    with bad_network.connections_hang() as url:
        clinic = examination.clinic(payments=30, url=url, limits=IMPATIENT)

        report = examination.sync(clinic, seconds_at_most=2 * CallLimits().connect_timeout_seconds)

    assert report.outcome == "failed"
    assert "MX is not reachable" in report.message


def test_h10_a_body_that_drips_ends_at_the_total_deadline(
    examination: Examination, mx: SyntheticMx, *, is_full_length: bool
) -> None:
    """With --full-length: one byte a second, and the 30 s of `CallLimits`, twice."""
    assert CallLimits().total_deadline_seconds == 30
    limits = msgspec.structs.replace(CallLimits(), tries=2) if is_full_length else IMPATIENT
    with BadNetwork(mx.url) as network:
        clinic = examination.clinic(payments=30, url=network.url, limits=limits)
        network.spoils(bad_network.drips(1 if is_full_length else 0.01), times=100)

        report = examination.sync(clinic, seconds_at_most=2 * limits.total_deadline_seconds + 20)

        assert report.outcome == "failed"
        assert "no whole answer" in report.message
        assert nothing_was_read(examination)


def test_h10_one_dripping_answer_is_asked_for_again(examination: Examination, mx: SyntheticMx) -> None:
    with BadNetwork(mx.url) as network:
        clinic = examination.clinic(payments=30, url=network.url, limits=HASTY)
        network.spoils(bad_network.drips(0.1), skip=1)

        report = examination.sync(clinic)

        assert examination.outcomes(clinic, report)["mx_timed_out"] == 1
        examination.is_whole(clinic, report)


@pytest.mark.parametrize(("how", "skip"), list(zip(BREAKS, (0, 1, 4, 7), strict=True)))
def test_h11_an_answer_that_breaks_off_is_asked_for_again(
    examination: Examination, mx: SyntheticMx, how: Spoil, skip: int
) -> None:
    with BadNetwork(mx.url) as network:
        clinic = examination.clinic(payments=30, url=network.url)
        network.spoils(how, skip=skip)

        report = examination.sync(clinic)

        assert report.stats["apiCalls"] == network.requests
        assert sum(examination.outcomes(clinic, report).values()) > report.stats["fewestCalls"]  # type: ignore[operator]
        examination.is_whole(clinic, report)


@pytest.mark.parametrize("how", BREAKS[:2])
def test_h11_answers_that_always_break_off_fail_the_run_and_nothing_is_parsed(
    examination: Examination, mx: SyntheticMx, how: Spoil
) -> None:
    with BadNetwork(mx.url) as network:
        clinic = examination.clinic(payments=30, url=network.url)
        network.spoils(how, times=100)

        report = examination.sync(clinic)

        assert report.outcome == "failed"
        assert nothing_was_read(examination)
        network.spoils(bad_network.whole)
        examination.heals(clinic)


def an_old_protocol(folder: Path) -> ssl.SSLContext:
    server = a_server(folder)
    server.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = ssl.TLSVersion.TLSv1
        server.maximum_version = ssl.TLSVersion.TLSv1
    return server


@pytest.mark.parametrize("server", ["good", "expired", "other host", "TLS 1.0", "unknown issuer"])
def test_h23_only_mx_itself_is_spoken_to(
    examination: Examination, mx: SyntheticMx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    match server:
        case "expired":
            tls = a_server(tmp_path, until=LAST_YEAR)
        case "other host":
            tls = a_server(tmp_path, host="other.test")
        case "TLS 1.0":
            tls = an_old_protocol(tmp_path)
        case _:
            tls = a_server(tmp_path)
    if server != "unknown issuer":
        trust(monkeypatch, tmp_path / "ca.pem")
    with BadNetwork(mx.url, tls=tls) as network:
        clinic = examination.clinic(
            payments=30, url=network.url, limits=QUICK if server == "good" else GIVES_UP
        )

        report = examination.sync(clinic)

        if server == "good":
            examination.is_whole(clinic, report)
            return
        assert report.outcome == "failed"
        assert "TLS certificate or protocol is not to be trusted" in report.message
        assert network.requests == 0
        assert nothing_was_read(examination)


def trust(monkeypatch: pytest.MonkeyPatch, certificates: Path) -> None:
    """As if the vendor's issuer were this one: where the certificates stand is no setting, on purpose."""
    one_host._trusting.cache_clear()
    monkeypatch.setattr(one_host, "DEFAULT_CA_BUNDLE_PATH", str(certificates))
