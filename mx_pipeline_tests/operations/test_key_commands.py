"""`mx-pipeline keys …`: by their ids, and never a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.administering import set_passwords
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

NEW = SealingKey.generate()


@pytest.fixture
def two_keys(warehouse: WarehouseUnderTest) -> Iterator[dict[str, str]]:
    """The environment of the rotation; the session's logins are put right after."""
    yield {
        "MX_SEALING_KEY": NEW.to_base64(),
        "MX_SEALING_KEY_PREVIOUS": warehouse.logins.key.to_base64(),
    }
    set_passwords(warehouse.logins)


def test_a_rotation_shows_ids_and_goes_on_the_record(
    here: Here, warehouse: WarehouseUnderTest, two_keys: dict[str, str]
) -> None:
    warehouse.has_merchant()
    warehouse.close()
    old = warehouse.logins.key.key_id

    before = here("keys", "show", **two_keys)
    done = here("keys", "rotate", "--json", **two_keys)
    after = here("keys", "show", "--json", **{**two_keys, "MX_SEALING_KEY_PREVIOUS": None})

    assert f"{old}: 1 merchants; MX_SEALING_KEY_PREVIOUS" in before.out
    assert f"{NEW.key_id}: 0 merchants; MX_SEALING_KEY" in before.out
    assert (done.code, done.answer) == (0, {"key_id": NEW.key_id, "resealed": 1, "unopened": []})
    assert after.answer == {"keys": [{"key_id": NEW.key_id, "merchants": 1, "known_as": "MX_SEALING_KEY"}]}
    ((action, detail),) = warehouse.rows("SELECT action, detail FROM mx.audit_log WHERE merchant_id = 0")
    assert (action, detail) == (
        "keys.rotated",
        {"from": [old], "to": NEW.key_id, "merchants": 1, "unopened": 0},
    )
    for key in two_keys.values():
        assert key not in before.out + done.out + after.out


def test_processes_that_know_only_the_old_key_are_not_locked_out_unless_it_is_said(
    here: Here, warehouse: WarehouseUnderTest, two_keys: dict[str, str]
) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT):
        refused = here("keys", "rotate", **two_keys)
        assert (refused.code, "do not know the current key" in refused.sentence) == (2, True)
        assert (
            warehouse.value("SELECT sealing_key_id FROM mx.mx_merchant_configs")
            == warehouse.logins.key.key_id
        )

        assert here("keys", "rotate", "--now", **two_keys).code == 0


def test_what_does_not_open_is_named(
    here: Here, warehouse: WarehouseUnderTest, two_keys: dict[str, str]
) -> None:
    warehouse.has_merchant()
    warehouse.close()
    lost = {"MX_SEALING_KEY": NEW.to_base64(), "MX_SEALING_KEY_PREVIOUS": None}

    told = here("keys", "rotate", **lost)

    assert (told.code, str(MERCHANT) in told.out) == (3, True)
