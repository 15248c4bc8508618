"""A sealed key opens with our key, in its own merchant's row, and nowhere else."""

from __future__ import annotations

import pytest

from mx_pipeline.errors import BadSettings, SealBroken
from mx_pipeline.sealing import Sealer, SealingKey

SECRET = "s/e+cret="
KEY = SealingKey.generate()
SEALED = Sealer(KEY).seal(SECRET, merchant_id=1, name="consumer_key")


def test_what_was_sealed_opens() -> None:
    assert Sealer(KEY).open(SEALED, merchant_id=1, name="consumer_key", key_id=KEY.key_id) == SECRET


@pytest.mark.parametrize(("merchant_id", "name"), [(2, "consumer_key"), (1, "consumer_secret")])
def test_copied_to_another_place_it_stays_shut(merchant_id: int, name: str) -> None:
    with pytest.raises(SealBroken, match="does not open"):
        Sealer(KEY).open(SEALED, merchant_id=merchant_id, name=name, key_id=KEY.key_id)


def test_a_changed_byte_keeps_it_shut() -> None:
    changed = SEALED[:-1] + bytes([SEALED[-1] ^ 1])

    with pytest.raises(SealBroken):
        Sealer(KEY).open(changed, merchant_id=1, name="consumer_key", key_id=KEY.key_id)


def test_during_rotation_the_previous_key_still_opens() -> None:
    rotated = Sealer(SealingKey.generate(), previous=KEY)

    assert rotated.open(SEALED, merchant_id=1, name="consumer_key", key_id=KEY.key_id) == SECRET


def test_an_unknown_key_is_named_and_the_secret_is_not() -> None:
    with pytest.raises(SealBroken, match=KEY.key_id) as refused:
        Sealer(SealingKey.generate()).open(SEALED, merchant_id=1, name="consumer_key", key_id=KEY.key_id)

    assert SECRET not in str(refused.value)


def test_the_same_secret_never_seals_alike() -> None:
    assert Sealer(KEY).seal(SECRET, merchant_id=1, name="consumer_key") != SEALED


def test_each_login_has_its_own_password_and_always_the_same() -> None:
    assert KEY.derived_password("mx_loader") == KEY.derived_password("mx_loader")
    assert len({KEY.derived_password(role) for role in ("mx_loader", "mx_app", "mx_dispatcher")}) == 3


@pytest.mark.parametrize("text", ["", "short", "x" * 44, "AAAA" * 12])
def test_a_key_that_is_none_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(BadSettings, match="32 bytes in base64"):
        SealingKey.from_base64(text)


def test_no_key_shows_itself() -> None:
    assert KEY.to_base64() not in repr(KEY)
    assert repr(KEY.secret) not in repr(Sealer(KEY))
