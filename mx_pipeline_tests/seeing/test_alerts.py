"""Operators are told once of what they have to act on, over a real connection, with what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import dagster as dg
import pytest

from mx_pipeline.defs.alerts import failed_runs
from mx_pipeline.defs.resources import resources
from mx_pipeline.errors import AlertFailed, BadSettings
from mx_pipeline.seeing.alerting import Alert, tell, tell_troubles
from mx_pipeline.seeing.channels import Channel, Hook, channel_of
from mx_pipeline.warehouse.leases import LOST
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

SECRET = "a-secret-of-the-channel"


@dataclass
class Receiver:
    """Somebody's pager."""

    url: str = ""
    status: int = 200
    came: list[tuple[str | None, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    here = Receiver()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.came.append((self.headers["Authorization"], body))
            self.send_response(here.status)
            if 300 <= here.status < 400:
                self.send_header("Location", here.url + "elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 # the names that http.server calls

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        here.url = f"http://127.0.0.1:{server.server_port}/"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield here
        server.shutdown()
        thread.join()


def channel(receiver: Receiver) -> Channel:
    found = channel_of({"MX_ALERT_URL": receiver.url, "MX_ALERT_SECRET": SECRET})
    assert found is not None
    return found


def test_what_a_person_must_act_on_is_told_once_with_what_to_do(
    warehouse: WarehouseUnderTest, receiver: Receiver
) -> None:
    for number in range(5):
        warehouse.has_merchant(MERCHANT + number)
    warehouse.damage(
        """UPDATE mx.mx_merchant_configs SET created_at = now() - interval '2 days';
           UPDATE mx.mx_merchant_configs SET credentials_refused_at = now() WHERE merchant_id = :it;
           INSERT INTO mx.sync_requests (merchant_id, asked_by, asked_through, mode, unanswered_at)
           VALUES (:it + 1, 'user:x', 'api', 'incremental', now());
           INSERT INTO mx.sync_state (merchant_id, stream, last_outcome) VALUES (:it + 2, 'payments', 'partial');
           INSERT INTO mx.sync_runs (merchant_id, mode, outcome, finished_at, message)
           VALUES (:it + 3, 'incremental', 'failed', now(), :lost)""",
        it=MERCHANT,
        lost=LOST,
    )

    first = tell_troubles(warehouse.dispatcher, channel(receiver))
    again = tell_troubles(warehouse.dispatcher, channel(receiver))
    warehouse.damage("UPDATE mx.alerts SET told_at = now() - interval '7 hours'")
    later = tell_troubles(warehouse.dispatcher, channel(receiver))

    assert (first, again, later) == (4, 0, 4)
    texts = {body["subject"].split()[0]: body["text"] for _, body in receiver.came[:4]}
    assert set(texts) == {"auth_failed", "unanswered", "partial", "lost"}
    assert f"mx-pipeline merchants set-key {MERCHANT}" in texts["auth_failed"]
    assert "start mx-pipeline worker" in texts["unanswered"]
    assert f"sync {MERCHANT + 2} --full" in texts["partial"]
    assert all(authorization == f"Bearer {SECRET}" for authorization, _ in receiver.came)
    assert "Clinic" not in str(receiver.came)


def test_what_did_not_get_through_is_told_at_the_next_look(
    warehouse: WarehouseUnderTest, receiver: Receiver
) -> None:
    receiver.status = 500

    with pytest.raises(AlertFailed, match="answered 500"):
        tell(warehouse.dispatcher, channel(receiver), Alert("something", "do something"))
    receiver.status = 200

    assert tell(warehouse.dispatcher, channel(receiver), Alert("something", "do something"))
    assert not tell(warehouse.dispatcher, channel(receiver), Alert("something", "do something"))


def test_s17_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status = 302

    with pytest.raises(AlertFailed, match="answered 302"):
        channel(receiver).send("something", "do something")

    assert len(receiver.came) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://user:word@a.example",
        "nonsense",
        "https://",
    ],
)
def test_s17_only_an_address_over_https_is_taken(url: str) -> None:
    with pytest.raises(BadSettings, match="MX_ALERT_URL"):
        channel_of({"MX_ALERT_URL": url})


def test_nobody_is_told_where_nobody_wants_to_be_and_no_secret_is_shown() -> None:
    assert channel_of({}) is None
    assert SECRET not in repr(Hook("https://a.example", SECRET))


def test_a_failed_run_is_told_of_once_for_its_merchant(
    warehouse: WarehouseUnderTest, receiver: Receiver, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX_ALERT_URL", receiver.url)
    monkeypatch.setenv("MX_DATABASE_URL", database_url)
    monkeypatch.setenv("MX_SEALING_KEY", warehouse.logins.key.to_base64())

    @dg.op
    def breaks() -> None:
        raise dg.Failure("a reason that stays in Dagster")

    @dg.job(tags={"dagster/partition": str(MERCHANT)})
    def a_job() -> None:
        breaks()

    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            failed = a_job.execute_in_process(instance=instance, raise_on_error=False)
            context = dg.build_run_status_sensor_context(
                sensor_name="failed_runs",
                dagster_instance=instance,
                dagster_run=failed.dagster_run,
                dagster_event=failed.get_run_failure_event(),
                resources=resources,
            ).for_run_failure()
            failed_runs(context)

    ((_, body),) = receiver.came
    assert body["subject"] == f"dagster a_job {MERCHANT}"
    assert "mx-pipeline status" in body["text"]
    assert "a reason" not in body["text"]
