"""What Prometheus reads, from wherever it is served: figures of the warehouse, and of the process itself."""

from __future__ import annotations

import hmac
import logging
import os
import resource
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mx_pipeline.errors import BadSettings, MxPipelineError
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.fleet import Figure, figures

logger = logging.getLogger(__name__)

MOST_MERCHANTS = 1000
"""Each named merchant is two series of Prometheus."""
STARTED = time.time()
HELP: Mapping[str, str] = {
    "mx_up": "Whether the warehouse answered; without it the other figures of it are missing.",
    "mx_merchants_active": "Merchants that are synced.",
    "mx_merchants_paused": "Merchants that a person paused.",
    "mx_merchants_key_refused": "Active merchants whose key MX Merchant refuses.",
    "mx_merchants_not_certified": "Active merchants whose newest certificate does not agree.",
    "mx_merchants_held_back": "Active merchants that MX Merchant holds back now.",
    "mx_merchants_late": "Active merchants whose last whole sync is older than it may be.",
    "mx_quarantined_records": "Records that could not be taken in.",
    "mx_requests_waiting": "Sync requests that nobody has claimed.",
    "mx_requests_oldest_wait_seconds": "How long the oldest of them waits.",
    "mx_requests_unanswered": "Those that wait longer than they should.",
    "mx_requests_claimed": "Sync requests that are being answered.",
    "mx_runs_last_hour": "Syncs that ended within the last hour, by outcome; running ones beside them.",
    "mx_calls_last_hour": "Calls to MX Merchant that those made.",
    "mx_budget_credentials": "Keys that were used within the hour.",
    "mx_budget_level": "Calls a second that all of them may make together.",
    "mx_budget_lowest": "Calls a second that the slowest of them may make.",
    "mx_budget_paused": "Keys that MX Merchant asked to wait.",
    "mx_budget_broken": "Keys whose circuit breaker is open.",
    "mx_freshness_worst_seconds": "Age of the last whole sync of the merchant that is worst off.",
    "mx_merchant_age_seconds": "Age of the last whole sync, of the latest merchants alone (MX_METRICS_MERCHANTS).",
    "mx_merchant_may_be_seconds": "How old that may be.",
    "mx_canary_well": "Whether the last look of the canary was well; missing where there is none.",
    "mx_canary_age_seconds": "How long ago that was.",
    "mx_process_seconds_total": "CPU that this process used.",
    "mx_process_memory_bytes": "The most memory that this process had.",
    "mx_process_start_time_seconds": "When this process began.",
}


@dataclass(frozen=True)
class MetricsSettings:
    """Who may read the figures, and how many merchants are named."""

    token: str | None = field(default=None, repr=False)
    merchants: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> MetricsSettings:
        """Read and check. Raises BadSettings, which names the variable."""
        env = os.environ if environment is None else environment
        text = (env.get("MX_METRICS_MERCHANTS") or "0").strip()
        if not text.isascii() or not text.isdigit() or int(text) > MOST_MERCHANTS:
            raise BadSettings(f"MX_METRICS_MERCHANTS must be a number from 0 to {MOST_MERCHANTS}")
        return cls((env.get("MX_METRICS_TOKEN") or "").strip() or None, int(text))

    def admits(self, authorization: str | None) -> bool:
        """Whether this header shows the token; nobody where there is none."""
        shown = (authorization or "").encode()
        return self.token is not None and hmac.compare_digest(shown, f"Bearer {self.token}".encode())


def exposition(dispatcher: Warehouse, settings: MetricsSettings) -> str:
    """All figures, in the text format."""
    try:
        with dispatcher.everyone() as session:
            found = [Figure("mx_up", 1), *figures(session, merchants=settings.merchants)]
    except MxPipelineError as error:
        logger.warning("no figures: %s", error)
        found = [Figure("mx_up", 0)]
    return as_text([*found, *_of_process()])


def as_text(found: Iterable[Figure]) -> str:
    """Lines of one name together, under what it means."""
    by_name: dict[str, list[str]] = {}
    for one in found:
        labels = ",".join(f'{name}="{value}"' for name, value in one.labels)
        series = f"{one.name}{{{labels}}}" if labels else one.name
        by_name.setdefault(one.name, []).append(f"{series} {one.value}")
    lines: list[str] = []
    for name, values in by_name.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} {kind}", *values]
    return "\n".join(lines) + "\n"


def _of_process() -> list[Figure]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return [
        Figure("mx_process_seconds_total", round(used.ru_utime + used.ru_stime, 3)),
        Figure("mx_process_memory_bytes", used.ru_maxrss * 1024),
        Figure("mx_process_start_time_seconds", round(STARTED, 3)),
    ]
