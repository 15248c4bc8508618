"""The server as a program of its own: it starts, serves its demo merchants, and ends cleanly on a signal."""

import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

START_SECONDS = 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(number: signal.Signals):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"from mx_pipeline.synthetic_mx import serve; serve(port={port}, merchants=3, payments=10)"
    server = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            known = requests.get(f"http://127.0.0.1:{port}/__admin/merchants", timeout=5).json()
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline, "did not start"
            time.sleep(0.05)

    server.send_signal(number)
    _, errors = server.communicate(timeout=10)

    assert [merchant["payments"] for merchant in known] == [10, 10, 10]
    assert (server.returncode, errors) == (0, b"")
