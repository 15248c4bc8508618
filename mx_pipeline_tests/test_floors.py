"""The house stands: imports only point down, and nothing committed names what it must not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Makefile",
    "README.md",
    "constraints.txt",
    "dagster.yaml",
    "deploy",
    "docs",
    "mx_pipeline",
    "mx_pipeline_tests",
    "pyproject.toml",
    "workspace.yaml",
}


def test_imports_only_point_down() -> None:
    linted = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )

    assert linted.returncode == 0, linted.stdout


def test_the_top_level_is_as_the_user_fixed_it() -> None:
    assert {Path(name).parts[0] for name in _committed()} <= TOP_LEVEL


def test_nothing_committed_names_a_machine_or_a_registry() -> None:
    forbidden = re.compile(r"(/work/|/root/|index-url|find-links|pypi)")
    here = Path(__file__).name

    guilty = [
        f"{name}: {found.group()}"
        for name in _committed()
        if Path(name).name != here
        and Path(name).suffix not in {".png", ".jpg"}
        and (found := forbidden.search((PROJECT / name).read_text(encoding="utf-8")))
    ]

    assert guilty == []


def _committed() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (PROJECT / name).is_file()]
