"""One sync in a process of its own: `python -m mx_pipeline_tests.bench.one_sync MERCHANT MODE` prints JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from mx_pipeline.settings import Settings
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.warehouse.logins import LOADER_ROLE
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline_tests.bench.measured_process import spent_by
from mx_pipeline_tests.bench.sql import column


def main(merchant_id: int, mode: str) -> None:
    answerer = Answerer.from_settings(Settings.from_environment(os.environ), name="bench")
    # The process is warm, as a worker is: its first connection stands.
    with answerer.warehouse.merchant(merchant_id):
        pass
    reports: list[SyncReport] = []
    spent = spent_by(
        lambda: reports.append(
            answerer.ask_and_answer(merchant_id, SyncRequest("operator:bench", "command", mode=mode))
        ),
        _backends,
    )
    answerer.close()
    (report,) = reports
    print(json.dumps({**spent.told(), **report.as_json()}))  # noqa: T201


def _backends() -> Sequence[int]:
    return column(
        os.environ["MX_DATABASE_URL"],
        "SELECT pid FROM pg_stat_activity WHERE usename = %s AND datname = current_database()",
        LOADER_ROLE,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
