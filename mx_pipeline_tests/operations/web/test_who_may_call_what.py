"""S14: every route, by every role, at one's own merchant, another's and none; what is not in the table is red."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.routing import APIRoute

from mx_pipeline.access import TENANT_ROLES, role_permissions
from mx_pipeline.operations.web.app import create_app
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.settings import Settings
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.web.conftest import Web

Clinic = Callable[..., int]
OTHER = MERCHANT + 1
SEES = ("transactions.view:readonly", "invoices.view:readonly")
FIGURES = ("reports.view", "analytics.view")


@dataclass(frozen=True)
class Rule:
    """Who may call it: with one of these permissions at the merchant; None: whoever is signed in."""

    permissions: tuple[str, ...] | None
    path: str
    """{m} is the merchant, {s} one of its syncs, {i} one of its invoices."""
    body: dict[str, Any] = field(default_factory=dict)


RULES: dict[tuple[str, str], Rule] = {
    ("POST", "/api/sync/manual"): Rule(("sync.manual",), "/api/sync/manual", {"transactionCount": 7}),
    ("GET", "/api/sync/{id}"): Rule(SEES, "/api/sync/{s}"),
    ("GET", "/api/sync/{id}/events"): Rule(SEES, "/api/sync/{s}/events"),
    ("DELETE", "/api/sync/{id}"): Rule(("sync.manual",), "/api/sync/{s}"),
    ("GET", "/api/syncs"): Rule(SEES, "/api/syncs?merchantId={m}"),
    ("GET", "/api/merchants"): Rule(None, "/api/merchants"),
    ("GET", "/api/transactions"): Rule(SEES[:1], "/api/transactions?merchantId={m}"),
    ("GET", "/api/invoices"): Rule(SEES[1:], "/api/invoices?merchantId={m}"),
    ("PATCH", "/api/invoices/{id}/data-sent"): Rule(
        ("invoices.update_data_sent",), "/api/invoices/{i}/data-sent", {"status": "yes"}
    ),
    ("GET", "/api/reports/revenue"): Rule(("transactions.view",), "/api/reports/revenue?merchantId={m}"),
    ("GET", "/api/reports/investors/{which}"): Rule(
        FIGURES, "/api/reports/investors/revenue-by-month?merchantId={m}"
    ),
    ("POST", "/api/invitations"): Rule(
        ("users.invite",), "/api/invitations", {"email": "new@clinic.example", "role": "viewer"}
    ),
}
FOR_STRANGERS = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/signin"),
    ("GET", "/signin/issuer"),
    ("GET", "/signin/callback"),
    ("POST", "/signout"),
    ("POST", "/api/invitations/accept"),
}
"""Who calls these is nobody yet, or not before the merchant's data; each has tests of its own."""


