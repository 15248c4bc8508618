"""Loads what only runs on one machine, by name and only when asked: no other command pays for it."""

from __future__ import annotations

import importlib
from typing import Any


def local_room(name: str) -> Any:
    """`mx_pipeline.local.<name>`."""
    return importlib.import_module(f"mx_pipeline.local.{name}")


def worker_room(name: str = "supervisor") -> Any:
    """`mx_pipeline.worker.<name>`; its supervisor knows Dagster."""
    return importlib.import_module(f"mx_pipeline.worker.{name}")
