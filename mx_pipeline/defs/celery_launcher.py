"""Runs as Celery tasks, on any machine's workers: a dead worker is noticed, and a person's Terminate is a cancel."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.defaults import task_default_queue
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from mx_pipeline.defs.launcher import EndsWarmRuns, is_warm
from mx_pipeline.settings import Settings

ANSWER_SECONDS = 2.0
"""Workers that are there answer within milliseconds, also while all their processes are at work."""
FRESH_SECONDS = 4.0
"""One question serves all the runs of one look of Dagster's monitor."""
MISSING_SECONDS = 12.0
"""So long nobody has a run before it is lost: a worker is back 2 s after a short restart of Redis."""
RECONNECT_SECONDS = 45.0
"""After Redis was seen away: workers knock every 30 s then."""
CELERY: Mapping[str, Any] = {
    "broker_connection_max_retries": None,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {"socket_timeout": 10, "socket_connect_timeout": 5, "socket_keepalive": True},
    "redis_socket_timeout": 10,
    "redis_socket_connect_timeout": 5,
    # While Redis restarts the queue waits, and no run is dropped from it as failed.
    "task_publish_retry_policy": {
        "max_retries": 30, "interval_start": 0.2, "interval_step": 0.2, "interval_max": 1,
    },
    # A worker takes a run when it can begin it; stock Celery keeps the next one behind a long one.
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    # 140 MB at first, 165 MB after 150 runs (2026-11-23).
    "worker_max_tasks_per_child": 200,
    "worker_hijack_root_logger": False,
    "task_default_queue": task_default_queue,
    "result_expires": 7 * 24 * 3600,
    "include": ["mx_pipeline.definitions"],
}  # fmt: skip
"""For the launcher and the workers alike; `include` is what workers import before they take their first run."""
NOWHERE = "redis://nowhere.invalid/0"
AWAY = (OperationalError, RedisError)
GONE = {"FAILURE", "REVOKED"}


# dagster-celery 0.29.27 names its one task anew with every launch; the first one serves.
warnings.filterwarnings("ignore", message="Task name 'execute_job' is already registered")


class CeleryLauncher(EndsWarmRuns, CeleryRunLauncher):
    """As deploy/celery/dagster.yaml names it.

    Dagster's own believes for ever that a task goes on whose worker is dead, fails a run whose result Redis has
    forgotten, and lets a run that a person ended be retried (dagster-celery 0.29.27).
    """

    keeps_runs_waiting = True

    def __init__(self, redis_url: str | None, *, inst_data: ConfigurableClassData | None = None) -> None:
        """One Redis carries the tasks to the workers and their state back; without it there is nothing but to look."""
        self._has_redis = redis_url is not None
        super().__init__(
            default_queue=task_default_queue,
            broker=redis_url or NOWHERE,
            backend=redis_url or NOWHERE,
            config_source={name: value for name, value in CELERY.items() if name != "include"},
            inst_data=inst_data,
        )
        self._at_work: frozenset[str] = frozenset()
        self._looked_at = self._away_at = float("-inf")
        self._missing_since: dict[str, float] = {}

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing to configure: the address comes from MX_REDIS_URL."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """Dagster's way to make one; also a webserver's, whose page shows its name, and which knows no Redis."""
        return cls(Settings.from_environment().redis_url, inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand it to Redis. Raises BadSettings where there is none."""
        self._require_redis()
        super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Stop a run; told to Dagster first, so that it ends as cancelled, and nothing retries it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or is_warm(run):
            return super().terminate(run_id)
        self._require_redis()
        self._instance.report_run_canceling(run)
        if run.status not in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING):
            return super().terminate(run_id)
        # Nobody has begun it; whoever is about to, also a worker that starts only then, finds that it has ended.
        self._instance.report_run_canceled(run)
        if DAGSTER_CELERY_TASK_ID_TAG in run.tags:
            with suppress(*AWAY):
                super().terminate(run_id)
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Does somebody have it? What Redis remembers of a task is believed only where it says that it ended."""
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if is_warm(run) or task is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._require_redis()
        now = time.monotonic()
        try:
            state = self.celery.AsyncResult(task).state
            at_work = self._tasks_at_work(now)
        except AWAY:
            self._away_at = now
            raise
        if state == "SUCCESS":
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        if state in GONE:
            return CheckRunHealthResult(WorkerStatus.FAILED, "its process in the Celery worker ended")
        if task in at_work:
            self._missing_since.pop(task, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        missing = now - self._missing_since.setdefault(task, now)
        if missing < MISSING_SECONDS or now - self._away_at < RECONNECT_SECONDS:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        del self._missing_since[task]
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"for {missing:.0f} s no Celery worker has had this run: its worker was lost"
        )

    def get_run_worker_debug_info(
        self,
        run: dg.DagsterRun,
        include_container_logs: bool | None = True,  # noqa: FBT001, FBT002 # Dagster's signature
    ) -> str | None:
        """Asked for a run that failed; one that a warm worker has, or that was never sent, has no task."""
        if is_warm(run) or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return None
        return super().get_run_worker_debug_info(run, include_container_logs)

    def _require_redis(self) -> None:
        if not self._has_redis:
            Settings.from_environment().redis()

    def _tasks_at_work(self, now: float) -> frozenset[str]:
        if now - self._looked_at > FRESH_SECONDS:
            answers = self.celery.control.inspect(timeout=ANSWER_SECONDS).active() or {}
            self._at_work = frozenset(task["id"] for tasks in answers.values() for task in tasks)
            self._looked_at = now
        return self._at_work
