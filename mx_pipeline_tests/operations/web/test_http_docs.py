"""The examples of docs/http.md, run as they stand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from mx_pipeline_tests.operations.web.conftest import SECONDS, Answering, Web

PAGE = Path(__file__).parents[3] / "docs" / "http.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADERS, BODY, METHOD = "-H", "-d", "-X"


def examples() -> Iterator[str]:
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        yield from block.strip().splitlines()


def run(line: str, variables: dict[str, str]) -> requests.Response:
    """What curl does with these arguments."""
    # In double quotes a shell fills in variables; in single quotes it does not.
    filled = re.sub(r"\$([A-Z]+)", lambda found: variables[found[1]], line)
    program, *words = shlex.split(filled)
    assert program == "curl"
    address, headers, method, body = "", {}, None, None
    it = iter(words)
    for word in it:
        match word:
            case "-H":
                name, _, value = next(it).partition(": ")
                headers[name] = value
            case "-X":
                method = next(it)
            case "-d":
                body = next(it)
            case "-s" | "-N":
                pass
            case _:
                address = word
    return requests.request(
        method or ("POST" if body else "GET"), address, headers=headers, data=body, timeout=SECONDS
    )


def test_every_example_answers(web: Web, clinic: Callable[..., int], worker: Answering) -> None:
    clinic(payments=40)
    variables = {"MX": web.url, "TOKEN": web.token("tenant_owner")}

    answers = {line: run(line, variables) for line in examples()}

    assert len(answers) >= 10
    assert {line: answer.text for line, answer in answers.items() if answer.status_code >= 300} == {}
    assert any('"success":true' in answer.text for answer in answers.values())
