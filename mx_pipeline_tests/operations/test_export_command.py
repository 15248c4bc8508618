"""Exports by command: who may, how much, what the audit log has of it, and that the values are those stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from mx_pipeline.access import OPERATOR, Overrides, TenantRole
from mx_pipeline.operations import exporting
from mx_pipeline.operations.border import ExitCode
from mx_pipeline.warehouse.connections import SNAPSHOT
from mx_pipeline.warehouse.exporting import Range, count_rows
from mx_pipeline_tests.fakes.people import has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

OTHER = MERCHANT + 1
AUDITED = """
    SELECT merchant_id, actor, detail FROM mx.audit_log
     WHERE action = :action ORDER BY at, merchant_id, entry"""
ROWS = """
    INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at)
    VALUES (:merchant_id, 7, '2026-03-01T05:59Z', 12.30, 'Settled', '{"authCode": "-1"}', now()),
           (:merchant_id, 9007199254740993, '2026-03-01T06:00Z', -0.10, '=1+1', '{}', now());
    INSERT INTO mx.payment_people VALUES (:merchant_id, 7, 'Pat Secret', NULL);
    INSERT INTO mx.invoice_documents (merchant_id, mx_invoice_id, invoice_number, invoice_date, observed_at)
    VALUES (:merchant_id, 70, 700, '2026-03-01T06:00Z', now());
    INSERT INTO mx.invoice_people (merchant_id, mx_invoice_id, customer_name) VALUES (:merchant_id, 70, 'Pat Secret');
    INSERT INTO mx.invoice_purchases (merchant_id, mx_invoice_id, line, product_name, price)
    VALUES (:merchant_id, 70, 1, '@Botox', 0.3)
"""

Exports = Callable[..., Any]


@pytest.fixture
def clinics(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Two merchants that hold the same."""
    for merchant_id in (MERCHANT, OTHER):
        warehouse.has_merchant(merchant_id)
        warehouse.damage(ROWS, merchant_id=merchant_id)
    return warehouse


@pytest.fixture
def exports(clinics: WarehouseUnderTest, here: Here, tmp_path: Path) -> Exports:
    """Export as somebody: how the command ended."""

    def run(
        file: str, *more: object, what: str = "transactions", at: int = MERCHANT, person: str | None = None
    ) -> Any:
        token = None if person is None else token_of(clinics, person)
        return here("export", at, "--what", what, "--to", tmp_path / file, *more, MX_TOKEN=token)

    return run


def audited(warehouse: WarehouseUnderTest, action: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in warehouse.rows(AUDITED, action=action)]


def test_s23_what_is_exported_is_what_is_stored(
    clinics: WarehouseUnderTest, exports: Exports, tmp_path: Path
) -> None:
    staff = has_person_as(clinics, "clinic_staff")

    assert exports("rows.parquet", person=staff).code == 0
    assert exports("rows.csv", person=staff).code == 0

    exact = pd.read_parquet(tmp_path / "rows.parquet", dtype_backend="pyarrow")
    names = ", ".join(exact.columns)
    stored = clinics.rows(f"SELECT {names} FROM mx.transactions WHERE merchant_id = {MERCHANT} ORDER BY 2")
    back = [
        tuple(None if pd.isna(value) else value for value in row) for row in exact.itertuples(index=False)
    ]
    assert back == [tuple(row) for row in stored]
    told = pd.read_csv(tmp_path / "rows.csv", dtype=str)
    assert list(told.columns) == list(exact.columns)
    assert told["mx_payment_id"].tolist() == ["7", "9007199254740993"]
    assert told["amount"].tolist() == ["12.30", "-0.10"]
    assert told["status"].tolist() == ["Settled", "'=1+1"]
    assert told["auth_code"].tolist()[0] == "'-1"
    assert told["customer_name"].tolist()[0] == "Pat Secret"


@pytest.mark.parametrize("what", ["transactions", "invoices", "purchases"])
def test_s23_the_operator_exports_every_kind_without_names(
    clinics: WarehouseUnderTest, exports: Exports, tmp_path: Path, what: str
) -> None:
    ran = exports("rows.csv", what=what)

    assert ran.code == 0
    assert "without names" in ran.out
    text = (tmp_path / "rows.csv").read_text()
    assert len(text.splitlines()) == (3 if what == "transactions" else 2)
    assert "Pat Secret" not in text
    assert str(OTHER) not in text


def test_s23_an_export_is_audited_and_marked_without_a_value(
    clinics: WarehouseUnderTest, exports: Exports, tmp_path: Path
) -> None:
    staff = has_person_as(clinics, "clinic_staff")

    answer = exports("rows.csv", "--json", person=staff).answer["export"]
    exports("rows.parquet", person=staff)

    (first, second) = audited(clinics, "data.exported")
    merchant_id, actor, detail = first
    assert (merchant_id, actor) == (MERCHANT, f"user:{staff}")
    assert (detail["what"], detail["rows"], detail["names"]) == ("transactions", 2, True)
    assert "customer_name" in detail["columns"]
    assert "Pat" not in f"{first} {second}"
    beside = json.loads((tmp_path / "rows.csv.json").read_text())
    assert beside == answer
    assert (beside["exported_by"], beside["merchant_id"], beside["rows"]) == (f"user:{staff}", MERCHANT, 2)
    assert len(beside["sha256"]) == 64
    assert (tmp_path / "rows.csv.json").stat().st_mode & 0o777 == 0o600


