"""Follows every chain of the audit log from its beginning and names the first entry that is not what was written.

The hashes are computed here: whoever owns the database could change its functions too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from mx_pipeline.warehouse.connections import Session

BEFORE_THE_FIRST = hashlib.sha256(b"").digest()
FETCHED_AT_ONCE = 2_000


@dataclass(frozen=True)
class ChainEnd:
    """How far one chain goes; kept elsewhere, it proves later that nothing before it was rewritten."""

    merchant_id: int
    entry: int
    hash: str
    """In hex."""
    at: datetime


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written."""

    merchant_id: int | None
    entry: int | None
    problem: str

    def __str__(self) -> str:
        """One line for a person."""
        if self.merchant_id is None:
            return self.problem
        return f"chain {self.merchant_id}, entry {self.entry}: {self.problem}"


@dataclass(frozen=True)
class Verified:
    """What was read and found."""

    ends: tuple[ChainEnd, ...]
    entries: int
    findings: tuple[Finding, ...]


def verify(session: Session, anchors: Sequence[ChainEnd] = ()) -> Verified:
    """Recompute every chain; for the auditor. Raises WarehouseError."""
    findings = [
        Finding(None, None, f"the trigger {guard.name} of mx.audit_log is missing or switched off")
        for guard in session.run("audit", "guards")
        if not guard.is_on
    ]
    anchored: dict[int, dict[int, set[str]]] = {}
    for anchor in anchors:
        anchored.setdefault(anchor.merchant_id, {}).setdefault(anchor.entry, set()).add(anchor.hash)
    ends: list[ChainEnd] = []
    count = 0
    for merchant_id, rows in groupby(_entries(session), attrgetter("merchant_id")):
        end, length, finding = _follow(merchant_id, rows, anchored.get(merchant_id, {}))
        count += length
        ends.append(end)
        if finding is not None:
            findings.append(finding)
    return Verified(tuple(ends), count, (*findings, *_cut_off(ends, anchored)))


def entry_hash(row: Any, *, entry: int, previous_hash: bytes) -> bytes:
    """What the trigger wrote, if nobody has touched the row."""
    at = row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fields = (
        str(row.merchant_id),
        str(entry),
        at,
        row.actor,
        row.action,
        row.subject,
        row.detail,
        row.written_by,
        previous_hash.hex(),
    )
    return hashlib.sha256(",".join(_measured(field) for field in fields).encode()).digest()


def _measured(field: str | None) -> str:
    """No two lists of fields read alike."""
    return "-" if field is None else f"{len(field.encode())}:{field}"


def _entries(session: Session) -> Iterator[Any]:
    """Page by page: the log is longer than memory."""
    merchant_id, entry = -1, 0
    while page := session.run(
        "audit", "entries", after_merchant=merchant_id, after_entry=entry, most=FETCHED_AT_ONCE
    ).all():
        yield from page
        merchant_id, entry = page[-1].merchant_id, page[-1].entry


def _follow(
    merchant_id: int, rows: Iterable[Any], anchored: Mapping[int, set[str]]
) -> tuple[ChainEnd, int, Finding | None]:
    """The chain's end, its length, and the first entry that is wrong."""
    expected, previous, first, length = 1, BEFORE_THE_FIRST, None, 0
    end: ChainEnd | None = None
    for row in rows:
        length += 1
        stored = bytes(row.hash)
        if first is None:
            problem = _problem(row, expected, previous, anchored.get(row.entry, set()))
            # What is missing is named by the number that is not there.
            first = Finding(merchant_id, min(expected, row.entry), problem) if problem else None
        expected, previous = row.entry + 1, stored
        end = ChainEnd(merchant_id, row.entry, stored.hex(), row.at)
    assert end is not None
    return end, length, first


def _problem(row: Any, expected: int, previous: bytes, anchored: set[str]) -> str | None:
    if row.entry != expected:
        return "it is missing: an entry was deleted or renumbered"
    if bytes(row.previous_hash) != previous:
        return "it does not follow the entry before it: one of them was put in, changed or moved"
    if entry_hash(row, entry=row.entry, previous_hash=previous) != bytes(row.hash):
        return "it was changed after it was written"
    if anchored - {bytes(row.hash).hex()}:
        return "it is not the one that was anchored: the chain was rewritten"
    return None


def _cut_off(ends: Iterable[ChainEnd], anchored: Mapping[int, Mapping[int, set[str]]]) -> Iterator[Finding]:
    """Chains that are shorter now than they were."""
    reached = {end.merchant_id: end.entry for end in ends}
    for merchant_id, entries in sorted(anchored.items()):
        if reached.get(merchant_id, 0) < max(entries):
            yield Finding(merchant_id, max(entries), "it was anchored and is gone: the chain was cut off")
