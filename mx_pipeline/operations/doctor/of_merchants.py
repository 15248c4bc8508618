"""What the merchants need: keys that open and that MX takes, known time zones, and somebody who answers."""

from __future__ import annotations

from collections.abc import Iterator

from mx_pipeline.operations.doctor.findings import Finding, fail, ok, warn
from mx_pipeline.operations.doctor.of_database import some
from mx_pipeline.settings import SEALING_KEY_FILE, Settings
from mx_pipeline.warehouse.diagnosing import MerchantsNeed, read_merchants
from mx_pipeline.warehouse.logins import logins_of


def merchants(settings: Settings) -> Iterator[Finding]:
    """Raises WarehouseError."""
    need = read_merchants(logins_of(settings), settings.sealer())
    yield from _sealing(settings, need)
    if need.refused:
        yield fail(
            "merchants' keys",
            f"MX Merchant refuses the key of {some(need.refused)}: enter another with mx-pipeline merchants set-key ID",
        )
    else:
        yield ok("merchants' keys", "none is refused")
    if need.unknown_zones:
        yield fail(
            "time zones",
            f"Postgres knows no {some(need.unknown_zones)}: renew the time zone data of its server, or give "
            "those merchants another with mx-pipeline merchants set ID --timezone",
        )
    else:
        yield ok("time zones", "all are known to Postgres")
    if need.unanswered:
        yield fail(
            "requests",
            f"{need.unanswered} wait too long and nobody answers: start mx-pipeline worker, or more of them where all "
            "are busy; mx-pipeline status shows which",
        )
    else:
        yield ok("requests", "none waits too long")


def _sealing(settings: Settings, need: MerchantsNeed) -> Iterator[Finding]:
    if need.unopened:
        why = next(iter(need.unopened.values()))
        others = len(need.unopened) - 1
        yield fail(
            "sealing key", f"{why}" + (f"; the same of {others} more that were tried" if others else "")
        )
    elif "production" in need.environments and _is_of_make_up(settings):
        yield warn(
            "sealing key",
            f"it is the one that make up wrote beside its data ({SEALING_KEY_FILE} under MX_HOME), and there are "
            "production merchants: make another, keep it in a secret store, and run mx-pipeline keys rotate",
        )
    else:
        yield ok("sealing key", "opens what it sealed")


def _is_of_make_up(settings: Settings) -> bool:
    try:
        kept = (settings.home / SEALING_KEY_FILE).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return False
    return kept == settings.key().to_base64()
