"""The scene of processes: their statements go through a wire that is watched."""

from __future__ import annotations

from mx_pipeline_tests.faults.database.conftest import wire

__all__ = ["wire"]
