"""Registers many merchants from one CSV file, each row whole or not at all; no message repeats a key."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mx_pipeline.errors import BadInput, MxPipelineError
from mx_pipeline.operations.at_work import PLATFORM, AtWork, at_work
from mx_pipeline.operations.consumer_keys import checked_pair, verify
from mx_pipeline.operations.context import settings_in_force
from mx_pipeline.operations.csv_files import MOST_BYTES, csv_rows, whole_text
from mx_pipeline.operations.registering import merchant_name, register
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.merchants import Credentials
from mx_pipeline.words import MxEnvironment, merchant_id, mx_environment, timezone

HEADER = ("merchant_id", "name", "environment", "timezone", "consumer_key", "consumer_secret")
STDIN = "-"
AT_ONCE = 8
"""Most of a row's time is the vendor's answer."""
ROWS_AHEAD = 200


@dataclass(frozen=True)
class NewMerchant:
    """One row that can be tried."""

    line: int
    merchant_id: int
    name: str
    environment: MxEnvironment
    timezone: str
    credentials: Credentials = field(repr=False)


@dataclass(frozen=True)
class RefusedRow:
    """One row of which nothing was written."""

    line: int
    why: str


def import_merchants(path: str, *, verifies: bool) -> Generator[NewMerchant | RefusedRow]:
    """Each row's end, in the order of the file. Raises BadInput where the file is none of ours, before any row."""
    with settings_in_force() as settings, at_work(settings) as here:
        here.require("config.update", PLATFORM)
        rows = list(_read(path, _content(path)))

        def end(row: NewMerchant | RefusedRow) -> NewMerchant | RefusedRow:
            return row if isinstance(row, RefusedRow) else _registered(settings, here, row, verifies=verifies)

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import") as pool:
            # A part at a time: whoever interrupts waits for one part, not for the file.
            for at in range(0, len(rows), ROWS_AHEAD):
                yield from pool.map(end, rows[at : at + ROWS_AHEAD])


def _content(path: str) -> bytes:
    if path != STDIN:
        return whole_text(Path(path))
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadInput(f"stdin gives more than {MOST_BYTES // 1_000_000} MB; split it")
    return content


def _read(path: str, content: bytes) -> Iterator[NewMerchant | RefusedRow]:
    name = "stdin" if path == STDIN else Path(path).name
    rows = [(line, _row(line, cells)) for line, cells in csv_rows(name, content, HEADER)]
    times = Counter(row.merchant_id for _, row in rows if isinstance(row, NewMerchant))
    for line, row in rows:
        if isinstance(row, NewMerchant) and times[row.merchant_id] > 1:
            yield RefusedRow(line, f"merchant {row.merchant_id} stands in several lines; keep one of them")
        else:
            yield row


def _row(line: int, cells: Sequence[str]) -> NewMerchant | RefusedRow:
    if len(cells) != len(HEADER):
        return RefusedRow(line, f"{len(cells)} columns where there are {len(HEADER)}: {','.join(HEADER)}")
    number, name, environment, zone, key, secret = cells
    try:
        return NewMerchant(
            line,
            merchant_id(number),
            merchant_name(name),
            mx_environment(environment),
            timezone(zone),
            checked_pair({"consumer_key": key, "consumer_secret": secret}),
        )
    except BadInput as error:
        # Where cells have changed places, a key stands where a name is refused and quoted.
        return RefusedRow(line, _without(str(error), key, secret))


def _without(words: str, *secrets: str) -> str:
    for secret in filter(None, secrets):
        words = words.replace(secret, "(hidden)")
    return words


def _registered(
    settings: Settings, here: AtWork, row: NewMerchant, *, verifies: bool
) -> NewMerchant | RefusedRow:
    try:
        if verifies:
            verify(settings, row.merchant_id, row.environment, row.credentials)
        register(
            settings,
            here,
            row.merchant_id,
            row.credentials,
            name=row.name,
            environment=row.environment,
            timezone=row.timezone,
            verified=verifies,
        )
    except MxPipelineError as error:
        return RefusedRow(row.line, f"merchant {row.merchant_id}: {error}")
    return row
