"""What tests of a sync ask for: a clinic in the synthetic MX and in a warehouse of its own."""

from __future__ import annotations

from mx_pipeline_tests.fakes.clinic import QUICK, Clinic, a_clinic, mx, synthetic_mx

__all__ = ["QUICK", "Clinic", "a_clinic", "mx", "synthetic_mx"]
