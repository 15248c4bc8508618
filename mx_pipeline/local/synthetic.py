"""Starts the synthetic MX alone, and tells the person how to reach it."""

from __future__ import annotations

import os
import socket
import sys

from mx_pipeline.errors import LocalFailed
from mx_pipeline.synthetic_mx.keys import derived_key
from mx_pipeline.synthetic_mx.serve import BACKLOG, FIRST_DEMO_MERCHANT, serve

MOST_KEYS_SHOWN = 5


def serve_synthetic_mx(
    *,
    host: str,
    port: int,
    descriptor: int | None,
    merchants: int,
    payments: int,
    seed: int,
    latency_ms: float,
) -> None:
    """Serve until SIGTERM or Ctrl-C: on the socket with this descriptor, or on the address.

    Raises LocalFailed where the address cannot be had.
    """
    listens = _listening(host, port) if descriptor is None else socket.socket(fileno=descriptor)
    host, port = listens.getsockname()[:2]
    shown_host = f"[{host}]" if ":" in host else host
    lines = [f"synthetic MX on http://{shown_host}:{port}, merchants: {merchants}; stop it with Ctrl-C"]
    for merchant_id in range(FIRST_DEMO_MERCHANT, FIRST_DEMO_MERCHANT + min(merchants, MOST_KEYS_SHOWN)):
        key = derived_key(merchant_id, seed)
        lines.append(f"merchant {merchant_id}: key {key.consumer_key}, secret {key.consumer_secret}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    serve(
        host, port, listens=listens, merchants=merchants, payments=payments, seed=seed, latency_ms=latency_ms
    )


def _listening(host: str, port: int) -> socket.socket:
    """Uvicorn would only log why it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise LocalFailed(
            f"the synthetic MX cannot listen on {host} port {port}: {_reason(error)}; "
            "choose another with --port or --host"
        ) from error


def _reason(error: OSError) -> str:
    """Without the address, which asyncio and `create_server` add to it."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
