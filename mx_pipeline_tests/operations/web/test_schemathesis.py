"""Whatever is sent that the OpenAPI document allows, and what it does not, is answered without a defect of ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from mx_pipeline_tests.fakes.people import has_person, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.web.conftest import SECONDS, Serve

EXAMPLES = int(os.environ.get("MX_TEST_EXAMPLES", "12"))
"""For each operation and way; more by hand: 300 take several minutes."""
HERE = {"merchantId": MERCHANT}


def attack(operation: Any, mode: GenerationMode, url: str, token: str, **fixed: Any) -> int:
    """How many calls were made. Fails with the call that ended in a defect."""
    made = 0

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize="MX_TEST_EXAMPLES" not in os.environ,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def call(case: Any) -> None:
        nonlocal made
        made += 1
        answer = case.call(
            url, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS, allow_redirects=False
        )
        case.validate_response(
            answer, checks=[not_a_server_error, status_code_conformance, content_type_conformance]
        )

    with suppress(Unsatisfiable):  # what has no parameters cannot be sent wrongly
        call()
    return made


def test_schemathesis_finds_no_server_error(
    served: Serve, clinic: Callable[..., int], warehouse: WarehouseUnderTest
) -> None:
    clinic()
    web = served(MX_HTTP_CALLS_PER_MINUTE="100000")
    everywhere = token_of(
        warehouse, has_person(warehouse, "admin@platform.example", platform_role="super_admin")
    )
    schema = schemathesis.openapi.from_dict(web.call("GET", "/openapi.json").json())
    operations = [result.ok() for result in schema.get_all_operations()]

    made = {
        f"{operation.label} {mode.value} {fixed}": attack(operation, mode, web.url, everywhere, **fixed)
        for operation in operations
        for mode in GenerationMode
        for fixed in ({}, {"query": HERE})
        if not fixed or any(one.name == "merchantId" for one in operation.query)
    }

    assert len(operations) >= 18
    assert sum(made.values()) > len(operations) * EXAMPLES
