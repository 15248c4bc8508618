"""MX's side of a webhook: a body as the paper has it, and whoever posts it."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import requests

from mx_pipeline.access import OPERATOR
from mx_pipeline.operations.web.notifications import read_notification
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import INBOX_ROLE
from mx_pipeline.warehouse.webhook_keys import issue_key
from mx_pipeline.warehouse.webhooks import receive
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

PAYMENT = 4_000_000_000_000_001


def a_key(warehouse: WarehouseUnderTest, merchant_id: int = MERCHANT) -> str:
    """A new key of the merchant."""
    with warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
        return issue_key(tenant, created_by="operator:test")


def a_body(payment_id: int = PAYMENT, merchant_id: int = MERCHANT, **fields: Any) -> bytes:
    """As `mx_api.md` 4.3 has it: every value is a string."""
    told = {
        "eventType": "PaymentSuccess",
        "merchantId": str(merchant_id),
        "dba": "Example Clinic",
        "id": str(payment_id),
        "invoiceId": "",
        "invoiceNumber": "1234",
        "localDate": "Aug 5 2025  6:02AM",
        "totalAmount": "207.00",
        "customer": "Pat Example",
        **fields,
    }
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def rings(url: str, key: str, body: bytes | None = None, **more: Any) -> requests.Response:
    """One notification."""
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    return requests.post(
        f"{url}/webhooks/mx/{key}",
        data=a_body() if body is None else body,
        headers=headers,
        timeout=20,
        **more,
    )


def heard(warehouse: WarehouseUnderTest, key: str, *bodies: bytes) -> None:
    """They are in the inbox, as if they had come by the door."""
    with closing(Warehouse(warehouse.logins, INBOX_ROLE)) as inbox:
        assert len(receive(inbox, [read_notification(key, body) for body in bodies])) == len(bodies)
