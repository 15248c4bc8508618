"""How a command ends, whatever happens in it."""

from __future__ import annotations

import json
import subprocess

import pytest
import typer

from mx_pipeline.operations.border import run
from mx_pipeline_tests.operations.commands import PROGRAM, CommandLine
from mx_pipeline_tests.operations.conftest import Here

EVERY_COMMAND = [
    ["migrate"], ["sync"], ["status"], ["trace"], ["quarantine", "list"], ["quarantine", "replay"],
    ["up"], ["demo"], ["synthetic-mx"], ["merchants"],
    *(["merchants", name] for name in ("add", "list", "pause", "resume", "set", "set-key")),
]  # fmt: skip
HEAVY = ("dagster", "pandas", "alembic", "sqlalchemy", "requests", "cryptography", "uvicorn")


def an_app_that_raises(error: BaseException) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def only() -> None:
        raise error

    return app


def test_a_defect_shows_its_place_and_not_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(an_app_that_raises(KeyError("Jane Doe")), [])

    told = capsys.readouterr()
    assert (code, told.out) == (1, "")
    assert "test_border.py" in told.err
    assert "a defect in mx_pipeline (KeyError)" in told.err
    assert "Jane Doe" not in told.err


def test_ctrl_c_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(an_app_that_raises(KeyboardInterrupt()), [])

    assert (code, capsys.readouterr().err) == (130, "mx-pipeline: interrupted\n")


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_options(offline: Here, command: list[str]) -> None:
    ran = offline(*command, "--help", COLUMNS="200", TERM="dumb")

    options = [line for line in ran.out.splitlines() if line.strip(" │").startswith(("--", "*"))]
    assert ran.code == 0
    assert all(len(line.strip(" │").split("  ")) > 1 for line in options)


def test_no_command_at_all_shows_the_help(offline: Here) -> None:
    ran = offline()

    assert ran.code == 2
    assert "synthetic-mx" in ran.out + ran.err


def test_the_version_is_told(offline: Here) -> None:
    ran = offline("--version")

    assert (ran.code, ran.out) == (0, "mx-pipeline 0.1.0\n")


def test_where_logs_are_collected_a_refusal_is_one_json_object_and_a_bad_format_is_told(
    bare: CommandLine,
) -> None:
    collected = bare.but(MX_LOG_FORMAT="json")("merchants", "pause", "nobody")
    unknown = bare.but(MX_LOG_FORMAT="xml")("status")

    line = json.loads(collected.err)
    assert (collected.code, line["code"], line["level"]) == (2, "bad_input", "ERROR")
    assert len(line["correlation_id"]) == 32
    assert unknown.code == 2
    assert unknown.sentence.startswith("MX_LOG_FORMAT must be text")


def test_help_imports_nothing_heavy(bare: CommandLine) -> None:
    bare = bare.but(PYTHONPROFILEIMPORTTIME="1")

    imported = bare("--help").err

    assert "typer" in imported
    assert not [name for name in HEAVY if f" {name}\n" in imported]


def test_status_imports_no_dagster(shell: CommandLine) -> None:
    imported = shell.but(PYTHONPROFILEIMPORTTIME="1")("status").err

    assert "sqlalchemy" in imported
    assert not [name for name in ("dagster", "pandas", "alembic", "requests") if f" {name}\n" in imported]


@pytest.mark.parametrize(
    "command", [["--version"], ["merchants", "list", "--json"], ["status"]], ids=" ".join
)
def test_a_reader_that_goes_away_is_no_error(shell: CommandLine, command: list[str]) -> None:
    ran = subprocess.run(
        [
            "bash",
            "-c",
            'exec 3>&1; "$@" | (exec <&-; sleep 0.1) ; echo "${PIPESTATUS[0]}"',
            "-",
            PROGRAM,
            *command,
        ],
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (ran.stdout, ran.stderr) == ("0\n", "")
