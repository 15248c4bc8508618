"""A small OpenID Connect issuer on a real port: discovery, keys that rotate, and the tokens it would give."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "mx-pipeline"


class SmallIssuer:
    """It signs with its newest key, and publishes those that it has not withdrawn."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/realm"
        self.keys: dict[str, Any] = {}
        self.asked: list[str] = []
        self.discovery: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.extra_keys: list[dict[str, Any]] = []
        self.rotates("first")

    def rotates(self, key_id: str, *, curve: bool = False) -> None:
        """A new key; the older ones stay published."""
        self.keys[key_id] = (
            ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)
        )

    def token(self, *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A good token, but for what is given; a claim given as None is left out."""
        key_id, newest = list(self.keys.items())[-1]
        now = int(time.time())
        filled = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "42",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "email": "kim@clinic.example",
            "email_verified": True,
            **claims,
        }
        used = newest if key is None else key
        algorithm = "ES256" if isinstance(used, ec.EllipticCurvePrivateKey) else "RS256"
        return jwt.encode(
            {name: value for name, value in filled.items() if value is not None},
            used,
            algorithm=(header or {}).get("alg", algorithm),
            headers={"kid": key_id, **(header or {})},
        )

    def answer(self, path: str) -> dict[str, Any] | None:
        self.asked.append(path)
        if path == "/realm/.well-known/openid-configuration":
            return self.discovery
        if path != "/realm/keys":
            return None
        keys = []
        for key_id, key in self.keys.items():
            kind = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
            keys.append({**kind.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"})
        return {"keys": [*keys, *self.extra_keys]}


@contextmanager
def small_issuer() -> Generator[SmallIssuer]:
    """It answers until the end of the block."""
    issuer: SmallIssuer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = issuer.answer(self.path)
            body = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = SmallIssuer(server.server_port)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
