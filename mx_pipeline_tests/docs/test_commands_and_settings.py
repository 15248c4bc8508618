"""Each command and each setting that a page names is there, and each setting that is there is on its page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mx_pipeline.operations.command_line import app

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
PROGRAM = re.compile(r"(?:^|.*[\s/(])mx-pipeline +(\S.*)")
SETTING = re.compile(r"\b(?:MX|DAGSTER|OTEL)_[A-Z][A-Z_]*[A-Z]\b")
IN_CODE = re.compile(rf'"({SETTING.pattern})"')
SHELL = {"|", ">", "<", "&&", ";", "\\"}
GROUP_OF_PAGE = {"categories.md": "categories"}
"""As the page says, its commands stand without these words."""
Command = Any
"""Click's, which Typer brings along."""


def test_every_command_in_a_block_would_be_taken_as_it_stands() -> None:
    wrong: dict[str, str] = {}
    lines = list(_lines_of_blocks())

    for words in lines:
        try:
            _take(words)
        except Exception as error:  # Click's usage errors, and ours
            wrong[" ".join(words)] = str(error) or repr(error)

    assert wrong == {}
    assert len(lines) >= 60


def test_every_command_in_a_sentence_has_that_name_and_these_options() -> None:
    wrong: dict[str, str] = {}
    named = list(_commands_in_sentences())

    for words in named:
        try:
            command, rest = _resolved(words)
        except LookupError as error:
            wrong[" ".join(words)] = str(error)
            continue
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        for word in rest:
            if word.startswith("--") and word.partition("=")[0].rstrip(",.") not in known:
                wrong[" ".join(words)] = f"has no {word}"

    assert wrong == {}
    assert len(named) >= 60


def test_the_page_of_settings_has_all_that_are_read_and_no_other() -> None:
    page = set(SETTING.findall((PROJECT / "docs/settings.md").read_text(encoding="utf-8")))
    code = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "mx_pipeline").rglob("*.py"))
    files = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "deploy").rglob("*.yaml"))
    logins = {f"MX_{role}_DATABASE_URL" for role in ("LOADER", "APP", "DISPATCHER")}

    read = set(IN_CODE.findall(code)) | logins

    assert read - page == set()
    assert page - read - set(SETTING.findall(files)) == set()


@pytest.mark.parametrize(
    "words", [["merchant", "add"], ["status", "1", "--jason"], ["merchants", "add", "1"]]
)
def test_a_command_that_is_not_there_is_seen(words: list[str]) -> None:
    with pytest.raises(Exception, match=r"(?i)no such|no command|missing"):
        _take(words)


def _take(words: list[str]) -> None:
    command, rest = _resolved(words)
    command.make_context(command.name, rest)


def _lines_of_blocks() -> Iterator[list[str]]:
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                if found := PROGRAM.match(line):
                    words = shlex.split(found[1], comments=True)
                    ends = [place for place, word in enumerate(words) if word in SHELL]
                    yield words[: ends[0]] if ends else words


def _commands_in_sentences() -> Iterator[list[str]]:
    root = typer.main.get_command(app)
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        group = GROUP_OF_PAGE.get(page.name)
        for span in INLINE.findall(text):
            words = " ".join(span.split()).split(" ")
            if words[0] == "mx-pipeline":
                if len(words) > 1:
                    yield words[1:]
            elif group and words[0] in _commands(_commands(root)[group]):
                yield [group, *words]
            elif len(words) > 1 and words[0] in _commands(root):
                yield words


def _resolved(words: list[str]) -> tuple[Command, list[str]]:
    """The command that these begin with, and what is left. Raises LookupError."""
    command: Command = typer.main.get_command(app)
    rest = list(words)
    while (inner := _commands(command)) and rest and rest[0] not in {"…", "..."} and rest[0][0] != "-":
        name = rest.pop(0)
        if name not in inner:
            raise LookupError(f"no command {name} in {sorted(inner)}")
        command = inner[name]
    return command, rest


def _commands(command: Command) -> dict[str, Command]:
    return getattr(command, "commands", {})
