"""The border of the commands: whatever goes wrong leaves as one sentence and an exit code."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NoReturn

import typer

from mx_pipeline.errors import AccessDenied, BadInput, BadSettings, MxPipelineError
from mx_pipeline.operations.printing import one_line, say_json, tell

logger = logging.getLogger(__name__)

PROGRAM = "mx-pipeline"
JSON_OPTION = "--json"


class ExitCode(IntEnum):
    """What a command ends with."""

    SUCCESS = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    DENIED = 4
    INTERRUPTED = 130


def run(app: typer.Typer, arguments: Sequence[str], *, before: Callable[[], None] | None = None) -> int:
    """Run one command to its exit code, after what has to be done before any. Tracebacks end here."""
    as_json = JSON_OPTION in arguments
    try:
        if before is not None:
            before()
        code = app(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except MxPipelineError as error:
        return _refused(error.code, _sentence(error), exit_code_of(error), as_json=as_json)
    except typer.TyperException as error:
        return _misused(error, as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except Exception as error:
        return _broke(error, as_json=as_json)
    if code == ExitCode.INTERRUPTED:
        return _refused("interrupted", "interrupted", ExitCode.INTERRUPTED, as_json=as_json)
    return int(code or ExitCode.SUCCESS)


def leave(code: int) -> NoReturn:
    """End the process with that code."""
    if code == ExitCode.INTERRUPTED:
        # Syncs may still run on threads, and the interpreter would wait for them.
        os._exit(code)
    raise SystemExit(code)


def exit_code_of(error: MxPipelineError) -> ExitCode:
    """Denied where another person could; usage where another command line or environment would do."""
    if isinstance(error, AccessDenied):
        return ExitCode.DENIED
    return ExitCode.USAGE if isinstance(error, BadInput | BadSettings) else ExitCode.FAILED


def _sentence(error: MxPipelineError) -> str:
    return " ".join([str(error), *getattr(error, "__notes__", [])])


def _misused(error: typer.TyperException, *, as_json: bool) -> int:
    """Options or arguments that are not ours."""
    context = getattr(error, "ctx", None)
    words = one_line(error.format_message())
    command = context.command_path if context else PROGRAM
    if not words:
        return ExitCode.USAGE  # no command was given, and the help has been printed
    return _refused("usage", f"{words.rstrip('.')}; see {command} --help", ExitCode.USAGE, as_json=as_json)


def _broke(error: Exception, *, as_json: bool) -> int:
    """A defect of ours. Where is told; its text is not, for it can quote a row or a key."""
    places = traceback.extract_tb(error.__traceback__)
    if _is_collected():
        logger.error("a defect", exc_info=error)
    else:
        tell("".join(traceback.format_list(places)).rstrip())
    return _refused(
        "internal",
        f"a defect in mx_pipeline ({type(error).__name__}); please report the lines above",
        ExitCode.FAILED,
        as_json=as_json,
    )


def _refused(code: str, message: str, exit_code: ExitCode, *, as_json: bool) -> int:
    if as_json:
        say_json({"error": {"code": code, "message": one_line(message)}})
    elif _is_collected():
        logger.error(one_line(message), extra={"code": code, "exit_code": int(exit_code)})
    else:
        tell(f"{PROGRAM}: {one_line(message)}")
    return exit_code


def _is_collected() -> bool:
    """Does a program read stderr, one JSON object a line?"""
    return os.environ.get("MX_LOG_FORMAT", "").strip() == "json"
