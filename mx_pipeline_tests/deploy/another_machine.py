"""Another machine, as the network sees it: a network namespace with its own loopback and a cable to this one."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mx_pipeline_tests import system_parts

Result = TypeVar("Result")
HERE, THERE, PREFIX = "198.18.77.1", "198.18.77.2", 30
"""Of the range that is set apart for such tests (RFC 2544)."""
CLONE_NEWNET = 0x40000000
WITHOUT_IT = (
    "two machines are simulated with network namespaces, which need root and the program ip: run this as root, with "
    "CAP_NET_ADMIN in a container, after: apt-get install iproute2"
)


@dataclass(frozen=True)
class AnotherMachine:
    """Reached over one cable, which may be cut."""

    name: str
    cable: str
    """Our end of it."""

    def cut(self) -> None:
        """Nobody is told: what is sent is lost."""
        _ip("link", "set", self.cable, "down")

    def restore(self) -> None:
        _ip("link", "set", self.cable, "up")

    def start(self, command: list[str], **how: Any) -> subprocess.Popen[str]:
        """A process that runs there."""
        return subprocess.Popen([_program(), "netns", "exec", self.name, *command], text=True, **how)

    def do(self, something: Callable[[], Result]) -> Result:
        """Here, but the sockets that it opens are there; on a thread of its own, which ends with it."""
        with ThreadPoolExecutor(1, initializer=self._enter) as over_there:
            return over_there.submit(something).result()

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/run/netns", self.name).open("rb") as namespace:
            entered = libc.setns(namespace.fileno(), CLONE_NEWNET)
        assert entered == 0, os.strerror(ctypes.get_errno())


@contextmanager
def another_machine() -> Generator[AnotherMachine]:
    """Gone with the block, and what runs there with it."""
    number = os.getpid()
    machine = AnotherMachine(f"mx-{number}", f"mx-{number}a")
    other_end = f"mx-{number}b"
    assert system_parts.ip() is not None, WITHOUT_IT
    assert os.geteuid() == 0, WITHOUT_IT
    try:
        _ip("netns", "add", machine.name)
        _ip("link", "add", machine.cable, "type", "veth", "peer", "name", other_end, "netns", machine.name)
        _ip("address", "add", f"{HERE}/{PREFIX}", "dev", machine.cable)
        _ip("link", "set", machine.cable, "up")
        _ip("-n", machine.name, "address", "add", f"{THERE}/{PREFIX}", "dev", other_end)
        _ip("-n", machine.name, "link", "set", other_end, "up")
        _ip("-n", machine.name, "link", "set", "lo", "up")
        yield machine
    finally:
        subprocess.run([_program(), "netns", "delete", machine.name], check=False)
        # With the namespace goes its end of the cable, and with that ours; but only when its last socket is closed.
        subprocess.run([_program(), "link", "delete", machine.cable], check=False, capture_output=True)


def _program() -> str:
    return str(system_parts.ip())


def _ip(*words: str) -> None:
    done = subprocess.run([_program(), *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}. {WITHOUT_IT}"
