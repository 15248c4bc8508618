"""What is looked at again after a sync, in the warehouse alone: no call, no change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mx_pipeline.warehouse.connections import Tenant

ALL_PAYMENTS = "all payments"
"""The scope of a certificate that speaks of everything, so that today's count must still be the source's."""


@dataclass(frozen=True)
class Finding:
    """What one look at one merchant found."""

    is_good: bool
    words: str
    facts: Mapping[str, int | str | None] = field(default_factory=dict[str, int | str | None])


def unique_keys(tenant: Tenant) -> Finding:
    """No payment stands more than once."""
    doubled = tenant.one("checks", "doubled_payments")[0]
    words = f"{doubled} payments stand more than once" if doubled else "every payment stands once"
    return Finding(not doubled, words, {"payments_doubled": doubled})


def no_orphan(tenant: Tenant) -> Finding:
    """Every payment has its derived row, and every link leads to an invoice that is here."""
    facts = dict(tenant.run("checks", "orphans").mappings().one())
    found = [f"{count} {name.replace('_', ' ')}" for name, count in facts.items() if count]
    return Finding(not found, ", ".join(found) or "nothing stands alone that should not", facts)


def latest_certificates(tenant: Tenant) -> Sequence[Any]:
    """The newest certificate of each stream: scope, basis, verdict, counts, sums, ids, note, when."""
    return tenant.run("sync", "latest_certificates").all()


def certificate_agrees(tenant: Tenant) -> Finding:
    """The newest certificate of the payments agrees with the source, and with what is here now."""
    made = {row.stream: row for row in latest_certificates(tenant)}
    held = tenant.one("payments", "payments_held", ids=None).held
    facts = {"payments_held_now": held} | _facts("payments", made) | _facts("invoices", made)
    payments = made.get("payments")
    if payments is None:
        return Finding(is_good=False, words="there is no certificate yet", facts=facts)
    if payments.verdict != "agrees":
        return Finding(
            is_good=False, words=f"the certificate {payments.verdict}: {payments.note}", facts=facts
        )
    if payments.scope == ALL_PAYMENTS and held != payments.source_count:
        words = f"the certificate says {payments.source_count} payments, and {held} are here now"
        return Finding(is_good=False, words=words, facts=facts)
    return Finding(is_good=True, words=f"{payments.scope}: what MX says is here", facts=facts)


def _facts(stream: str, made: Mapping[str, Any]) -> dict[str, int | str | None]:
    certificate = made.get(stream)
    if certificate is None:
        return {f"{stream}_verdict": "none"}
    return {
        f"{stream}_verdict": certificate.verdict,
        f"{stream}_scope": certificate.scope,
        f"{stream}_basis": certificate.basis,
        f"{stream}_source_count": certificate.source_count,
        f"{stream}_our_count": certificate.our_count,
        f"{stream}_missing": len(certificate.missing_ids),
        f"{stream}_surplus": len(certificate.surplus_ids),
        f"{stream}_note": certificate.note,
    }
