"""
Traces for OpenTelemetry: off unless OTEL_EXPORTER_OTLP_ENDPOINT says where to, and the extra `tracing` is installed.

The library reads its other standard variables itself: OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME,
OTEL_TRACES_SAMPLER.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mx_pipeline.errors import BadSettings
from mx_pipeline.spans import Told, record_with

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

logger = logging.getLogger(__name__)

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
OFF = "OTEL_SDK_DISABLED"
SERVICE = "mx-pipeline"
SEND_SECONDS = 3
"""A collector that is away must not hold up the end of a command."""
NOT_INSTALLED = f"{ENDPOINT} is set, but no trace is sent: install the extra with pip install '.[tracing]'"


def trace_if_wanted(environment: Mapping[str, str] | None = None) -> bool:
    """For the rest of this process. Nothing of OpenTelemetry is imported before the first span. Raises BadSettings."""
    env = os.environ if environment is None else environment
    if not wants_traces(env):
        return False
    if not can_trace():
        logger.warning(NOT_INSTALLED)
        return False
    record_with(_Otlp())
    return True


def wants_traces(env: Mapping[str, str]) -> bool:
    """Does the environment say where to? Raises BadSettings where that is no address."""
    url = (env.get(ENDPOINT) or "").strip()
    if not url or (env.get(OFF) or "").strip().lower() == "true":
        return False
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, is_address = urlsplit(""), False
    if not is_address or "@" in parts.netloc:
        raise BadSettings(
            f"{ENDPOINT} must be the address of a collector that takes OTLP over HTTP, such as "
            "http://localhost:4318, without user or password; a secret goes into OTEL_EXPORTER_OTLP_HEADERS"
        )
    return True


def can_trace() -> bool:
    """Is the extra installed?"""
    return all(find_spec(name) for name in ("opentelemetry", "opentelemetry.sdk")) and bool(
        find_spec("opentelemetry.exporter.otlp.proto.http")
    )


@dataclass(frozen=True)
class _Recorded:
    span: Span

    @property
    def traceparent(self) -> str:
        context = self.span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def tell(self, attributes: Mapping[str, Told], *, name: str | None = None, failed: bool = False) -> None:
        from opentelemetry.trace import StatusCode

        if name is not None:
            self.span.update_name(name)
        if failed:
            self.span.set_status(StatusCode.ERROR)
        self.span.set_attributes(_known(attributes))

    def end(self) -> None:
        self.span.end()


class _Otlp:
    """Hands spans to the collector from a thread of its own, a batch every few seconds and at the end."""

    @cached_property
    def _tracer(self) -> Tracer:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = "OTEL_SERVICE_NAME" in os.environ
        resource = Resource.create() if named else Resource.create({"service.name": SERVICE})
        provider = TracerProvider(resource=resource)
        seconds = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else SEND_SECONDS
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=seconds)))
        return provider.get_tracer("mx_pipeline")

    def begin(self, name: str, parent: str | None, attributes: Mapping[str, Told]) -> _Recorded:
        begun = self._tracer.start_span(name, context=_context_of(parent), attributes=_known(attributes))
        return _Recorded(begun)


def _context_of(parent: str | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if parent is None:
        return Context()
    _, trace, span, flags = parent.split("-")
    named = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(named), Context())


def _known(attributes: Mapping[str, Told]) -> dict[str, str | int | float]:
    return {name: value for name, value in attributes.items() if value is not None}
