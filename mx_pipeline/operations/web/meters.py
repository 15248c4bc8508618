"""Counts what the server does, for whoever watches it: by route and outcome, never by person or merchant."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

OTHER = "other"
"""An address that is no route of ours: guesses must not make new lines."""


@dataclass
class Meters:
    """Touched on the loop alone."""

    calls: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])
    seconds: Counter[str] = field(default_factory=Counter[str])
    defects: int = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One call is over."""
        self.calls[method, route, status] += 1
        self.seconds[route] += seconds  # pyright: ignore[reportArgumentType] # a Counter adds up any number

    def as_text(self, *, streams: int) -> str:
        """In the text format that Prometheus reads."""
        lines = ["# HELP mx_http_calls_total Calls that were answered.", "# TYPE mx_http_calls_total counter"]
        lines += [
            f'mx_http_calls_total{{method="{method}",route="{route}",status="{status}"}} {calls}'
            for (method, route, status), calls in sorted(self.calls.items())
        ]
        lines += [
            "# HELP mx_http_seconds_total Time that answers took.",
            "# TYPE mx_http_seconds_total counter",
        ]
        lines += [
            f'mx_http_seconds_total{{route="{route}"}} {seconds:.6f}'
            for route, seconds in sorted(self.seconds.items())
        ]
        lines += [
            "# HELP mx_http_streams Syncs being watched now.",
            "# TYPE mx_http_streams gauge",
            f"mx_http_streams {streams}",
            "# HELP mx_http_defects_total Calls that ended in a defect of ours.",
            "# TYPE mx_http_defects_total counter",
            f"mx_http_defects_total {self.defects}",
        ]
        return "\n".join(lines) + "\n"