def all_routes(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from all_routes(route.original_router)


def test_every_route_of_the_api_has_a_rule(shell: CommandLine) -> None:
    app = create_app(Settings.from_environment(shell.environment), WebSettings())

    routes = {
        (method, route.path)
        for route in all_routes(app)
        if route.include_in_schema or route.path.startswith("/api")
        for method in route.methods
    }

    assert routes - FOR_STRANGERS == set(RULES)


def call(web: Web, rule: Rule, method: str, merchant_id: int, token: str | None) -> int:
    numbers = dict(web.warehouse.rows("SELECT merchant_id, max(request_id) FROM mx.sync_requests GROUP BY 1"))
    path = rule.path.format(m=merchant_id, s=f"{merchant_id}-{numbers[merchant_id]}", i=f"{merchant_id}-70")
    more: dict[str, Any] = {"stream": True}
    if rule.body:
        more["json"] = rule.body if "{i}" in rule.path else {"merchantId": merchant_id, **rule.body}
    with web.call(method, path, token=token, **more) as answer:
        return answer.status_code


@pytest.fixture
def two_clinics(web: Web, clinic: Clinic) -> Web:
    for merchant_id in (MERCHANT, OTHER):
        clinic(merchant_id)
        web.warehouse.damage(
            "INSERT INTO mx.invoice_documents (merchant_id, mx_invoice_id, invoice_number, observed_at) "
            "VALUES (:merchant_id, 70, 700, now())",
            merchant_id=merchant_id,
        )
        asking = {"merchantId": merchant_id}
        web.call("POST", "/api/sync/manual", token=web.token("tenant_admin", merchant_id), json=asking)
    return web


@pytest.mark.parametrize("role", TENANT_ROLES)
def test_s14_a_role_does_what_it_may_at_its_own_merchant_and_nothing_at_another(
    two_clinics: Web, warehouse: WarehouseUnderTest, role: Any
) -> None:
    web = two_clinics
    wrong: list[str] = []
    denied = 0
    for (method, path), rule in RULES.items():
        may = rule.permissions is None or not role_permissions(role).isdisjoint(rule.permissions)
        for merchant_id, expected in ((OTHER, rule.permissions is None), (MERCHANT, may)):
            status = call(web, rule, method, merchant_id, web.token(role))
            denied += status == 403
            if (status in (200, 201, 202)) != expected or (not expected and status != 403):
                wrong.append(f"{role} {method} {path} at {merchant_id}: {status}")

    assert wrong == []
    assert warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'access.refused'") == denied


def test_s14_nobody_and_whoever_may_do_nothing_are_refused_everywhere(two_clinics: Web) -> None:
    web = two_clinics

    for (method, _), rule in RULES.items():
        assert call(web, rule, method, MERCHANT, None) == 401
        assert call(web, rule, method, MERCHANT, "mxp_" + "0" * 32 + "_" + "A" * 43) in (401, 429)
        assert call(web, rule, method, MERCHANT, web.token_of_nobody()) == (403 if rule.permissions else 200)


def test_s14_a_merchant_that_is_not_there_is_not_told_from_anothers(two_clinics: Web) -> None:
    web = two_clinics
    token = web.token("tenant_admin")

    answers = [web.call("GET", f"/api/transactions?merchantId={m}", token=token) for m in (OTHER, 999)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert len({answer.json()["detail"].replace(str(OTHER), "999") for answer in answers}) == 1


def test_s14_a_sync_is_found_under_its_own_merchant_only(
    two_clinics: Web, warehouse: WarehouseUnderTest
) -> None:
    web = two_clinics
    theirs = warehouse.value("SELECT request_id FROM mx.sync_requests WHERE merchant_id = :m", m=OTHER)

    for method in ("GET", "DELETE"):
        answer = web.call(method, f"/api/sync/{MERCHANT}-{theirs}", token=web.token("tenant_admin"))
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_request")
    assert warehouse.value("SELECT status FROM mx.sync_requests WHERE request_id = :r", r=theirs) == "asked"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/api/invitations",
            {"email": "a@b.example", "role": "viewer", "permissions": {"grant": ["names.view"]}},
        ),
        ("/api/invitations", {"email": "a@b.example", "role": "viewer", "granted_by": "operator"}),
        ("/api/sync/manual", {"asked_by": "operator:root"}),
        ("/api/sync/manual", {"lane": 1}),
    ],
)
def test_s14_a_field_that_is_not_offered_is_refused_by_name(
    two_clinics: Web, path: str, body: dict[str, Any]
) -> None:
    sent = {"merchantId": MERCHANT, **body}
    answer = two_clinics.call("POST", path, token=two_clinics.token("tenant_admin"), json=sent)

    assert answer.status_code == 422
    assert list(body)[-1] in answer.json()["detail"]


def test_s14_nobody_invites_to_more_than_they_may_give(two_clinics: Web) -> None:
    web = two_clinics
    body = {"merchantId": MERCHANT, "email": "new@clinic.example"}

    given = {
        role: web.call(
            "POST", "/api/invitations", token=web.token("tenant_admin"), json={**body, "role": role}
        ).status_code
        for role in (*TENANT_ROLES, "super_admin")
    }

    assert given == {
        "tenant_owner": 403,
        "tenant_admin": 403,
        "clinic_staff": 201,
        "nurse": 201,
        "viewer": 201,
        "investor": 403,
        "super_admin": 422,
    }