def test_s23_the_record_is_there_before_the_first_row(
    clinics: WarehouseUnderTest, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def breaks_off(*_: object, **__: object) -> Any:
        seen.append(len(audited(clinics, "data.exported")))
        raise KeyboardInterrupt

    monkeypatch.setattr("mx_pipeline.warehouse.exporting.parts", breaks_off)

    assert exports("rows.csv").code == ExitCode.INTERRUPTED
    assert seen == [1]


@pytest.mark.parametrize(
    "role", ["tenant_owner", "tenant_admin", "clinic_staff", "nurse", "viewer", "investor"]
)
def test_s23_a_role_exports_if_the_table_says_so_and_a_refusal_is_recorded(
    clinics: WarehouseUnderTest, exports: Exports, tmp_path: Path, role: TenantRole
) -> None:
    person = has_person_as(clinics, role)
    may = role in ("tenant_owner", "tenant_admin", "clinic_staff")

    ran = exports("rows.csv", person=person)

    assert ran.code == (0 if may else ExitCode.DENIED)
    assert (tmp_path / "rows.csv").exists() == may
    assert len(audited(clinics, "access.refused")) == (0 if may else 1)
    assert exports("other.csv", at=OTHER, person=person).code == ExitCode.DENIED
    assert audited(clinics, "access.refused")[-1][:2] == (OTHER, f"user:{person}")
    assert not (tmp_path / "other.csv").exists()


def test_s23_names_leave_only_with_the_permission_for_names(
    clinics: WarehouseUnderTest, exports: Exports, tmp_path: Path
) -> None:
    viewer = has_person_as(clinics, "viewer", overrides=Overrides(grant=frozenset({"data.export"})))

    for what in ("transactions", "invoices"):
        assert exports(f"{what}.csv", what=what, person=viewer).code == 0
        frame = pd.read_csv(tmp_path / f"{what}.csv")
        assert frame["customer_name"].isna().all()
    assert [detail["names"] for *_, detail in audited(clinics, "data.exported")] == [False, False]


def test_s23_too_many_rows_for_a_role_are_refused_as_a_whole(
    clinics: WarehouseUnderTest, exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MOST_ROWS", {"clinic_staff": 1})
    staff = has_person_as(clinics, "clinic_staff")

    refused = exports("rows.csv", person=staff)
    fewer = exports("rows.csv", "--since", "2026-03-01", person=staff)

    assert refused.code == ExitCode.DENIED
    assert "--since" in refused.sentence
    assert fewer.code == 0
    assert len(audited(clinics, "access.refused")) == 1


def test_an_export_is_of_one_moment(clinics: WarehouseUnderTest) -> None:
    days, zone = Range(None, None), ZoneInfo("America/Chicago")

    with clinics.app.merchant(MERCHANT, person=OPERATOR, opening=SNAPSHOT) as tenant:
        before = count_rows(tenant, "transactions", days, zone)
        clinics.damage("UPDATE mx.payments SET vanished_at = now()")
        after = count_rows(tenant, "transactions", days, zone)

    assert (before, after) == (2, 2)


def test_days_are_the_merchants_own(exports: Exports, tmp_path: Path) -> None:
    exports("before.csv", "--until", "2026-03-01")
    exports("after.csv", "--since", "2026-03-01", "--until", "2026-03-02")
    exports("invoices.csv", "--since", "2026-03-01", what="invoices")
    exports("purchases.csv", "--until", "2026-03-01", what="purchases")

    assert pd.read_csv(tmp_path / "before.csv")["mx_payment_id"].tolist() == [7]
    assert pd.read_csv(tmp_path / "after.csv")["mx_payment_id"].tolist() == [9007199254740993]
    assert len(pd.read_csv(tmp_path / "invoices.csv")) == 1
    assert len(pd.read_csv(tmp_path / "purchases.csv")) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ("--what", "users", "--to", "x.csv"),
        ("--what", "transactions; DROP TABLE mx.payments", "--to", "x.csv"),
        ("--what", "transactions", "--to", "x.exe"),
        ("--what", "transactions", "--to", "nowhere/x.csv"),
        ("--what", "transactions", "--to", "x.csv", "--since", "2026-03-01' OR true --"),
        ("--what", "transactions", "--to", "x.csv", "--since", "2026-03-02", "--until", "2026-03-02"),
    ],
)
def test_s13_what_cannot_be_asked_is_told(
    clinics: WarehouseUnderTest, here: Here, wrong: tuple[str, ...]
) -> None:
    ran = here("export", MERCHANT, *wrong)

    assert ran.code == ExitCode.USAGE
    assert ran.sentence
    assert audited(clinics, "data.exported") == []
