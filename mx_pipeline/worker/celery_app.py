"""
The Celery worker of a Dagster on several machines: `celery -A mx_pipeline.worker.celery_app worker`.

Started warm: the code location is imported before the processes are forked that run it.
"""

from __future__ import annotations

import signal
from typing import Any

from celery.signals import worker_process_init
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task

from mx_pipeline.defs.celery_launcher import CELERY
from mx_pipeline.local.children import end_with_the_parent
from mx_pipeline.no_core_dumps import leave_no_core_dump
from mx_pipeline.settings import Settings

leave_no_core_dump()

_redis_url = Settings.from_environment().redis()
app = make_app(app_args={"broker": _redis_url, "backend": _redis_url, "config_source": dict(CELERY)})
execute_job = create_execute_job_task(app)


@worker_process_init.connect
def _end_with_the_worker(**_told: Any) -> None:
    """A process whose worker was killed would go on unseen, beside the retry of its run."""
    end_with_the_parent(signal.SIGKILL)
