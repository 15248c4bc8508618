"""Whoever follows "How to add a stream" has one: the page's blocks are put into a copy of the package, and it syncs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.migrate import newest
from mx_pipeline_tests.docs import with_a_new_stream

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/developing.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```\w+ (create|append) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONTRACTS = 30


@pytest.fixture
def patched(tmp_path: Path) -> Path:
    """A copy of the package, with every block of the page in its place."""
    shutil.copytree(
        PROJECT / "mx_pipeline", tmp_path / "mx_pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    last = newest()
    following = f"{int(last) + 1:04}"
    for how, path, block in BLOCK.findall(PAGE):
        file = tmp_path / path.replace("NEXT", following)
        said = block.replace("NEXT", following).replace("LAST", last)
        assert file.exists() == (how == "append"), path
        with file.open("a", encoding="utf-8") as written:
            written.write(f"\n\n{said}" if how == "append" else said)
    return tmp_path


def test_the_page_adds_a_stream_that_is_synced_certified_and_kept_apart(
    patched: Path, postgres: EmbeddedPostgres, template: str, sealing_key: SealingKey
) -> None:
    database = f"with_contracts_{os.getpid()}"

    ran = subprocess.run(
        [
            sys.executable,
            with_a_new_stream.__file__,
            postgres.create_database(database),
            sealing_key.to_base64(),
        ],
        env={**os.environ, "PYTHONPATH": f"{patched}{os.pathsep}{PROJECT}"},
        cwd=patched,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout)
    assert seen["package"] == str(patched / "mx_pipeline/__init__.py")
    assert seen["after"] == f"{int(newest()) + 1:04}"
    for outcome, message, certificate in [sync for syncs in seen["syncs"] for sync in syncs]:
        assert (outcome, message) == ("success", "")
        assert (certificate["verdict"], certificate["source_count"]) == ("agrees", CONTRACTS)
        assert certificate["our_count"] == CONTRACTS
    assert seen["all"] == [2 * CONTRACTS, "4 Weeks", 2]
    assert seen["of_one"] == [CONTRACTS, "4 Weeks", 1]
    assert seen["broken"] == []
    outcome, message = seen["forbidden"]
    assert (outcome, "contracts: " in message) == ("partial", True), message
    assert seen["names"] == 0
