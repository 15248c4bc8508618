"""Keeps a merchant's category rules. A rule is never edited: it is withdrawn, and another one made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from mx_pipeline.errors import BadInput, RowRefused, WarehouseSlow
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.categories import check_category
from mx_pipeline.warehouse.connections import LIMITS, Tenant
from mx_pipeline.warehouse.rule_patterns import MOST_CHARACTERS, check_pattern

RuleKind: TypeAlias = Literal["contains", "starts_with", "regex", "price"]
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)
PATTERN_TIME = "1s"
INT4 = 2**31


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Products whose trimmed name fits, upper and lower case being the same, have this category.

    The lowest priority number wins, then the older rule. `active_until` is the first day on which it holds no more,
    in the merchant's own days; both prices are included, and are those of the main purchase.
    """

    kind: RuleKind
    category: str
    pattern: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    active_from: date | None = None
    active_until: date | None = None
    priority: int = 100

    def as_trial(self) -> dict[str, object]:
        """As `:trial` of the derivation takes it: the youngest of all rules, as it would be."""
        told = {name: str(value) for name, value in asdict(self).items() if value is not None}
        return {**told, "rule_id": INT4 - 1, "priority": self.priority, "made_by": "trial"}


def check_rule(tenant: Tenant, rule: Rule) -> None:
    """Raises BadInput with what to type instead."""
    check_category(rule.category)
    if rule.kind not in RULE_KINDS:
        raise BadInput(f"{rule.kind!r} is no kind of rule; it is one of {', '.join(RULE_KINDS)}")
    if (rule.pattern is None) != (rule.kind == "price"):
        raise BadInput("a rule contains, starts with or matches some text; only one by price alone has none")
    if rule.kind == "price" and rule.min_price is None and rule.max_price is None:
        raise BadInput("a rule by price alone needs --min-price or --max-price")
    for price in (rule.min_price, rule.max_price):
        if price is not None and not price.is_finite():
            raise BadInput(f"{price} is no price; give a number such as 199.95")
    if rule.min_price is not None and rule.max_price is not None and rule.min_price > rule.max_price:
        raise BadInput(f"no price is both from {rule.min_price} and up to {rule.max_price}; swap them")
    if (
        rule.active_from is not None
        and rule.active_until is not None
        and rule.active_from >= rule.active_until
    ):
        raise BadInput(
            f"no day is both from {rule.active_from} and before {rule.active_until}; give a later end"
        )
    if not -INT4 <= rule.priority < INT4:
        raise BadInput(
            f"{rule.priority} is no priority; give a small number such as 100, where lower goes first"
        )
    if rule.pattern is not None:
        _check_text(tenant, rule.kind, rule.pattern)


def add_rule(tenant: Tenant, rule: Rule, *, actor: str) -> int:
    """The new rule's number. Raises BadInput."""
    check_rule(tenant, rule)
    tenant.run("categories", "lock_book")
    rule_id: int = tenant.one("categories", "add_rule", made_by=actor, **asdict(rule))[0]
    record(tenant, actor=actor, action="category.changed", subject=f"rule {rule_id}", detail={"by": "rule"})
    return rule_id


def withdraw_rule(tenant: Tenant, rule_id: int, *, actor: str) -> None:
    """It holds no more, for no day. Raises BadInput where no such rule is in force."""
    tenant.run("categories", "lock_book")
    if not tenant.column("categories", "withdraw_rule", rule_id=rule_id, withdrawn_by=actor):
        raise BadInput(f"no rule {rule_id} is in force at this merchant; see categories rules")
    record(
        tenant, actor=actor, action="category.changed", subject=f"rule {rule_id}", detail={"by": "withdrawal"}
    )


def list_rules(tenant: Tenant, *, withdrawn_too: bool = False) -> Sequence[Any]:
    """Every rule, in the order in which they are asked."""
    return tenant.run("categories", "rules", withdrawn_too=withdrawn_too).all()


def _check_text(tenant: Tenant, kind: RuleKind, pattern: str) -> None:
    if kind != "regex":
        if not 0 < len(pattern) <= MOST_CHARACTERS or "\0" in pattern:
            raise BadInput(
                f"the text of a rule has 1 to {MOST_CHARACTERS} characters, this one {len(pattern)}"
            )
        return
    check_pattern(pattern)
    try:
        with tenant.savepoint():
            tenant.run("categories", "limit_time", limit=PATTERN_TIME)
            tenant.run("categories", "try_pattern", pattern=pattern)
    except WarehouseSlow:
        raise BadInput("Postgres needs too long for this pattern; make it simpler") from None
    except RowRefused:
        raise BadInput(
            "Postgres does not take this pattern as a regular expression; look for an unclosed bracket or brace"
        ) from None
    tenant.run("categories", "limit_time", limit=LIMITS["statement_timeout"])
