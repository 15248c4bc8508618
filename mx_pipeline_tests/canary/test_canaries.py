"""No secret in any log, event, error, process list, database file; no name where names do not belong (S18, S22, I7)."""

from __future__ import annotations

import base64
import resource
from collections.abc import Iterator

import pytest

from mx_pipeline.synthetic_mx import CANARIES, NAME_CANARY, SyntheticMx
from mx_pipeline_tests.canary.forms import found_in
from mx_pipeline_tests.canary.scene import KEY, PAN, SECRET, ZONE, Scene, played
from mx_pipeline_tests.local.throwaway_postgres import throwaway_directory, throwaway_postgres

pytestmark = pytest.mark.xdist_group("canary")
"""In one process, for the scene takes a minute."""
HOLDS_THE_WAREHOUSE = (
    "dump of the warehouse",
    "files of Postgres",
    "log of Postgres",
    "statements under way",
)
"""Names are rows of it, and of a log of all statements; both are for its owner alone."""


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Postgres logs every statement, as it would for somebody who looks for a fault."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # as on a machine that keeps cores
    with (
        throwaway_postgres(log_statement="all", log_connections="on") as server,
        SyntheticMx.in_thread() as mx,
        throwaway_directory() as home,
    ):
        yield played(server, mx, home)
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_s18_the_scene_has_seen_every_ending(scene: Scene) -> None:
    migrate, add, success, refused, broken, partial, tried_again, no_key, resume, rotate, show, spoilt = (
        scene.codes
    )

    assert (migrate, add, success, resume, rotate, show) == (0, 0, 0, 0, 0, 0), scene.told.decode()
    assert (refused, broken, no_key, spoilt, partial, tried_again) == (1, 1, 1, 1, 3, 0)
    assert b"a defect in mx_pipeline (ZoneInfoNotFoundError)" in scene.told
    for place in scene.places.values():
        assert len(place) > 50
    dagster = scene.places["database of Dagster"]
    assert dagster.count(b"a defect in mx_pipeline") > 0
    assert b"ASSET_MATERIALIZATION" in dagster
    assert (
        b"log_statement" in scene.places["log of Postgres"]
        or b"statement: " in scene.places["log of Postgres"]
    )


def test_s18_s22_no_key_no_password_no_token_and_no_card_number_is_anywhere(scene: Scene) -> None:
    secrets: dict[str, str | bytes] = {
        "consumer key": KEY,
        "consumer secret": SECRET,
        "Authorization": base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
        "card number": PAN,
        "sealing key": scene.key.secret,
        "previous sealing key": scene.previous.secret,
        **{f"MX's {canary}": canary for canary in CANARIES},
        **scene.passwords,
    }

    assert found_in(scene.places, secrets) == []


def test_s18_no_name_and_no_row_is_told_outside_the_warehouse(scene: Scene) -> None:
    places = {name: place for name, place in scene.places.items() if name not in HOLDS_THE_WAREHOUSE}

    assert NAME_CANARY.encode() in scene.places["dump of the warehouse"]
    assert found_in(places, {"name": NAME_CANARY, "value of a row": ZONE}) == []


def test_s18_a_process_knows_from_its_environment_what_it_needs_and_no_key_of_a_merchant(
    scene: Scene,
) -> None:
    syncing = [
        environment for environment in scene.watch.environments if b"MX_CONSUMER_KEY" not in environment
    ]
    told = b"\n".join(syncing)

    assert len(scene.watch.environments) == len(syncing) + 1, "only `merchants add` was given the key"
    assert b"MX_SEALING_KEY=" in told
    assert found_in({"environment": told}, {"key": KEY, "secret": SECRET, **scene.passwords}) == []


def test_s18_a_process_that_opens_keys_leaves_no_core(scene: Scene) -> None:
    syncs = {
        line: limits
        for line, limits in scene.watch.core_limits.items()
        if b"\0sync" in line or b"dagster_run" in line
    }

    assert len(syncs) >= 3
    for line, limits in syncs.items():
        assert "0" in limits, line
