"""
Who may do what: the one policy table, and the decision that it makes. Nothing here asks a database.

The same table stands in `mx.role_permissions` and the same decision in `mx.access_of`, for the policies
of Postgres; a test holds both to this page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

NOBODY: Final = ""
"""Who has not said who they are. Sees nothing."""
OPERATOR: Final = "operator"
"""Whoever sits at the machine itself, without a token. Does everything, and sees no name."""

SUPER_ADMIN: Final = "super_admin"
"""A role of the platform (`users.platform_role`), never of one tenant."""

TenantRole: TypeAlias = Literal["tenant_owner", "tenant_admin", "clinic_staff", "nurse", "viewer", "investor"]
TENANT_ROLES: tuple[TenantRole, ...] = get_args(TenantRole)
ROLES: tuple[str, ...] = (OPERATOR, SUPER_ADMIN, *TENANT_ROLES)

AccessCheck: TypeAlias = Literal["owner", "both", "permissions"]
"""Which check rules at a merchant: the owner's of old; that one, with the new one watched; the new one."""
ACCESS_CHECKS: tuple[AccessCheck, ...] = get_args(AccessCheck)

PERMISSIONS: tuple[str, ...] = (
    "sync.manual",
    "sync.emergency",
    "sync.webhook",
    "config.update",
    "users.invite",
    "users.manage",
    "data.export",
    "transactions.view",
    "transactions.view:readonly",
    "invoices.view",
    "invoices.view:readonly",
    "invoices.manage",
    "invoices.update_data_sent",
    "names.view",
    "analytics.view",
    "reports.view",
)
READ_ONLY = ":readonly"

STATED: Mapping[str, frozenset[str]] = {
    OPERATOR: frozenset(PERMISSIONS) - {"names.view"},
    SUPER_ADMIN: frozenset(PERMISSIONS),
    # The two kinds of reading are the owner's because nobody may give what they do not have.
    "tenant_owner": frozenset(
        {
            "sync.manual",
            "sync.emergency",
            "sync.webhook",
            "config.update",
            "users.invite",
            "users.manage",
            "data.export",
            "analytics.view",
            "reports.view",
        }
    ),
    "tenant_admin": frozenset({"sync.manual", "transactions.view", "invoices.manage", "users.invite"}),
    "clinic_staff": frozenset({"transactions.view", "invoices.view", "data.export", "names.view"}),
    "nurse": frozenset({"invoices.view", "invoices.update_data_sent"}),
    "viewer": frozenset({"transactions.view:readonly", "invoices.view:readonly"}),
    "investor": frozenset({"analytics.view", "reports.view"}),
}
INHERITS: Mapping[str, str] = {
    "tenant_owner": "tenant_admin",
    "tenant_admin": "clinic_staff",
    "clinic_staff": "viewer",
}
IMPLIES: Mapping[str, frozenset[str]] = {
    "transactions.view": frozenset({"transactions.view:readonly"}),
    "invoices.view": frozenset({"invoices.view:readonly"}),
    "invoices.manage": frozenset({"invoices.view", "invoices.view:readonly", "invoices.update_data_sent"}),
}
"""Complete: what is implied by something implied is named here too."""
GIVES: Mapping[str, tuple[TenantRole, ...]] = {
    OPERATOR: TENANT_ROLES,
    SUPER_ADMIN: TENANT_ROLES,
    "tenant_owner": ("tenant_admin", "clinic_staff", "nurse", "viewer", "investor"),
    "tenant_admin": ("clinic_staff", "nurse", "viewer"),
    "clinic_staff": ("viewer",),
}
"""The roles that someone of this role may give, invite for and take away, where they have users.invite."""


@dataclass(frozen=True)
class Overrides:
    """What one person's row adds to the role and takes from it; what is taken wins."""

    grant: frozenset[str] = frozenset()
    revoke: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, list[str]]:
        """As `user_tenant_permissions.permissions` holds it."""
        return {
            name: sorted(words) for name, words in (("grant", self.grant), ("revoke", self.revoke)) if words
        }


