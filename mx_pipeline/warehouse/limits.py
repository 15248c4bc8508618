"""The limits of a sync request, in words that say what to type; `mx.limit_request` holds them once more."""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, date, timedelta
from typing import Protocol

from mx_pipeline.errors import BadInput

MOST_LATEST = 100
MOST_LATEST_IN_EMERGENCY = 1000
MOST_MONTHS = 13
MOST_DAYS_AHEAD = 31
"""A range may end a little after today, so that nobody has to think about it; a year is a slip of the finger."""
LONGEST_REASON = 1000
MONTHS = 12
LONGEST_WAIT = {"people_seconds": 60, "others_seconds": 900}
"""A person who waits longer before anything begins should hear that nobody is at work. A round of the schedule, or a
backfill, is worked off in its own time."""


class Asked(Protocol):
    """What of a request has limits."""

    @property
    def latest(self) -> int | None: ...
    @property
    def mode(self) -> str: ...
    @property
    def since(self) -> date | None: ...
    @property
    def until(self) -> date | None: ...
    @property
    def emergency(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def dry_run(self) -> bool: ...


def check_limits(asked: Asked, today: date | None) -> None:
    """Raise BadInput for the first limit that is passed. `today`: at the merchant, where that is known."""
    if asked.mode == "range":
        _check_days(asked.since, asked.until, today)
    if asked.latest is not None:
        _check_number(asked.latest, emergency=asked.emergency)
    reason = (asked.reason or "").strip()
    if asked.emergency and not reason:
        raise BadInput("an emergency sync needs a reason in words; it goes to the record: give --reason")
    if len(reason) > LONGEST_REASON:
        raise BadInput(f"the reason may have {LONGEST_REASON} characters; {len(reason)} were given")
    if asked.dry_run and asked.latest is None:
        raise BadInput(
            f"a dry run compares the newest payments: give --latest, from 1 to {MOST_LATEST}, or to "
            f"{MOST_LATEST_IN_EMERGENCY} with --emergency and --reason"
        )


def _check_number(latest: int, *, emergency: bool) -> None:
    most = MOST_LATEST_IN_EMERGENCY if emergency else MOST_LATEST
    if not 1 <= latest <= most:
        more = "" if emergency else f"; up to {MOST_LATEST_IN_EMERGENCY} with --emergency and --reason"
        raise BadInput(f"the number of payments must be from 1 to {most}{more}; {latest} was given")


def _check_days(since: date | None, until: date | None, today: date | None) -> None:
    if since is None:
        raise BadInput("a range needs its first day: give --since, such as 2026-03-01")
    if until is not None and since >= until:
        raise BadInput(
            f"--since must be before --until, which is not itself among the days; {since} and {until} were given"
        )
    if today is not None and since > today:
        raise BadInput(
            f"--since must not be after today, which is {today} at this merchant; {since} was given"
        )
    if today is not None and until is not None and until > today + timedelta(MOST_DAYS_AHEAD):
        raise BadInput(
            f"--until may be {MOST_DAYS_AHEAD} days ahead of {today}; {until} was given: leave it out"
        )
    last = months_after(since, MOST_MONTHS)
    end = until or (today and today + timedelta(1))
    if end is not None and end > last:
        raise BadInput(
            f"a range may have {MOST_MONTHS} months: from {since} give --until {last} or before; "
            "for all that there is, give --full"
        )


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * MONTHS + day.month - 1 + months, MONTHS)
    if year > MAXYEAR:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
