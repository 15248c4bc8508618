"""Who is at the keyboard, and the one place where a command asks whether they may."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from mx_pipeline.access import (
    NO_ACCESS,
    OPERATOR,
    PERMISSIONS,
    SUPER_ADMIN,
    Access,
    Standing,
    access_of,
    new_access,
    old_access,
    role_permissions,
    roles_that_allow,
)
from mx_pipeline.errors import AccessDenied, WarehouseError
from mx_pipeline.operations.bearer import person_of
from mx_pipeline.operations.context import opened, operator
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.audit import Action, record
from mx_pipeline.warehouse.connections import Session, Tenant, Warehouse
from mx_pipeline.warehouse.logins import APP_ROLE
from mx_pipeline.warehouse.people import get_standing, merchants_of

PLATFORM = None
"""In place of a merchant: what concerns the installation, which only the operator and super admins may."""
EVERYWHERE = (OPERATOR, SUPER_ADMIN)


@dataclass(frozen=True)
class Person:
    """Somebody who asks for something."""

    user_id: str
    """The id of one of `mx.users`, or OPERATOR."""
    actor: str
    """As the audit log and the sync requests name them."""

    @property
    def is_operator(self) -> bool:
        """At this machine's own keyboard, without a token."""
        return self.user_id == OPERATOR

    @property
    def granting_id(self) -> str | None:
        """For columns that refer to `mx.users`."""
        return None if self.is_operator else self.user_id


@dataclass(frozen=True)
class AtWork:
    """A person with the warehouse before them, as the application opens it for them."""

    app: Warehouse = field(repr=False)
    person: Person

    @contextmanager
    def merchant(self, merchant_id: int) -> Generator[Tenant]:
        """A transaction inside one merchant, that sees and does what the person may."""
        with self.app.merchant(merchant_id, person=self.person.user_id) as tenant:
            yield tenant

    @contextmanager
    def platform(self) -> Generator[Session]:
        """A transaction inside no merchant."""
        with self.app.everyone(person=self.person.user_id) as session:
            yield session

    def require(self, permission: str, merchant_id: int | None) -> Access:
        """What the person may here, in one query. Raises AccessDenied, recorded, where that lacks the permission."""
        access = self.access(permission, merchant_id)
        if permission not in access.permissions:
            raise self.refused(permission, merchant_id, _missing(permission, merchant_id, access))
        return access

    def access(self, permission: str, merchant_id: int | None) -> Access:
        """What the person may here. Where both checks run, one that says otherwise of this permission is recorded."""
        if self.person.is_operator:
            return Access(OPERATOR, None, role_permissions(OPERATOR))
        with self.app.everyone() as session:
            standing = get_standing(session, self.person.user_id, merchant_id)
        if standing is None:
            return NO_ACCESS
        if standing.access_check == "both":
            self._compare(permission, merchant_id, standing)
        return access_of(standing)

    def merchants(self, *permissions: str) -> list[int] | None:
        """The merchants where the person has one of these permissions, or any at all; None for all merchants."""
        if self.person.is_operator:
            return None
        with self.app.everyone() as session:
            found = merchants_of(session, self.person.user_id)
        wanted = frozenset(permissions or PERMISSIONS)
        return [
            merchant_id for merchant_id, access in found.items() if not wanted.isdisjoint(access.permissions)
        ]

    def refused(self, permission: str, merchant_id: int | None, message: str) -> AccessDenied:
        """The error to raise, after it was recorded in a transaction of its own."""
        self._record(merchant_id, "access.refused", {"permission": permission})
        return AccessDenied(message)

    def _compare(self, permission: str, merchant_id: int | None, standing: Standing) -> None:
        old, new = (permission in check(standing).permissions for check in (old_access, new_access))
        if old != new:
            detail = {"permission": permission, "owner_check": old, "permission_check": new}
            self._record(merchant_id, "access.disagreed", detail)

    def _record(self, merchant_id: int | None, action: Action, detail: Mapping[str, object]) -> None:
        """In the merchant's chain; an id that no merchant has gets none of its own."""
        with suppress(WarehouseError):
            if merchant_id is not None:
                with self.app.merchant(merchant_id, person=OPERATOR) as tenant:
                    if tenant.run("merchants", "merchant").one_or_none() is not None:
                        record(tenant, actor=self.person.actor, action=action, detail=detail)
                        return
            about = None if merchant_id is None else f"merchant {merchant_id}"
            with self.app.everyone() as session:
                record(session, actor=self.person.actor, action=action, subject=about, detail=detail)


@contextmanager
def at_work(settings: Settings) -> Generator[AtWork]:
    """Whoever is at the keyboard, with the warehouse. Raises AccessDenied for a token that is not good."""
    with opened(settings, APP_ROLE) as app:
        yield AtWork(app, asking(settings, app))


def required(settings: Settings, permission: str, merchant_id: int | None) -> Person:
    """Whoever is at the keyboard, who may do this, for work that other logins do. Raises AccessDenied."""
    with at_work(settings) as here:
        here.require(permission, merchant_id)
        return here.person


def asking(settings: Settings, app: Warehouse) -> Person:
    """The person whose MX_TOKEN this is; without one the operator of this machine. Raises AccessDenied."""
    if settings.token is None:
        return Person(OPERATOR, operator())
    user_id = person_of(settings.token, settings.issuer, app)
    return Person(user_id, f"user:{user_id}")


def only(chosen: Sequence[int], allowed: Sequence[int] | None) -> list[int]:
    """Those of the chosen that are allowed; None allows all."""
    if allowed is None:
        return list(chosen)
    theirs = set(allowed)
    return [one for one in chosen if one in theirs]


def _missing(permission: str, merchant_id: int | None, access: Access) -> str:
    """Which permission, who has it, who gives it; the same for a merchant that does not exist."""
    if merchant_id is PLATFORM:
        return (
            f"this needs the permission {permission} for the whole installation, which only super admins and the "
            "operator of this machine have; ask one of them"
        )
    having = ", ".join(roles_that_allow(permission)) or SUPER_ADMIN
    return (
        f"this needs the permission {permission} at merchant {merchant_id}, and yours there, {access.role or 'none'}, "
        f"does not have it; {having} do; the merchant's owner, a super admin or the operator can give it: "
        "mx-pipeline users grant"
    )
