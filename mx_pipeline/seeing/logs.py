"""
How this process logs: lines of text, or JSON objects for whoever collects them (MX_LOG_FORMAT).

Of an error that is logged, its kind and its places are told and never its text, which can quote a row or a key.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import TypeAlias

from mx_pipeline.correlation import correlation

TEXT = "%(asctime)s %(name)s %(levelname)s %(message)s"
ALWAYS_THERE = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}
"""Of every record; what else it has was given as `extra`."""
ErrorInfo: TypeAlias = (
    "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"
)


def log_to_stderr(*, of_ours: int = logging.WARNING) -> None:
    """For the rest of this process. `of_ours`: the lowest level of our own lines; others' begin with a warning.

    Raises BadSettings.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter())
    root = logging.getLogger()
    others = [one for one in root.handlers if not isinstance(one.formatter, TextLines | JsonLines)]
    root.handlers[:] = [*others, handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("mx_pipeline").setLevel(of_ours)


def formatter() -> logging.Formatter:
    """As MX_LOG_FORMAT says. Raises BadSettings."""
    return JsonLines() if logs_json() else TextLines(TEXT)


def logs_json() -> bool:
    """Does somebody collect the lines of this process? Raises BadSettings."""
    if not os.environ.get("MX_LOG_FORMAT"):
        return False
    # Not before: each command begins here, and the settings bring the sealing along.
    from mx_pipeline.settings import log_format

    return log_format(os.environ) == "json"


def where(error: BaseException) -> list[str]:
    """The places that an error came through, the last one first."""
    places = traceback.extract_tb(error.__traceback__)
    return [f"{place.filename}:{place.lineno} {place.name}" for place in reversed(places)]


class TextLines(logging.Formatter):
    """Lines for a person."""

    def format(self, record: logging.LogRecord) -> str:
        """With what the line belongs to at its end."""
        text, known = super().format(record), {**correlation().fields, **_extras(record)}
        return (
            f"{text} [{' '.join(f'{name}={_plain(value)}' for name, value in known.items())}]"
            if known
            else text
        )

    def formatException(self, ei: ErrorInfo) -> str:  # noqa: N802 # the name that logging calls
        """Its kind and its places."""
        error = ei[1]
        return "" if error is None else "\n  ".join([type(error).__name__, *where(error)])


class JsonLines(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, what it belongs to, and what else was given."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, whatever is in it: no line break and no control sign leaves JSON's quotes."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **correlation().fields,
            **_extras(record),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line |= {"error": type(error).__name__, "where": where(error)}
        return json.dumps(line)


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else json.dumps(text)


def _extras(record: logging.LogRecord) -> dict[str, str | int | float | None]:
    """Plain values alone: an object of somebody else's can hold anything."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in ALWAYS_THERE and (value is None or isinstance(value, str | int | float))
    }
