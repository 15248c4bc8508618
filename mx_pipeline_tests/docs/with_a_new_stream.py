"""In a process of its own, on the copy of the package that has the page's blocks: two clinics, synced twice."""

from __future__ import annotations

import json
import sys
from typing import Any

from sqlalchemy import make_url, text

import mx_pipeline
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import SyntheticMx, faults
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.isolation.allowed import ALLOWED
from mx_pipeline_tests.isolation.rules import RULES

OTHER, THIRD = MERCHANT + 1, MERCHANT + 2
ROWS = "SELECT count(*), min(payload->>'every'), count(DISTINCT merchant_id) FROM mx.contracts"


def main(url: str, key: str) -> None:
    """Prints what it saw as one JSON object."""
    warehouse = WarehouseUnderTest(Logins(make_url(url).set(drivername=DRIVER), SealingKey.from_base64(key)))
    migrated = migrate(warehouse.logins)
    with SyntheticMx.in_thread() as mx:
        seen = [_synced(mx, warehouse, merchant_id) for merchant_id in (MERCHANT, OTHER)]
        mx.answers(faults.fails(403, endpoint="contract"))
        forbidden = _clinic(mx, warehouse, THIRD).sync("full")
    with warehouse.loader.merchant(MERCHANT) as tenant:
        of_one = tuple(tenant.connection.execute(text(ROWS)).one())
    said: dict[str, Any] = {
        "package": mx_pipeline.__file__,
        "after": migrated.after,
        "syncs": seen,
        "forbidden": (forbidden.outcome, forbidden.message),
        "all": tuple(warehouse.rows(ROWS)[0]),
        "of_one": of_one,
        "broken": [
            (rule, name)
            for rule, statement in RULES.items()
            for (name,) in warehouse.rows(statement.replace(":", "\\:"))
            if (rule, name) not in ALLOWED
        ],
        "names": warehouse.value("SELECT count(*) FROM mx.contracts AS c WHERE c::text LIKE '%Pat%'"),
    }
    warehouse.close()
    sys.stdout.write(json.dumps(said))


def _clinic(mx: SyntheticMx, warehouse: WarehouseUnderTest, merchant_id: int) -> Clinic:
    key = mx.add_merchant(merchant_id, payments=20)
    warehouse.has_merchant(merchant_id, key=key.consumer_key, secret=key.consumer_secret)
    return Clinic(mx, warehouse, merchant_id, key=key)


def _synced(mx: SyntheticMx, warehouse: WarehouseUnderTest, merchant_id: int) -> list[Any]:
    clinic = _clinic(mx, warehouse, merchant_id)
    reports = [clinic.sync("full"), clinic.sync("full")]
    return [
        (report.outcome, report.message, report.as_json()["certificate"]["contracts"])  # pyright: ignore[reportIndexIssue]
        for report in reports
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
