"""The small issuer with a page where people sign in, and the place where codes are changed for tokens (PKCE)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from mx_pipeline_tests.fakes.small_issuer import SmallIssuer


class SigningInIssuer(SmallIssuer):
    """Everyone who comes is signed in at once, as whoever `claims` says."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.discovery |= {
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }
        self.claims: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}

    def signs_in(self, query: dict[str, str]) -> str:
        """Where the browser goes next."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def changes(self, form: dict[str, str]) -> dict[str, Any] | None:
        """A code for a token, once, for whoever has the verifier."""
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return None
        return {"id_token": self.token(**{"nonce": asked["nonce"], **self.claims}), "token_type": "Bearer"}


@contextmanager
def signing_in_issuer() -> Generator[SigningInIssuer]:
    """It answers until the end of the block."""
    issuer: SigningInIssuer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/realm/authorize":
                self.send_response(302)
                self.send_header("Location", issuer.signs_in(_flat(parts.query)))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._tell(issuer.answer(self.path))

        def do_POST(self) -> None:
            self._tell(issuer.changes(_flat(self.rfile.read(int(self.headers["Content-Length"])).decode())))

        def _tell(self, found: dict[str, Any] | None) -> None:
            body = json.dumps(found).encode()
            self.send_response(400 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = SigningInIssuer(server.server_port)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
