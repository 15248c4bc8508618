"""The rule lab of one clinic: what a rule would change in all of history, tried before it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline import words
from mx_pipeline.errors import BadInput
from mx_pipeline.operations.editing_categories import edit_as, try_as
from mx_pipeline.operations.web.callers import Caller, CallerNow
from mx_pipeline.operations.web.looking import SEE_TRANSACTIONS
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.pages.clinic import EDIT_CATEGORIES, Clinic, clinic_of
from mx_pipeline.operations.web.pages.forms import form_of
from mx_pipeline.operations.web.pages.showing import FieldError, PageRoute, go, show
from mx_pipeline.warehouse.categories import list_categories, list_overrides
from mx_pipeline.warehouse.category_rules import (
    RULE_KINDS,
    Rule,
    add_rule,
    check_rule,
    list_rules,
    withdraw_rule,
)
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import Change, Trial
from mx_pipeline.warehouse.suggestions import list_suggestions

router = APIRouter(route_class=PageRoute, include_in_schema=False)

KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {"contains": "contains", "starts_with": "starts with", "regex": "matches the pattern", "price": "is any"}
)
FIELDS = ("kind", "text", "category", "min_price", "max_price", "from", "until")
LONGEST_NUMBER = 9
UNPROCESSABLE = 422


@dataclass(frozen=True)
class Shown:
    """What the page was asked to show besides what holds."""

    typed: Mapping[str, str]
    errors: Sequence[FieldError] = ()
    changes: Sequence[Change] | None = None
    """None where nothing was tried."""
    done: str = ""


@router.get("/clinics/{merchant_id}/categories")
def categories_page(request: Request, caller: CallerNow, merchant_id: int) -> Response:
    """The rules that hold; with a filled form, what that rule would change. Looking writes nothing."""
    clinic = clinic_of(request, caller, merchant_id, "categories")
    typed = _typed(request.query_params)
    done = request.query_params.get("done", "")
    if not any(typed[name] for name in FIELDS if name != "kind"):
        return _page(caller, clinic, Shown(typed, done=done if done in ("made", "withdrawn") else ""))
    try:
        rule = _rule(typed)

        def trial(tenant: Tenant) -> Trial:
            check_rule(tenant, rule)
            return Trial([rule.as_trial()])

        changes = try_as(caller.here, office_of(request).settings, merchant_id, SEE_TRANSACTIONS, trial)
    except BadInput as error:
        return _page(caller, clinic, Shown(typed, [FieldError("text", _sentence(error))]))
    return _page(caller, clinic, Shown(typed, changes=changes))


@router.post("/clinics/{merchant_id}/categories")
def make_rule(
    request: Request,
    caller: CallerNow,
    merchant_id: int,
    form: Annotated[Mapping[str, str], Depends(form_of)],
) -> Response:
    """The rule that was tried holds from now on, and every payment that it fits follows."""
    clinic = clinic_of(request, caller, merchant_id, "categories")
    typed, settings = _typed(form), office_of(request).settings
    try:
        rule = _rule(typed)
        edit_as(
            caller.here,
            settings,
            merchant_id,
            EDIT_CATEGORIES,
            lambda tenant, actor: add_rule(tenant, rule, actor=actor),
        )
    except BadInput as error:
        return _page(caller, clinic, Shown(typed, [FieldError("text", _sentence(error))]))
    return go(f"/clinics/{merchant_id}/categories?done=made")


@router.post("/clinics/{merchant_id}/categories/withdraw")
def withdraw(
    request: Request,
    caller: CallerNow,
    merchant_id: int,
    form: Annotated[Mapping[str, str], Depends(form_of)],
) -> Response:
    """The rule decides nothing any more."""
    clinic_of(request, caller, merchant_id, "categories")
    text = form.get("rule", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else 0
    edit_as(
        caller.here,
        office_of(request).settings,
        merchant_id,
        EDIT_CATEGORIES,
        lambda tenant, actor: withdraw_rule(tenant, number, actor=actor),
    )
    return go(f"/clinics/{merchant_id}/categories?done=withdrawn")


def _page(caller: Caller, clinic: Clinic, shown: Shown) -> Response:
    with caller.here.merchant(clinic.merchant_id) as tenant:
        rules = list_rules(tenant)
        names, hands = len(list_categories(tenant)), len(list_overrides(tenant))
        waiting = len(list_suggestions(tenant))
    return show(
        "categories.html",
        clinic.view,
        status=UNPROCESSABLE if shown.errors else 200,
        typed=shown.typed,
        errors=shown.errors,
        changes=shown.changes,
        done=shown.done,
        rules=rules,
        names=names,
        hands=hands,
        waiting=waiting,
        kinds=KIND_WORDS,
        may_write=clinic.may(EDIT_CATEGORIES),
    )


def _typed(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "contains" if name == "kind" else "").strip() for name in FIELDS}


def _rule(typed: Mapping[str, str]) -> Rule:
    if typed["kind"] not in RULE_KINDS:
        raise BadInput("choose what a name must be like")
    return Rule(
        kind=typed["kind"],
        category=typed["category"],
        pattern=typed["text"] or None,
        min_price=_price(typed["min_price"]),
        max_price=_price(typed["max_price"]),
        active_from=_day(typed["from"]),
        active_until=_day(typed["until"]),
    )


def _price(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "")) if text else None
    except InvalidOperation:
        raise BadInput("type a price as a number, such as 199.95") from None


def _day(text: str) -> date | None:
    return words.day(text) if text else None


def _sentence(error: BadInput) -> str:
    told = str(error)
    return told[:1].upper() + told[1:]
