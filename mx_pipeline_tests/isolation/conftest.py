"""What tests of isolation ask for: two clinics whose records carry the same ids."""

from __future__ import annotations

from mx_pipeline_tests.fakes.clinic import a_clinic, mx, synthetic_mx

__all__ = ["a_clinic", "mx", "synthetic_mx"]
