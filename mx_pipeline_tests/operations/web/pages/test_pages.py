"""The pages without a browser: who may open which, what is escaped, where a form may come from and go to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from mx_pipeline.access import TENANT_ROLES
from mx_pipeline_tests.fakes.people import has_person, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.web.conftest import SECONDS, Web

Clinic = Callable[..., int]
OTHER = MERCHANT + 1
OPENS = {
    "sync": {"tenant_owner", "tenant_admin", "clinic_staff", "nurse", "viewer"},
    "transactions": {"tenant_owner", "tenant_admin", "clinic_staff", "viewer"},
    "invoices": {"tenant_owner", "tenant_admin", "clinic_staff", "nurse", "viewer"},
    "categories": {"tenant_owner", "tenant_admin", "clinic_staff", "viewer"},
    "reports": {"tenant_owner", "investor"},
    "invitations": {"tenant_owner", "tenant_admin"},
}


class Browsing:
    """A session as a browser holds it: a cookie, and an origin with each form."""

    def __init__(self, web: Web, token: str) -> None:
        self.web, self.session = web, requests.Session()
        answer = self.send("/signin/token", token=token)
        assert answer.status_code == 303, answer.text

    def opens(self, path: str) -> requests.Response:
        return self.session.get(self.web.url + path, timeout=SECONDS, allow_redirects=False)

    def send(self, path: str, *, origin: str | None = None, **form: str) -> requests.Response:
        headers = {"Origin": origin or self.web.url}
        return self.session.post(
            self.web.url + path, data=form, headers=headers, timeout=SECONDS, allow_redirects=False
        )


def test_s14_each_role_opens_its_pages_and_no_other_also_by_address(web: Web, clinic: Clinic) -> None:
    clinic()
    clinic(OTHER)
    refusals = 0
    for role in TENANT_ROLES:
        somebody = Browsing(web, web.token(role))
        head = somebody.opens("/clinics").text
        for page, roles in OPENS.items():
            here = somebody.opens(f"/clinics/{MERCHANT}/{page}")
            elsewhere = somebody.opens(f"/clinics/{OTHER}/{page}")
            nowhere = somebody.opens(f"/clinics/{OTHER + 7}/{page}")

            assert here.status_code == (200 if role in roles else 403), (role, page)
            assert (f'href="/clinics/{MERCHANT}/{page}"' in head) == (role in roles), (role, page)
            # Somebody else's clinic looks like one that does not exist.
            assert (elsewhere.status_code, nowhere.status_code) == (403, 403)
            assert elsewhere.text == nowhere.text
            refusals += 2 + (role not in roles)

    assert (
        web.warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'access.refused'") == refusals
    )


def test_s14_what_a_form_would_do_is_refused_without_the_permission_and_recorded(
    web: Web, clinic: Clinic
) -> None:
    clinic()
    viewer = Browsing(web, web.token("viewer"))

    answers = [
        viewer.send(f"/clinics/{MERCHANT}/sync", number="20", do="start"),
        viewer.send(f"/clinics/{MERCHANT}/sync/1/cancel"),
        viewer.send(f"/clinics/{MERCHANT}/invoices/70/data-sent", status="yes"),
        viewer.send(f"/clinics/{MERCHANT}/invitations", email="a@b.example", role="viewer", days="7"),
        viewer.send(f"/clinics/{MERCHANT}/categories", kind="contains", text="kit", category="Kits"),
        viewer.send(f"/clinics/{MERCHANT}/categories/withdraw", rule="1"),
        viewer.send(
            f"/clinics/{MERCHANT}/categories/suggestions", product="Kit", category="Kits", answer="yes"
        ),
    ]

    assert [answer.status_code for answer in answers] == [403] * 7
    assert all("You may not do this here" in answer.text for answer in answers)
    assert web.warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'access.refused'") == 7
    admin = Browsing(web, web.token("tenant_admin"))
    too_much = {"number": "500", "emergency": "yes", "reason": "a test", "do": "start"}
    assert admin.send(f"/clinics/{MERCHANT}/sync", **too_much).status_code == 403
    assert web.warehouse.value("SELECT count(*) FROM mx.sync_requests") == 0


def test_a_form_of_another_site_does_nothing(web: Web, clinic: Clinic) -> None:
    clinic()
    admin = Browsing(web, web.token("tenant_admin"))

    forged = admin.send(f"/clinics/{MERCHANT}/sync", origin="https://evil.example", number="20", do="start")
    signed_in = admin.send("/signin/token", origin="https://evil.example", token=web.token("viewer"))

    assert (forged.status_code, signed_in.status_code) == (403, 403)
    assert web.warehouse.value("SELECT count(*) FROM mx.sync_requests") == 0


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        (f"/clinics/{MERCHANT}/sync?by=people", f"/clinics/{MERCHANT}/sync?by=people"),
        ("//evil.example", "/clinics"),
        ("/\\evil.example", "/clinics"),
        ("https://evil.example", "/clinics"),
        ("/clinics\r\nSet-Cookie: a=b", "/clinics"),
    ],
)
def test_after_signing_in_one_is_where_one_wanted_to_be_and_never_elsewhere(
    web: Web, clinic: Clinic, wanted: str, goes_to: str
) -> None:
    clinic()
    form = {"token": web.token("viewer"), "next": wanted}

    answer = web.call("POST", "/signin/token", data=form, headers={"Origin": web.url})

    assert (answer.status_code, answer.headers["Location"]) == (303, goes_to)


def test_strangers_are_sent_to_sign_in_and_a_wrong_token_says_who_helps(web: Web) -> None:
    page = web.call("GET", f"/clinics/{MERCHANT}/sync")
    wrong = web.call("POST", "/signin/token", data={"token": "mxp_no"}, headers={"Origin": web.url})

    assert page.headers["Location"] == f"/signin?next=%2Fclinics%2F{MERCHANT}%2Fsync"
    assert wrong.status_code == 401
    assert "ask the operator of this service for another" in wrong.text
    assert "mxp_no" not in wrong.text
    assert "Set-Cookie" not in wrong.headers


def test_whoever_leaves_is_gone(web: Web, clinic: Clinic) -> None:
    clinic()
    viewer = Browsing(web, web.token("viewer"))
    cookie = dict(viewer.session.cookies)

    viewer.send("/leave")

    stolen = web.call("GET", "/clinics", cookies=cookie)
    assert (stolen.status_code, stolen.headers["Location"]) == (303, "/signin?next=%2Fclinics")


def test_a_super_admin_of_many_clinics_finds_one_by_its_number(web: Web, clinic: Clinic) -> None:
    clinic()
    for more in range(1, 62):
        web.warehouse.has_merchant(MERCHANT + more)
    everywhere = has_person(web.warehouse, "root@ops.example", platform_role="super_admin")
    admin = Browsing(web, token_of(web.warehouse, everywhere))

    page = admin.opens("/clinics").text
    found = admin.opens(f"/clinics?find={MERCHANT + 61}")

    assert "There are 62 clinics, and the first 60 are shown" in page
    assert found.headers["Location"] == f"/clinics/{MERCHANT + 61}/sync"
    assert admin.opens(found.headers["Location"]).status_code == 200
    assert admin.opens("/clinics?find=nowhere").status_code == 422


def test_names_and_reasons_are_text_whatever_they_hold(web: Web, clinic: Clinic) -> None:
    clinic()
    web.warehouse.damage("UPDATE mx.mx_merchant_configs SET name = '<script>alert(1)</script>'")
    owner = Browsing(web, web.token("tenant_owner"))
    hostile = '"><img src=x onerror=alert(2)>'

    again = owner.send(
        f"/clinics/{MERCHANT}/sync", number=hostile, emergency="yes", reason=hostile, do="start"
    )
    asked = owner.send(f"/clinics/{MERCHANT}/sync", number="500", emergency="yes", reason=hostile, do="start")
    watched = owner.opens(asked.headers["Location"])

    assert (again.status_code, watched.status_code) == (422, 200)
    for page in (again, watched, owner.opens("/clinics"), owner.opens(f"/clinics/{MERCHANT}/sync")):
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
    assert "&lt;img src=x" in watched.text


def test_a_nurse_says_that_data_were_sent_and_comes_back_to_the_same_rows(web: Web, clinic: Clinic) -> None:
    clinic()
    web.warehouse.damage(
        "INSERT INTO mx.invoice_documents (merchant_id, mx_invoice_id, invoice_number, observed_at)"
        " VALUES (:m, 70, 1070, now()), (:m, 71, 1071, now())",
        m=MERCHANT,
    )
    nurse = Browsing(web, web.token("nurse"))

    answer = nurse.send(f"/clinics/{MERCHANT}/invoices/70/data-sent?sent=pending", status="yes")
    page = nurse.opens(answer.headers["Location"].partition("#")[0])

    assert answer.headers["Location"] == f"/clinics/{MERCHANT}/invoices?sent=pending&saved=70#invoice-70"
    assert "Invoice 70 is noted" in page.text
    assert "1071" in page.text
    assert ">1070<" not in page.text
    assert nurse.send(f"/clinics/{MERCHANT}/invoices/70/data-sent", status="burnt").status_code == 422
    assert web.warehouse.rows("SELECT mx_invoice_id, data_sent_status FROM mx.invoice_workflow") == [
        (70, "yes")
    ]


def test_somebody_is_invited_and_accepts_on_pages(web: Web, clinic: Clinic) -> None:
    clinic()
    admin = Browsing(web, web.token("tenant_admin"))
    page = f"/clinics/{MERCHANT}/invitations"

    made = admin.send(page, email="lee@clinic.example", role="nurse", days="7")
    more_than_mine = admin.send(page, email="lee@clinic.example", role="tenant_owner", days="7")
    wrong = admin.send(page, email="lee", role="", days="99")
    text = made.text.partition('<code class="secret">')[2].partition("</code>")[0]
    accepted = web.call("POST", "/invitation", data={"invitation": text}, headers={"Origin": web.url})
    again = web.call("POST", "/invitation", data={"invitation": text}, headers={"Origin": web.url})

    assert (made.status_code, more_than_mine.status_code, wrong.status_code) == (200, 403, 422)
    assert wrong.text.count('class="field-error"') == 3
    assert "You are nurse at merchant" in accepted.text
    assert (again.status_code, text in again.text) == (422, False)
    assert "Accepted" in admin.opens(page).text
    assert text not in admin.opens(page).text
