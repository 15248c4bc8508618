"""No key, password or card number in the tree or anywhere in its history; no debug mode; no default password (S25)."""

from __future__ import annotations

import base64
import binascii
import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mx_pipeline.errors import BadSettings
from mx_pipeline.mx_api.card_numbers import is_in, masked
from mx_pipeline.settings import Settings

PROJECT = Path(__file__).parents[1]
SHAPES = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "token of a code host": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})"),
    "chat token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "payment key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    "signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "Authorization": re.compile(r"\b(?:Basic|Bearer) [A-Za-z0-9+/_-]{24,}"),
    "URL with a password": re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@{}\"'<>]+:[^\s:/@{}\"'<>]{12,}@"),
    "assigned secret": re.compile(
        r"(?i)(?:secret|password|passwd|token|api_?key|consumer_?key|sealing_key)[\"']?\s*[:=]\s*[\"']"
        r"([A-Za-z0-9+/_=.-]{20,})[\"']"
    ),
    "32 bytes in base64": re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])"),
}
INVENTED = ("Q2FuYXJ5",)
"""Canaries of tests, as base64 writes them: secrets of nobody that must look like secrets."""
RANDOM_BITS_A_CHARACTER = 3.8
"""Words and repeated letters have fewer; what a machine has drawn has more."""
TEST_CARDS = frozenset(
    {
        "4111111111111111",
        "4242424242424242",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "4222222222222",
    }
)
"""Published for tests; no bank has issued them."""


@pytest.fixture(scope="module")
def added() -> list[str]:
    """Every line that was ever added, on the way to where we are."""
    log = [
        "git",
        "log",
        "--patch",
        "--no-color",
        "--no-ext-diff",
        "--text",
        "--format=",
        "--unified=0",
        "HEAD",
    ]
    told = subprocess.run(log, cwd=PROJECT, capture_output=True, check=True).stdout.decode(errors="replace")
    now = (PROJECT / name for name in _tree())
    return [
        *{line[1:] for line in told.splitlines() if line.startswith("+") and not line.startswith("+++")},
        *{line for path in now if path.is_file() for line in path.read_text(errors="replace").splitlines()},
    ]


def test_s25_nothing_that_was_ever_committed_looks_like_a_secret(added: list[str]) -> None:
    assert len(added) > 10_000
    found = [line.strip()[:120] for line in added if _secrets_in(line)]
    assert [line for line in found if not any(canary in line for canary in INVENTED)] == []


def test_s25_no_card_number_but_those_published_for_tests_was_ever_committed(added: list[str]) -> None:
    cards = {
        number
        for line in added
        if is_in(line) and masked(line) != line
        for found in re.findall(r"[0-9](?:[ .-]?[0-9]){12,}", line)
        if masked(found) != found and (number := re.sub("[^0-9]", "", found)) not in TEST_CARDS
    }

    assert cards == set()


@pytest.mark.parametrize(
    "line",
    [
        "-----BEGIN RSA PRIVATE " + "KEY-----",
        'password = "' + "q8Zr1vT5xN2mK7pL0sJd" + '"',
        "DAGSTER_PG_URL=postgresql://mx:" + "q8Zr1vT5xN2mK7" + "@db.internal/mx",
        "Authorization: Basic " + base64.b64encode(b"k3yOfAClinic:s3cr3t/Of+It").decode(),
        "MX_SEALING_KEY=" + base64.b64encode(bytes(range(100, 132))).decode(),
    ],
)
def test_the_search_finds_what_it_is_to_find(line: str) -> None:
    assert _secrets_in(line)


def test_s25_nothing_runs_in_debug_mode() -> None:
    loose = re.compile(
        r"\b(?:debug|reload|echo|pretty_exceptions_show_locals|show_locals)\s*=\s*True|set_trace|breakpoint\("
    )
    guilty = [
        f"{path.name}:{number}"
        for path in (PROJECT / "mx_pipeline").rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if loose.search(line)
    ]

    assert guilty == []


def test_s25_no_secret_has_a_default(tmp_path: Path) -> None:
    bare = Settings.from_environment({"MX_HOME": str(tmp_path)})

    assert (bare.database_url, bare.dagster_url, bare.sealing_key, bare.previous_sealing_key) == (None,) * 4
    assert bare.role_urls == {}
    with pytest.raises(BadSettings, match="MX_SEALING_KEY is not set"):
        bare.sealer()


def _secrets_in(line: str) -> list[str]:
    return [
        name for name, shape in SHAPES.items() for found in shape.finditer(line) if _is_drawn(name, found)
    ]


def _is_drawn(name: str, found: re.Match[str]) -> bool:
    text = found[1] if found.re.groups else found[0]
    if name == "32 bytes in base64":
        try:
            text = base64.b64decode(text, validate=True).hex()
        except binascii.Error:
            return False
        return _bits(text) > 3.3  # of the 4 that hex has
    return name in ("private key", "cloud key") or _bits(text) > RANDOM_BITS_A_CHARACTER


def _bits(text: str) -> float:
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _tree() -> Iterator[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    yield from subprocess.run(
        listed, cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
