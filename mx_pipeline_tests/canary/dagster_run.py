"""A Dagster run of one merchant in a process of its own, on the instance of dagster.yaml."""

import sys

import dagster as dg

from mx_pipeline.definitions import defs

if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("merchants", [sys.argv[1]])
        job = defs.resolve_job_def("sync_merchant")
        job.execute_in_process(instance=instance, partition_key=sys.argv[1], raise_on_error=False)
