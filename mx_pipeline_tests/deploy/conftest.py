"""The deployment of docs/deploying.md, started from the page."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mx_pipeline.local.children import STOP_SECONDS, Child, Children
from mx_pipeline.local.dagster_parts import CODE_SERVER_STOP_SECONDS, accepts, answers, free_port
from mx_pipeline_tests.deploy.page import PROJECT, commands
from mx_pipeline_tests.worker.conftest import Deployment, deployment, synthetic_mx, until
from mx_pipeline_tests.worker.test_ui import Ui

__all__ = ["deployment", "synthetic_mx"]

WORKERS = ("one", "two")


class OnCelery:
    """Redis, Dagster and two workers, each a process of its own."""

    def __init__(self, deployment: Deployment, home: Path, children: Children) -> None:
        self.deployment, self.home, self._children = deployment, home, children
        self._ports = {port: free_port() for port in ("6379", "4000", "3000", "8000")}
        self._commands = commands(self._ports)
        self._running: dict[str, Child] = {}
        self.ui = Ui(f"http://127.0.0.1:{self._ports['3000']}")

    def start(self, name: str) -> None:
        """A command that stays, in its terminal."""
        text = self._commands["environment"] + "exec " + self._commands[name]
        self._running[name] = self._children.start(
            name,
            ["bash", "-c", text],
            stop_seconds=CODE_SERVER_STOP_SECONDS if name == "code-server" else STOP_SECONDS,
        )

    def run(self, name: str) -> str:
        """A command that ends; returns what it prints."""
        return subprocess.run(
            ["bash", "-ec", self._commands["environment"] + self._commands[name]],
            env=dict(self._children.environment),
            check=True,
            capture_output=True,
            text=True,
            cwd=PROJECT,
        ).stdout

    def start_everything(self) -> None:
        self.start_redis()
        self.run("migrate")
        for name in ("code-server", "worker-one", "worker-two"):
            self.start(name)
        self._wait(lambda: accepts(self._ports["4000"]), "the code server")
        self.start("daemon")
        self.start("webserver")
        self.start("api")
        for name in WORKERS:
            self._wait_for_worker(name)
        self._wait(lambda: answers(f"http://127.0.0.1:{self._ports['3000']}/server_info"), "the webserver")
        self._wait(lambda: answers(f"http://127.0.0.1:{self._ports['8000']}/readyz"), "the HTTP API")

    def start_worker(self, name: str) -> None:
        """One that was lost."""
        self.start(f"worker-{name}")
        self._wait_for_worker(name)

    def start_redis(self) -> None:
        self.start("redis")
        self._wait(lambda: accepts(self._ports["6379"]), "Redis")

    def redis_restarts_and_has_forgotten_everything(self) -> None:
        self.lose("redis")
        shutil.rmtree(self.home / "appendonlydir")
        self.start_redis()

    def lose(self, name: str) -> None:
        """With SIGKILL; from now on it may be gone."""
        child = self._running.pop(name)
        child.process.kill()
        self.is_lost(child)

    def kill_worker(self, name: str) -> None:
        """The page has it for worker one."""
        child = self._running.pop(f"worker-{name}")
        self._commands[f"kill-{name}"] = self._commands["kill-one"].replace("one.pid", f"{name}.pid")
        self.run(f"kill-{name}")
        self.is_lost(child)

    def is_lost(self, child: Child) -> None:
        child.process.wait(10)
        self._children.started.remove(child)

    def worker_with(self, task_id: str) -> str:
        """Whose process runs it."""

        def found() -> str | None:
            told: dict[str, list[Any]] = json.loads(self.run("who"))
            return next(
                (name for name, tasks in told.items() if task_id in [task["id"] for task in tasks]), None
            )

        return str(until(found, f"a worker that runs {task_id}")).partition("@")[0]

    def log(self, name: str) -> str:
        return self._running[name].log.read_text(encoding="utf-8", errors="replace")

    def _wait_for_worker(self, name: str) -> None:
        self._wait(lambda: " ready." in self.log(f"worker-{name}"), f"worker {name}")

    def _wait(self, is_ready: Any, what: str) -> None:
        self._children.wait_until(is_ready, what=f"the start of {what}")


@pytest.fixture
def on_celery(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnCelery]:
    monkeypatch.chdir(PROJECT)  # as the page says
    with Children(tmp_path / "logs", deployment.environment) as children:
        on_celery = OnCelery(deployment, tmp_path, children)
        on_celery.start_everything()
        yield on_celery
