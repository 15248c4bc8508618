"""One tick of the sensor that keeps the partitions, as the daemon does it, in a process of its own; told in seconds."""

from __future__ import annotations

import json
import time

import dagster as dg

from mx_pipeline.defs.partitions import merchants
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.sensors import merchant_partitions


def main() -> None:
    with dg.DagsterInstance.get() as instance:
        began = time.monotonic()
        context = dg.build_sensor_context(instance=instance, resources={"warehouse": WarehouseResource()})
        result = merchant_partitions(context)
        evaluated = time.monotonic() - began
        asked = result.dynamic_partitions_requests if isinstance(result, dg.SensorResult) else None
        for request in asked or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        added = time.monotonic() - began
        known = len(instance.get_dynamic_partitions(str(merchants.name)))
    print(json.dumps({"evaluated_seconds": evaluated, "seconds": added, "partitions": known}))  # noqa: T201


if __name__ == "__main__":
    main()
