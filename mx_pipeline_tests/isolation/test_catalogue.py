"""S8: the catalogue names nothing that could let one tenant reach another; what is new is in it without being told."""

from __future__ import annotations

from typing import Any

import pytest

from mx_pipeline_tests.isolation.allowed import ALLOWED
from mx_pipeline_tests.isolation.rules import RULES


@pytest.mark.parametrize("rule", RULES)
def test_s8_nothing_breaks_the_rule_against(scratch: Any, rule: str) -> None:
    with scratch.cursor() as cursor:
        cursor.execute(RULES[rule])
        found = {name for (name,) in cursor}

    allowed = {name for broken, name in ALLOWED if broken == rule}
    assert sorted(found - allowed) == [], f"{rule}; if it has to be, give the reason in allowed.py"
    assert sorted(allowed - found) == [], "exceptions that are not needed any more"


def test_s8_every_exception_belongs_to_a_rule_and_has_a_reason() -> None:
    assert [key for key, reason in ALLOWED.items() if key[0] not in RULES or len(reason) < 5] == []
