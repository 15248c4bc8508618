"""The threat model names a test for each threat, each test that it names is there, and no identifier is left out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
TESTS = PROJECT / "mx_pipeline_tests"
PAGE = (PROJECT / "docs/security.md").read_text(encoding="utf-8")
IDENTIFIER = re.compile(r"[SCHPD]\d+")
OUGHT = {f"S{number}" for number in range(1, 28)} | {f"C{number}" for number in range(1, 12)}


@cache
def names_in(path: Path) -> frozenset[str]:
    parsed = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(each.name for each in parsed.body if isinstance(each, ast.FunctionDef))


@cache
def identifiers() -> frozenset[str]:
    """All that stand in the name of a test."""
    return frozenset(
        part.upper()
        for path in TESTS.rglob("test_*.py")
        for name in names_in(path)
        for part in name.removeprefix("test_").split("_")
        if re.fullmatch(r"[schpd]\d+", part)
    )


def threats() -> list[tuple[str, list[str]]]:
    """Each row of a table, and what holds it."""
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")]
    return [
        (threat.strip(), [each.strip() for each in held_by.split(",")])
        for threat, _, held_by in rows
        if threat.strip() != "threat"
    ]


def is_there(reference: str) -> bool:
    if IDENTIFIER.fullmatch(reference):
        return reference in identifiers()
    path, _, name = reference.partition("::")
    file = TESTS / path
    return file.is_file() and bool(name in names_in(file) if name else names_in(file))


def test_every_test_that_the_threat_model_names_is_there() -> None:
    assert len(threats()) > 30
    assert [(threat, each) for threat, held in threats() for each in held if not is_there(each)] == []
    assert not is_there("S99")
    assert not is_there("mx_api/test_tls.py::test_of_nothing")


def test_every_identifier_of_security_and_concurrency_is_in_the_threat_model() -> None:
    assert OUGHT - {each for _, held in threats() for each in held} == set()
