"""Serves the figures on a port of its own, for a process that serves nothing else."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mx_pipeline.seeing.exposition import MetricsSettings, exposition
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE, logins_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = 10


@contextmanager
def metrics_served(settings: Settings, port: int | None) -> Generator[int | None]:
    """For the length of the block, at `/metrics`; gives the port. Only this machine reaches it."""
    if port is None:
        yield None
        return
    wanted = MetricsSettings.from_environment()
    with closing(Warehouse(logins_of(settings), DISPATCHER_ROLE, patience_seconds=0)) as dispatcher:

        class Answer(BaseHTTPRequestHandler):
            timeout = SECONDS

            def do_GET(self) -> None:  # the name that http.server calls
                is_ours = self.path == "/metrics"
                body = exposition(dispatcher, wanted).encode() if is_ours else b""
                self.send_response(200 if is_ours else 404)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its own name
                """Nothing: a line for each look of Prometheus is no news."""

        with ThreadingHTTPServer(("127.0.0.1", port), Answer) as server:
            server.daemon_threads = True
            serving = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
            serving.start()
            try:
                yield server.server_port
            finally:
                server.shutdown()
                serving.join()
