"""Streams that break off do so as themselves, and no secret is repeated where one is refused."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import Any

import pytest

from mx_pipeline.age import decrypt, encrypt, identities_of, recipients_of
from mx_pipeline.errors import BadInput, BadSettings

AGE: Any = import_module("pyrage")


class Broken:
    """A stream at which somebody presses Ctrl-C, or whose disk is full."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def read(self, _size: int = -1, /) -> bytes:
        raise self.error

    def write(self, _part: bytes, /) -> object:
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_goes_wrong_with_our_own_stream_is_not_taken_for_a_broken_backup(error: BaseException) -> None:
    secret = AGE.x25519.Identity.generate()
    recipients, identities = (str(secret.to_public()),), (str(secret),)
    sealed = BytesIO()
    encrypt(BytesIO(b"x" * 200_000), sealed, recipients)

    for act, source, sink, keys in (
        (encrypt, Broken(error), BytesIO(), recipients),
        (encrypt, BytesIO(b"x" * 200_000), Broken(error), recipients),
        (decrypt, Broken(error), BytesIO(), identities),
        (decrypt, BytesIO(sealed.getvalue()), Broken(error), identities),
    ):
        with pytest.raises(type(error)) as raised:
            act(source, sink, keys)
        assert raised.value is error


@pytest.mark.parametrize("text", ["", "# nothing\n", "AGE-SECRET-KEY-1CANARY"])
def test_an_identity_file_without_an_identity_is_named_and_not_quoted(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        identities_of(text)
    assert "CANARY" not in str(refused.value)


def test_every_recipient_is_checked() -> None:
    good = str(AGE.x25519.Identity.generate().to_public())

    assert recipients_of(f" {good},{good} ", variable="X") == (good, good)
    with pytest.raises(BadSettings, match="key 2 in X"):
        recipients_of(f"{good},age1", variable="X")
