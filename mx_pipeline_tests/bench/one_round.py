"""One round of the schedule in a process of its own, as the launcher starts it; its configuration on stdin."""

from __future__ import annotations

import json
import resource
import sys
import time

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from mx_pipeline.definitions import defs
from mx_pipeline.defs.rounds import sync_round


def main() -> None:
    with dg.DagsterInstance.get() as instance:
        job = defs.resolve_job_def(sync_round.name)
        run = instance.create_run_for_job(job, run_config=json.load(sys.stdin))
        began = time.process_time()
        for _ in execute_run_iterator(InMemoryJob(job), run, instance):
            pass
        ended = instance.get_run_by_id(run.run_id)
    told = {
        "is_success": ended is not None and ended.is_success,
        "cpu_seconds": time.process_time(),
        "start_cpu_seconds": began,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
