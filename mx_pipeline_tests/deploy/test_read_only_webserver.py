"""The webserver for looking, with what its manifest gives it and nothing else: it shows, and launches nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mx_pipeline.local.children import Children
from mx_pipeline.local.dagster_parts import answers, dagster_environment, free_port
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline_tests.deploy.page import PROJECT
from mx_pipeline_tests.deploy.test_kubernetes import containers, manifests
from mx_pipeline_tests.worker.test_ui import LAUNCH, WHERE, Ui

IN_THE_IMAGE = "/opt/mx_pipeline"
CONFIGURATION = "{ instance { info runLauncher { name } runQueuingSupported } }"
SHUT_DOWN = (
    """mutation { shutdownRepositoryLocation(repositoryLocationName: "mx_pipeline") { __typename } }"""
)


@pytest.fixture
def looking(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Ui]:
    """What Kubernetes starts, but for addresses and paths of this machine; nobody is at the code server's port."""
    (container,) = (one for _, one in containers() if one["name"] == "webserver")
    (settings,) = (one for one in manifests("ConfigMap") if "MX_LOG_FORMAT" in one["data"])
    port = free_port()
    given = {
        **settings["data"],
        **{variable["name"]: "" for variable in container["env"]},
        "DAGSTER_PG_URL": postgres.create_database(f"dagster_looking_{os.getpid()}"),
        "MX_CODE_SERVER_HOST": "127.0.0.1",
        "MX_CODE_SERVER_PORT": str(free_port()),
        "MX_HOME": str(tmp_path),
    }
    environment = {
        **dagster_environment({"PATH": os.environ["PATH"]}),
        **{name: value.replace(IN_THE_IMAGE, str(PROJECT)) for name, value in given.items()},
    }
    command = [text.replace(IN_THE_IMAGE, str(PROJECT)) for text in container["args"]]
    for option, here in {"--host": "127.0.0.1", "--port": str(port)}.items():
        command[command.index(option) + 1] = here
    with Children(tmp_path / "logs", environment) as children:
        children.start("webserver", command)
        url = f"http://127.0.0.1:{port}"
        children.wait_until(lambda: answers(f"{url}/server_info"), what="the start of the webserver")
        yield Ui(url)


def test_it_shows_the_instance_and_refuses_every_button(looking: Ui) -> None:
    shown = looking.ask(CONFIGURATION)
    launched = looking.ask(
        LAUNCH,
        params={
            "selector": {**WHERE, "jobName": "tidy_up"},
            "mode": "default",
            "runConfigData": {},
        },
    )

    assert shown["runLauncher"] == {"name": "CeleryLauncher"}
    assert "CeleryLauncher" in shown["info"]
    assert launched["__typename"] == "UnauthorizedError"
    assert looking.ask(SHUT_DOWN)["__typename"] == "UnauthorizedError"
