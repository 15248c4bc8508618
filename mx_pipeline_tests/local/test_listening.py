"""Two that start on one machine at once both come up, each at an address of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mx_pipeline.local.children import Children
from mx_pipeline.local.dagster_parts import answers, dagster_environment, free_port, listening, url_of
from mx_pipeline.local.up import start_synthetic_mx


def test_two_that_choose_the_same_port_before_either_serves_both_come_up(tmp_path: Path) -> None:
    preferred = free_port()
    # `up` chooses here, and its server listens seconds later.
    chosen = [listening(preferred), listening(preferred)]
    urls = [url_of(listens) for listens in chosen]

    with (
        Children(tmp_path / "one", dagster_environment(os.environ)) as one,
        Children(tmp_path / "other", dagster_environment(os.environ)) as other,
    ):
        start_synthetic_mx(one, chosen[0])
        start_synthetic_mx(other, chosen[1])
        is_up = [answers(f"{url}/__admin/merchants") for url in urls]

    assert urls[0] == f"http://127.0.0.1:{preferred}" != urls[1]
    assert is_up == [True, True]
    assert not any(answers(f"{url}/__admin/merchants") for url in urls), "nobody else holds the sockets"


def test_a_taken_address_is_said_in_words(tmp_path: Path) -> None:
    with listening() as taken:
        port = url_of(taken).rsplit(":", 1)[1]
        program = Path(sys.executable).parent / "mx-pipeline"
        refused = subprocess.run(
            [program, "synthetic-mx", "--port", port], capture_output=True, text=True, timeout=60, check=False
        )

    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in refused.stderr
