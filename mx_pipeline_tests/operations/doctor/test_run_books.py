"""Every command in a block that says so (```bash run) of the README and of docs/ runs as it is written."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.administering import set_passwords
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here
from mx_pipeline_tests.operations.doctor.patient import PROJECT, Patient

AGE: Any = import_module("pyrage")
BLOCK = re.compile(r"^```bash run\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETS = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)


def commands() -> Iterator[str]:
    """One a line, page after page."""
    for page in [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            yield from block.strip().splitlines()


@pytest.fixture
def variables(
    tmp_path: Path, postgres: EmbeddedPostgres, warehouse: WarehouseUnderTest
) -> Iterator[dict[str, str]]:
    """What a person has at hand: a new database, a place for the backup and who opens it, another key."""
    identity = AGE.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n")
    yield {
        "BACKUP": str(tmp_path / "warehouse.age"),
        "IDENTITY": str(tmp_path / "identity"),
        "NEW_DATABASE_URL": postgres.create_database(f"anew_{os.getpid()}"),
        "NEW_KEY": SealingKey.generate().to_base64(),
        "OLD_KEY": warehouse.logins.key.to_base64(),
        "RECIPIENT": str(identity.to_public()),
    }
    set_passwords(warehouse.logins)


def test_every_command_of_the_run_books_runs_as_written(
    patient: Patient,
    in_this_process: Callable[[CommandLine], Here],
    mx: SyntheticMx,
    warehouse: WarehouseUnderTest,
    variables: dict[str, str],
) -> None:
    key = mx.add_merchant(MERCHANT, payments=20)
    here = in_this_process(
        patient.shell.but(
            MX_CONSUMER_KEY=key.consumer_key,
            MX_CONSUMER_SECRET=key.consumer_secret,
            MX_PUBLIC_URL="https://sync.clinic.example",
            MX_BACKUP_RECIPIENTS=variables["RECIPIENT"],
        )
    )
    warehouse.close()
    failed: dict[str, str] = {}
    ran = 0

    for line in commands():
        words = shlex.split(re.sub(r"\$([A-Z_]+)", lambda found: variables[found[1]], line), comments=True)
        changes = {}
        while found := SETS.fullmatch(words[0]):
            changes[found[1]] = found[2]
            words = words[1:]
        assert words[0] == "mx-pipeline", line
        done = here(*words[1:], **changes)
        ran += 1
        if done.code != 0:
            failed[line] = f"{done.code}: {done.out}{done.err}"

    mx.remove_merchant(MERCHANT)
    assert failed == {}
    assert ran >= 40
