"""What the processes of one machine are given."""

from __future__ import annotations

from mx_pipeline.local.dagster_parts import dagster_environment


def test_s18_a_merchants_key_that_lies_in_the_shell_is_not_handed_on() -> None:
    given = {"MX_CONSUMER_KEY": "k", "MX_CONSUMER_SECRET": "s", "MX_SEALING_KEY": "kept", "PATH": "/bin"}

    handed_on = dagster_environment(given)

    assert {"MX_CONSUMER_KEY", "MX_CONSUMER_SECRET"}.isdisjoint(handed_on)
    assert handed_on["MX_SEALING_KEY"] == "kept"
