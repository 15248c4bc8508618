"""Every quarter of an hour the command `canary` is run, where MX_CANARY_URL says where its vendor may listen."""

import json
import os
import subprocess
import sys

import dagster as dg

CANARY_SECONDS = 600
EVERY_QUARTER = "*/15 * * * *"


@dg.op(
    description="Send a payment of our own all the way, and try the doors between two merchants.",
    tags={"dagster/compute_kind": "canary"},
)
def look_once(context: dg.OpExecutionContext) -> None:
    """In a process of its own, as a person would; what it says holds no name and no secret."""
    ran = subprocess.run(
        [sys.executable, "-m", "mx_pipeline.operations", "canary", "--json"],
        capture_output=True,
        text=True,
        timeout=CANARY_SECONDS,
        check=False,
    )
    try:
        told = json.loads(ran.stdout)
    except ValueError:
        told = {"failed": f"the command ended with {ran.returncode} and no answer"}
    failed = told.get("failed") or told.get("error", {}).get("message")
    if failed:
        raise dg.Failure(
            f"the canary failed at {failed}", metadata={"code": "canary_failed"}, allow_retries=False
        )
    context.log.info(f"the canary is well: {told['seconds']}")


@dg.job(executor_def=dg.in_process_executor, description="The canary, every quarter of an hour.")
def canary() -> None:
    """One look."""
    look_once()


@dg.schedule(
    job=canary,
    cron_schedule=EVERY_QUARTER,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def every_quarter(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Off unless it is configured."""
    if not os.environ.get("MX_CANARY_URL"):
        return dg.SkipReason("no canary: MX_CANARY_URL is not set")
    return dg.RunRequest(run_key=f"canary-{context.scheduled_execution_time.isoformat()}")
