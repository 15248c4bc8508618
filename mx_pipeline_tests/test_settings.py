"""What the environment says is checked at the door, and a wrong word is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mx_pipeline.errors import BadInput, BadSettings
from mx_pipeline.sealing import SealingKey
from mx_pipeline.settings import Settings
from mx_pipeline.words import merchant_id, mx_environment, timezone

URL = "postgresql://someone:hush-hush@localhost:5432/mx"


def read(**environment: str) -> Settings:
    return Settings.from_environment(environment)


def test_the_vendor_is_the_default(tmp_path: Path) -> None:
    settings = read(MX_HOME=str(tmp_path))

    assert settings.mx_urls == {
        "production": "https://api.mxmerchant.com",
        "sandbox": "https://sandbox.api.mxmerchant.com",
    }


@pytest.mark.parametrize(
    "url",
    [
        "ftp://mx.example",
        "https://mx.example/path",
        "https://user:word@mx.example",
        "mx.example",
        "https://x?y=1",
    ],
)
def test_an_address_that_is_more_or_less_than_scheme_and_host_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="MX_SANDBOX_URL"):
        read(MX_SANDBOX_URL=url)


def test_keys_do_not_travel_in_the_clear() -> None:
    assert read(MX_SANDBOX_URL="http://127.0.0.1:8100").mx_urls["sandbox"] == "http://127.0.0.1:8100"
    with pytest.raises(BadSettings, match="https"):
        read(MX_PRODUCTION_URL="http://mx.example")


def test_no_database_and_no_key_say_what_to_do(tmp_path: Path) -> None:
    settings = read(MX_HOME=str(tmp_path))

    with pytest.raises(BadSettings, match="MX_DATABASE_URL"):
        settings.warehouse_url()
    with pytest.raises(BadSettings, match="DAGSTER_PG_URL"):
        settings.dagster_storage_url()
    with pytest.raises(BadSettings, match="MX_SEALING_KEY"):
        settings.sealer()


def test_the_embedded_postgres_is_found_by_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "connection.json").write_text('{"port": 4711, "password": "p"}')

    settings = read(MX_HOME=str(tmp_path))

    assert settings.is_embedded
    assert settings.warehouse_url() == "postgresql://postgres:p@127.0.0.1:4711/mx_pipeline"
    assert settings.dagster_storage_url() == "postgresql://postgres:p@127.0.0.1:4711/dagster"


def test_the_sealing_key_comes_from_the_variable_or_from_its_file(tmp_path: Path) -> None:
    kept, given = SealingKey.generate(), SealingKey.generate()
    (tmp_path / "sealing_key").write_text(kept.to_base64())

    assert read(MX_HOME=str(tmp_path)).key() == kept
    assert read(MX_HOME=str(tmp_path), MX_SEALING_KEY=given.to_base64()).key() == given


def test_settings_show_no_secret(tmp_path: Path) -> None:
    key = SealingKey.generate()

    shown = repr(
        read(MX_HOME=str(tmp_path), MX_DATABASE_URL=URL, DAGSTER_PG_URL=URL, MX_SEALING_KEY=key.to_base64())
    )

    assert "hush-hush" not in shown
    assert key.to_base64() not in shown


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "1.5", "9223372036854775808", "1e9", "\u0661", " 7"])
def test_what_is_no_merchant_id_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="merchant id"):
        merchant_id(text)


def test_words_of_a_person_are_checked() -> None:
    assert (merchant_id("1000000001"), timezone("America/Chicago"), mx_environment("sandbox")) == (
        1_000_000_001,
        "America/Chicago",
        "sandbox",
    )
    with pytest.raises(BadInput, match="IANA"):
        timezone("Chicago")
    with pytest.raises(BadInput, match="sandbox or production"):
        mx_environment("test")