NO_OVERRIDES: Final = Overrides()


@dataclass(frozen=True)
class PermissionRow:
    """A person's row at one merchant."""

    role: TenantRole
    overrides: Overrides = NO_OVERRIDES
    is_active: bool = True
    expires_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it still counts."""
        return self.is_active and (self.expires_at is None or self.expires_at > at)


@dataclass(frozen=True)
class Standing:
    """All that is known of one person at one merchant, at one moment."""

    at: datetime
    is_active: bool = True
    platform_role: str | None = None
    owns_configuration: bool = False
    """The merchant's configuration is active and names this person as its user."""
    access_check: AccessCheck = "permissions"
    row: PermissionRow | None = None


@dataclass(frozen=True)
class Access:
    """What was decided: as what, through what, and what it allows."""

    role: str | None = None
    through: Literal["platform", "owner", "permission"] | None = None
    permissions: frozenset[str] = field(default_factory=frozenset[str])


NO_ACCESS = Access()


def role_permissions(role: str) -> frozenset[str]:
    """What a role allows: its own words, the inherited ones, and what they imply."""
    return with_implied(_held(role))


def permissions_of(role: str, overrides: Overrides) -> frozenset[str]:
    """What a role allows with one person's overrides. A revocation wins over the role and over a grant."""
    taken = taken_by(overrides.revoke)
    return with_implied((_held(role) | overrides.grant) - taken) - taken


def with_implied(words: Iterable[str]) -> frozenset[str]:
    """These permissions, and those that they imply."""
    held = frozenset(words)
    return held.union(*(IMPLIES.get(word, frozenset()) for word in held))


def taken_by(revoked: Collection[str]) -> frozenset[str]:
    """What goes with revoked words: whatever would imply them, and their read-only form."""
    implying = {word for word, implied in IMPLIES.items() if not implied.isdisjoint(revoked)}
    read_only = {word + READ_ONLY for word in revoked} & set(PERMISSIONS)
    return frozenset(revoked) | implying | read_only


def old_access(standing: Standing) -> Access:
    """The check of old: the person whom the configuration names, and nobody else."""
    if not standing.is_active:
        return NO_ACCESS
    if standing.platform_role == SUPER_ADMIN:
        return Access(SUPER_ADMIN, "platform", role_permissions(SUPER_ADMIN))
    if standing.owns_configuration:
        return Access("tenant_owner", "owner", role_permissions("tenant_owner"))
    return NO_ACCESS


def new_access(standing: Standing) -> Access:
    """The hybrid check: the owner of the configuration first, then a permission row, else nothing."""
    access = old_access(standing)
    if access.role is not None or not standing.is_active:
        return access
    if standing.row is None or not standing.row.holds(standing.at):
        return NO_ACCESS
    row = standing.row
    return Access(row.role, "permission", permissions_of(row.role, row.overrides))


def access_of(standing: Standing) -> Access:
    """The decision, by the check that rules at the merchant."""
    return new_access(standing) if standing.access_check == "permissions" else old_access(standing)


def may_give(giver: Access, role: str, overrides: Overrides = NO_OVERRIDES) -> bool:
    """Whether the giver may give this role with these overrides, or take it away: never more than they have."""
    return (
        "users.invite" in giver.permissions
        and role in GIVES.get(giver.role or "", ())
        and (not (overrides.grant or overrides.revoke) or "users.manage" in giver.permissions)
        and permissions_of(role, overrides) <= giver.permissions | _of_nobody(giver)
    )


def roles_that_allow(permission: str) -> tuple[str, ...]:
    """The tenant's roles that have a permission, the least one last."""
    return tuple(role for role in TENANT_ROLES if permission in role_permissions(role))


def _of_nobody(giver: Access) -> frozenset[str]:
    """The operator gives names without seeing them: somebody must be the first."""
    return frozenset({"names.view"}) if giver.role == OPERATOR else frozenset()


def _held(role: str) -> frozenset[str]:
    """A role's own words and the inherited ones."""
    above = INHERITS.get(role)
    return STATED[role] if above is None else STATED[role] | _held(above)
