"""A clinic with a canary in every secret, and all that can happen to its syncs, in real processes; then the traces."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.local.postgres_binaries import site_packages
from mx_pipeline.local.postgres_place import existing_place
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import SyntheticMx, faults
from mx_pipeline.warehouse.logins import LOGIN_ROLES
from mx_pipeline_tests.canary.watching import Watch
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.commands import CommandLine

KEY, SECRET = "CanaryKeyOfClinicAAAAAAA", "canary/Secret+of=Clinic:AAAAAAAAA="
PAN = "4111111111111111"
ZONE = "CanaryZoneNowhere5"
"""Where its days begin, as somebody spoilt it: a zone to Postgres, and here a defect whose text would quote a row."""
PROJECT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120


@dataclass
class Scene:
    """Everything that was written down anywhere, as bytes."""

    key: SealingKey
    previous: SealingKey
    watch: Watch
    codes: list[int] = field(default_factory=list)
    told: bytes = b""
    places: dict[str, bytes] = field(default_factory=dict)

    @property
    def passwords(self) -> dict[str, str]:
        """Of every login, by both keys."""
        keys = {"current": self.key, "previous": self.previous}
        return {
            f"password of {role} by the {name} key": key.derived_password(role)
            for role in LOGIN_ROLES
            for name, key in keys.items()
        }


def played(server: EmbeddedPostgres, mx: SyntheticMx, home: Path) -> Scene:
    """Everything happens once."""
    warehouse, dagster = server.create_database("warehouse"), server.create_database("dagster")
    scene = Scene(SealingKey.generate(), SealingKey.generate(), Watch(str(home), warehouse))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    shell = CommandLine(
        {
            **kept,
            "MX_DATABASE_URL": warehouse,
            "DAGSTER_PG_URL": dagster,
            "DAGSTER_HOME": str(PROJECT),
            "MX_HOME": str(home),
            "MX_SANDBOX_URL": mx.url,
            "MX_SEALING_KEY": scene.previous.to_base64(),
        }
    )
    mx.add_merchant(MERCHANT, payments=60, consumer_key=KEY, consumer_secret=SECRET)
    mx.has_payments(MERCHANT, {"source": "QuickPay", "clientReference": f"card {PAN}", "customerName": PAN})

    def run(*command: object, shell: CommandLine = shell) -> None:
        ran = shell(*command)
        scene.codes.append(ran.code)
        scene.told += f"{ran.out}\n{ran.err}\n".encode()

    with scene.watch:
        run("migrate")
        words = ("--name", "Clinic", "--environment", "sandbox", "--timezone", "America/Chicago")
        run(
            "merchants",
            "add",
            MERCHANT,
            *words,
            shell=shell.but(MX_CONSUMER_KEY=KEY, MX_CONSUMER_SECRET=SECRET),
        )
        run("sync", MERCHANT)
        _troubled_syncs(mx, run)
        both = shell.but(
            MX_SEALING_KEY=scene.key.to_base64(), MX_SEALING_KEY_PREVIOUS=scene.previous.to_base64()
        )
        run("keys", "rotate", shell=both)
        run("keys", "show", shell=both)
        scene.told += _dagster_run(both)
        _sql(warehouse, f"UPDATE mx.mx_merchant_configs SET timezone = '{ZONE}'")
        run("sync", MERCHANT, shell=both)
        scene.told += _dagster_run(both)
    _sql(warehouse, "CHECKPOINT")
    place = existing_place(server.home)
    assert place is not None
    data = b"".join(path.read_bytes() for path in place.data.rglob("*") if path.is_file())
    scene.places = {
        "what commands print": scene.told,
        "process list": b"\n".join(scene.watch.command_lines),
        "statements under way": "\n".join(scene.watch.statements).encode(),
        "files of Dagster": b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file()),
        "database of Dagster": _dumped(dagster),
        "log of Postgres": place.log.read_bytes(),
        "dump of the warehouse": _dumped(warehouse),
        "files of Postgres": data,
    }
    return scene


def _troubled_syncs(mx: SyntheticMx, run: object) -> None:
    assert callable(run)
    echo = f'{{"errorCode": "Bad {KEY}", "details": ["{KEY}:{SECRET} {PAN}"]}}'.encode()
    for rule in (
        faults.says(echo, status=400),
        faults.says(b'{"records": {}}'),
        faults.edits(lambda record: {**record, "amount": f"x{PAN}"}, endpoint="payments"),
        faults.fails(500, endpoint="payments", times=2),
        faults.refuses_key(),
    ):
        mx.answers(rule)
        run("sync", MERCHANT, "--full")
        mx.answers_truthfully()
    run("merchants", "resume", MERCHANT)


def _dagster_run(shell: CommandLine) -> bytes:
    command = [sys.executable, "-m", "mx_pipeline_tests.canary.dagster_run", str(MERCHANT)]
    ran = subprocess.run(
        command, env=shell.environment, cwd=PROJECT, capture_output=True, timeout=PATIENCE_SECONDS, check=True
    )
    return ran.stdout + ran.stderr


def _dumped(url: str) -> bytes:
    program = site_packages() / "embedded_postgres/pginstall/bin/pg_dump"
    return subprocess.run([program, "--inserts", url], check=True, capture_output=True).stdout


def _sql(url: str, statement: str) -> None:
    program = site_packages() / "embedded_postgres/pginstall/bin/psql"
    subprocess.run([program, "-q", "-c", statement, url], check=True)
