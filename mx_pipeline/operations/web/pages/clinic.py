"""Which clinic a page is of, whether this person may open it, and which other pages of it they may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.requests import Request

from mx_pipeline.access import Access
from mx_pipeline.operations.web.callers import Caller
from mx_pipeline.operations.web.looking import SAY_DATA_SENT, SEE_FIGURES, SEE_INVOICES, SEE_TRANSACTIONS
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.pages.showing import ClinicHead, Tab, View
from mx_pipeline.warehouse.merchants import get_merchant
from mx_pipeline.warehouse.watching import my_name

SEE_NAMES = "names.view"
SYNC = "sync.manual"
EMERGENCY = "sync.emergency"
INVITE = "users.invite"
EDIT_CATEGORIES = "transactions.view"
DATA_SENT = SAY_DATA_SENT

PAGES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sync": ("Sync", (SEE_TRANSACTIONS, SEE_INVOICES)),
        "transactions": ("Transactions", (SEE_TRANSACTIONS,)),
        "invoices": ("Invoices", (SEE_INVOICES,)),
        "categories": ("Categories", (SEE_TRANSACTIONS,)),
        "reports": ("Reports", SEE_FIGURES),
        "invitations": ("People", (INVITE,)),
    }
)
"""Part of the address, word, and the permissions of which one is enough."""
ROLE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "super_admin": "super admin",
        "tenant_owner": "owner",
        "tenant_admin": "admin",
        "clinic_staff": "staff",
        "nurse": "nurse",
        "viewer": "viewer",
        "investor": "investor",
    }
)


@dataclass(frozen=True)
class Clinic:
    """One merchant, as the person before it may see it."""

    head: ClinicHead
    access: Access
    view: View

    @property
    def merchant_id(self) -> int:
        """MX Merchant's id."""
        return self.head.merchant_id

    def may(self, permission: str) -> bool:
        """Whether this person has the permission here."""
        return permission in self.access.permissions


def clinic_of(request: Request, caller: Caller, merchant_id: int, page: str) -> Clinic:
    """Raises AccessDenied, recorded, for a page that this person may not open here."""
    wanted = PAGES[page][1]
    access = caller.here.access(wanted[0], merchant_id)
    if access.permissions.isdisjoint(wanted):
        caller.here.require(wanted[0], merchant_id)
    with caller.here.merchant(merchant_id) as tenant:
        merchant, person = get_merchant(tenant), my_name(tenant)
    head = ClinicHead(merchant_id, merchant.name, merchant.timezone, role_word(access))
    tabs = tabs_of(access, merchant_id, here=page)
    view = View(person=person, clinic=head, tabs=tabs, embed_origins=office_of(request).web.embed_origins)
    return Clinic(head, access, view)


def tabs_of(access: Access, merchant_id: int, *, here: str = "") -> list[Tab]:
    """The pages that somebody with this access may open."""
    return [
        Tab(word, f"/clinics/{merchant_id}/{page}", is_here=page == here)
        for page, (word, permissions) in PAGES.items()
        if not access.permissions.isdisjoint(permissions)
    ]


def role_word(access: Access) -> str:
    """As people say it."""
    return ROLE_WORDS.get(access.role or "", access.role or "no role")
