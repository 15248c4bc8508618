"""The HTTP door on a real port, with a warehouse and a synthetic MX behind it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from mx_pipeline.access import TenantRole
from mx_pipeline.operations.web.app import create_app
from mx_pipeline.operations.web.serving import config_for
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.settings import Settings
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.warehouse.dispatching import claim_next
from mx_pipeline_tests.fakes.people import has_person, has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine

SECONDS = 20
START_SECONDS = 10
Serve = Callable[..., "Web"]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@dataclass
class Web:
    """A server and those who call it."""

    url: str
    warehouse: WarehouseUnderTest
    _tokens: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> requests.Response:
        """One call on a connection of its own."""
        headers = {**more.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return requests.request(
            method, self.url + path, headers=headers, timeout=SECONDS, allow_redirects=False, **more
        )

    def token(self, role: TenantRole = "tenant_admin", merchant_id: int = MERCHANT) -> str:
        """The token of somebody with that role there; the same person each time."""
        name = f"{role} {merchant_id}"
        if name not in self._tokens:
            self._tokens[name] = token_of(self.warehouse, has_person_as(self.warehouse, role, merchant_id))
        return self._tokens[name]

    def token_of_nobody(self) -> str:
        """Of a person who may do nothing anywhere."""
        if "nobody" not in self._tokens:
            person = has_person(self.warehouse, "nobody@clinic.example")
            self._tokens["nobody"] = token_of(self.warehouse, person)
        return self._tokens["nobody"]


class Answering:
    """What a worker does, without Dagster: takes whose turn it is, and answers."""

    def __init__(self, settings: Settings, warehouse: WarehouseUnderTest) -> None:
        self._answerer = Answerer.from_settings(settings, name="answering in a test")
        self._dispatcher = warehouse.dispatcher
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answering")

    def _run(self) -> None:
        while not self._is_over.is_set():
            with self._dispatcher.everyone() as session:
                found = claim_next(session, claimed_by=self._answerer.name)
            if found is None:
                self._is_over.wait(0.02)
            else:
                self._answerer.answer(found.merchant_id, found.request_id)

    def __enter__(self) -> Answering:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._answerer.stop.raise_it("the test is over")
        self._thread.join(SECONDS)
        self._answerer.close()


@pytest.fixture
def worker(shell: CommandLine, warehouse: WarehouseUnderTest) -> Iterator[Answering]:
    """Answers requests until the end of the test."""
    with Answering(Settings.from_environment(shell.environment), warehouse) as answering:
        yield answering


@pytest.fixture
def served(shell: CommandLine, warehouse: WarehouseUnderTest) -> Iterator[Serve]:
    """Starts servers; variables of the environment can be set for each."""
    running: list[tuple[_Server, threading.Thread]] = []

    def start(*, also: Callable[[FastAPI], object] | None = None, **variables: str) -> Web:
        environment = {**shell.environment, **variables}
        app = create_app(Settings.from_environment(environment), WebSettings.from_environment(environment))
        if also is not None:
            also(app)
        listener = socket.create_server(("127.0.0.1", 0), backlog=2_048)
        server = _Server(config_for(app))
        thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        return Web(f"http://127.0.0.1:{listener.getsockname()[1]}", warehouse)

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()


@pytest.fixture
def web(served: Serve) -> Web:
    """A server with everything as it is by default; `clinic` makes merchants."""
    return served()
