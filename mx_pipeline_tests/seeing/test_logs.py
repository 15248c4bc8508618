"""A line of a log says what it belongs to, is one line whatever is in it, and holds no text of an error."""

from __future__ import annotations

import json
import logging
import sys
from threading import Thread

import pytest

from mx_pipeline.correlation import carry_on, correlated, correlation, plain_id, trace_id_of
from mx_pipeline.errors import BadSettings
from mx_pipeline.seeing.logs import TEXT, JsonLines, TextLines
from mx_pipeline.settings import Settings
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

SECRET = "a patient's name"


def a_record(message: str = "something", *arguments: object, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("mx_pipeline.here")
    return logger.makeRecord(logger.name, logging.WARNING, "f.py", 1, message, arguments, None, extra=extra)


def test_a_line_is_one_json_object_with_what_it_belongs_to() -> None:
    with correlated(merchant_id=MERCHANT, request_id=17), correlated(run_id=5):
        line = json.loads(JsonLines().format(a_record("%s happened", "it", quota=3, thing=object())))

    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "mx_pipeline.here",
        "message": "it happened",
        "merchant_id": MERCHANT,
        "request_id": 17,
        "run_id": 5,
        "quota": 3,
    }
    assert correlation().fields == {}


def test_s27_what_is_in_it_makes_no_second_line() -> None:
    forged = 'x\n{"level": "INFO"}\x1b[2J\u2028'

    line = JsonLines().format(a_record(forged, product=forged))
    text = TextLines(TEXT).format(a_record("a product", product=forged))

    assert line.isprintable()
    assert json.loads(line)["message"] == forged
    assert text.isprintable()


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines(TEXT)])
def test_s18_of_an_error_its_kind_and_place_are_told_alone(formatter: logging.Formatter) -> None:
    record = a_record("it broke")
    try:
        int(SECRET)
    except ValueError:
        record.exc_info = sys.exc_info()

    line = formatter.format(record)

    assert SECRET not in line
    assert "ValueError" in line
    assert "test_logs.py" in line


def test_a_thread_begins_with_what_its_work_belongs_to() -> None:
    met: list[object] = []

    with correlated(request_id=17):
        whose = correlation()
        thread = Thread(target=lambda: (carry_on(whose), met.append(correlation().fields)))
        thread.start()
        thread.join()

    assert met == [{"request_id": 17}]


@pytest.mark.parametrize(
    "text", [None, "", "short", "a" * 65, "with space here", "ünicode-word", "new\nline-here"]
)
def test_only_a_plain_word_is_taken_for_an_id(text: str | None) -> None:
    assert plain_id(text) is None
    assert trace_id_of(text) is None
    assert trace_id_of(f"00-{'0' * 32}-b7ad6b7169203331-01") is None


def test_a_transaction_says_what_it_belongs_to_as_long_as_it_lasts(warehouse: WarehouseUnderTest) -> None:
    merchant = warehouse.has_merchant(MERCHANT)
    name = "SELECT current_setting('application_name')"

    def told(tenant: object) -> str:
        return str(tenant.connection.exec_driver_sql(name).scalar_one())  # type: ignore[attr-defined]

    with (
        correlated(request_id=17, correlation_id="a-caller-of-ours"),
        warehouse.loader.merchant(merchant) as one,
    ):
        inside = told(one)
    left = warehouse.rows("SELECT FROM pg_stat_activity WHERE application_name LIKE '%#17%'")
    with warehouse.loader.merchant(merchant) as other:
        after = told(other)

    assert left == []
    assert inside == f"{after} #17 a-caller-of-ours"
    assert after.startswith("mx_pipeline mx_loader ")


def test_another_format_is_refused() -> None:
    with pytest.raises(BadSettings, match="MX_LOG_FORMAT must be text"):
        Settings.from_environment({"MX_LOG_FORMAT": "xml"})
    assert Settings.from_environment({"MX_LOG_FORMAT": "json"}).log_format == "json"
