"""Measures a sync against floors of the same run: `python -m mx_pipeline_tests.bench`. Nothing here is a test."""
