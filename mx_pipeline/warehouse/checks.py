"""What is looked at again after a sync, in the warehouse alone: no call, no change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.freshness import freshness
from mx_pipeline.warehouse.quarantine import still_held

ALL_PAYMENTS = "all payments"
"""The scope of a certificate that speaks of everything, so that today's count must still be the source's."""


MOST_HELD = 10
HELD_IN_A_THOUSAND = 1
"""Either is no alarm: a few records that the vendor sends broken are each named in `quarantine list`."""


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


def quarantine_is_small(tenant: Tenant) -> Finding:
    """What could not be taken in is little, against what could."""
    held = still_held(tenant)[0]
    payments = tenant.one("payments", "payments_held", ids=None).held
    most = max(MOST_HELD, payments * HELD_IN_A_THOUSAND // 1000)
    words = f"{held} records are held in quarantine; {most} may be"
    return Finding(held <= most, words, {"held": held, "may_be_held": most, "payments": payments})


def sums_agree(tenant: Tenant) -> Finding:
    """The derived rows come to what the payments come to."""
    sums = tenant.one("checks", "sums")
    is_good = sums.of_payments == sums.of_enriched
    words = "the sums agree" if is_good else f"payments {sums.of_payments}, enriched {sums.of_enriched}"
    facts = {"payments_sum": str(sums.of_payments), "enriched_sum": str(sums.of_enriched)}
    return Finding(is_good, words, facts)


def is_fresh(tenant: Tenant) -> Finding:
    """What is here is as new as the merchant's interval promises; a paused merchant promises nothing."""
    found = freshness(tenant, only=tenant.merchant_id)
    if not found:
        return Finding(is_good=True, words="paused, so nothing is promised")
    (one,) = found
    since = "it was added, and never" if one.is_new else "it was last"
    words = f"{one.age_seconds / 60:.0f} minutes since {since} synced whole; {one.may_be_seconds / 60:.0f} may pass"
    facts = {"age_seconds": round(one.age_seconds), "may_be_seconds": round(one.may_be_seconds)}
    return Finding(not one.is_late, words, facts)


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


LOOKS: Mapping[str, Callable[[Tenant], Finding]] = {
    "unique_keys": unique_keys,
    "no_orphan": no_orphan,
    "certificate_agrees": certificate_agrees,
    "quarantine_is_small": quarantine_is_small,
    "sums_agree": sums_agree,
    "is_fresh": is_fresh,
}
"""Everything that is looked at, under the name that people see."""
