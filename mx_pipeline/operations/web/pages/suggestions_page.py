"""What the model was not sure enough of, one product at a time: a human says yes, no, or what else it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.editing_categories import edit_as
from mx_pipeline.operations.web.callers import Caller, CallerNow
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.pages.clinic import EDIT_CATEGORIES, Clinic, clinic_of
from mx_pipeline.operations.web.pages.forms import form_of
from mx_pipeline.operations.web.pages.showing import FieldError, PageRoute, go, show
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.suggestions import accept, list_suggestions, reject

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_SHOWN = 50
"""Those with the most money; the others follow as these are answered."""
UNPROCESSABLE = 422


@router.get("/clinics/{merchant_id}/categories/suggestions")
def suggestions_page(request: Request, caller: CallerNow, merchant_id: int) -> Response:
    """The queue. Looking writes nothing."""
    clinic = clinic_of(request, caller, merchant_id, "categories")
    done = request.query_params.get("done", "")
    return _page(caller, clinic, done=done if done in ("accepted", "rejected") else "")


@router.post("/clinics/{merchant_id}/categories/suggestions")
def answer(
    request: Request,
    caller: CallerNow,
    merchant_id: int,
    form: Annotated[Mapping[str, str], Depends(form_of)],
) -> Response:
    """One product's answer; every payment of the product follows at once."""
    clinic = clinic_of(request, caller, merchant_id, "categories")
    product, says_yes = form.get("product", ""), form.get("answer") == "yes"

    def edit(tenant: Tenant, actor: str) -> None:
        if says_yes:
            accept(tenant, product, actor=actor, category=form.get("category", "").strip())
        else:
            reject(tenant, product, actor=actor)

    try:
        edit_as(caller.here, office_of(request).settings, merchant_id, EDIT_CATEGORIES, edit)
    except BadInput as error:
        return _page(caller, clinic, errors=[FieldError("", str(error))])
    return go(f"/clinics/{merchant_id}/categories/suggestions?done={'accepted' if says_yes else 'rejected'}")


def _page(
    caller: Caller, clinic: Clinic, *, done: str = "", errors: list[FieldError] | None = None
) -> Response:
    with caller.here.merchant(clinic.merchant_id) as tenant:
        waiting = list_suggestions(tenant)
    return show(
        "suggestions.html",
        clinic.view,
        status=UNPROCESSABLE if errors else 200,
        errors=errors or [],
        done=done,
        waiting=waiting[:MOST_SHOWN],
        more=max(0, len(waiting) - MOST_SHOWN),
        may_write=clinic.may(EDIT_CATEGORIES),
    )
