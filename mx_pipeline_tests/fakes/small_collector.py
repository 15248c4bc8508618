"""A collector of OpenTelemetry on a real port: takes OTLP over HTTP, and keeps the spans."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Came:
    """One span."""

    name: str
    trace: str
    span: str
    parent: str
    service: str
    failed: bool
    attributes: dict[str, str]


@dataclass
class SmallCollector:
    """What came to it."""

    url: str = ""
    spans: list[Came] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @classmethod
    @contextmanager
    def in_thread(cls) -> Generator[SmallCollector]:
        here = cls()

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/traces":
                    here.take(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
            here.url = f"http://127.0.0.1:{server.server_port}"
            thread = Thread(target=server.serve_forever)
            thread.start()
            yield here
            server.shutdown()
            thread.join()

    def take(self, body: bytes) -> None:
        """As the protobuf has it."""
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            services = [
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            ]
            self.spans += [
                Came(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    span=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    service=services[0],
                    failed=span.status.code == 2,
                    attributes={
                        one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes
                    },
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]
