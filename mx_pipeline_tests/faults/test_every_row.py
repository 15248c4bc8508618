"""Every row of faults.md has a test with its identifier in its name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import mx_pipeline_tests

ROWS = {
    *(f"h{n}" for n in range(1, 26)),
    *(f"d{n}" for n in range(1, 25)), "d16b", "d16c",
    *(f"p{n}" for n in range(1, 22)),
    *(f"c{n}" for n in range(1, 12)),
    *(f"s{n}" for n in range(1, 28)),
}  # fmt: skip
IDENTIFIERS = re.compile(r"test((?:_[hdpcs]\d+[bc]?)+)_")


def rows_with_a_test() -> set[str]:
    """The identifiers in the names of all tests that there are here, wherever they stand."""
    files = Path(mx_pipeline_tests.__file__).parent.rglob("test_*.py")
    functions = [
        node
        for file in files
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef)
    ]
    named = [match[1] for function in functions if (match := IDENTIFIERS.match(function.name))]
    return {identifier for several in named for identifier in several.split("_") if identifier}


def test_every_row_of_the_table_has_a_test() -> None:
    assert ROWS - rows_with_a_test() == set()
