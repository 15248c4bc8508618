"""What a check found, and all checks side by side within a time limit: one that hangs is itself a finding."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mx_pipeline.errors import MxPipelineError


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line. What is not ok says what to do."""

    check: str
    verdict: Verdict
    told: str


Part: TypeAlias = Callable[[], Iterable[Finding]]


def ok(check: str, told: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Verdict.OK, told)


def warn(check: str, told: str) -> Finding:
    """It works, and should not stay so."""
    return Finding(check, Verdict.WARN, told)


def fail(check: str, told: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(check, Verdict.FAIL, told)


def side_by_side(parts: Mapping[str, Part], *, seconds: float) -> Sequence[Finding]:
    """What all of them found, in their order. A part that has not ended by then is left to its thread."""
    found: dict[str, list[Finding]] = {}
    threads = [
        threading.Thread(target=_look, args=(name, part, found), name=f"doctor {name}", daemon=True)
        for name, part in parts.items()
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))
    late = f"no answer within {seconds:.0f} s: what it asks is there and hangs; look at its log, and at the network"
    return [finding for name in parts for finding in found.get(name) or [fail(name, late)]]


def _look(name: str, part: Part, found: dict[str, list[Finding]]) -> None:
    try:
        findings = list(part())
    except MxPipelineError as error:
        findings = [fail(name, str(error))]
    except Exception as error:  # its text could quote an address with a password
        findings = [fail(name, f"a defect in mx_pipeline ({type(error).__name__}); please report it")]
    found[name] = findings
