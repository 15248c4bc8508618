"""`/api/merchants`: the caller's own, what they are there, and whether anything moved since they last looked."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from mx_pipeline.access import Access
from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.operations.web.callers import Here
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.questions import Filters
from mx_pipeline.warehouse.people import merchants_of
from mx_pipeline.warehouse.viewing import LOOKING, merchant_seen
from mx_pipeline.words import LARGEST_MX_ID

router = APIRouter(prefix="/api", tags=["data"], responses=PROBLEMS)


class MerchantOfMine(BaseModel):
    """One merchant, and what the caller is there."""

    merchant_id: int
    name: str
    role: str
    permissions: list[str]
    environment: str
    timezone: str
    is_active: bool
    version: str


class Merchants(BaseModel):
    """Some of them, and where the next ones begin."""

    merchants: list[MerchantOfMine]
    next_cursor: int | None


class MerchantFilters(Filters):
    """From where on."""

    limit: Annotated[int, Field(ge=1, le=200)] = 100
    cursor: Annotated[int | None, Field(ge=1, le=LARGEST_MX_ID)] = None


def merchants_of_mine(here: AtWork, *, after: int | None = None, most: int = 100) -> list[MerchantOfMine]:
    """Those where the person may do anything, by number; each read as that person, inside that merchant."""
    with here.app.everyone() as session:
        mine = merchants_of(session, here.person.user_id)
    wanted = [(one, access) for one, access in mine.items() if after is None or one > after]
    found = [_merchant(here, merchant_id, access) for merchant_id, access in wanted[:most]]
    return [one for one in found if one is not None]


@router.get(
    "/merchants",
    summary="My merchants, with my role and permissions there",
    response_model=Merchants,
    responses={304: {"description": "Nothing moved since that ETag."}},
)
def mine(
    here: Here,
    filters: Annotated[MerchantFilters, Query()],
    if_none_match: Annotated[str | None, Header(description="The ETag of an earlier answer.")] = None,
) -> Response:
    """`version` changes when data of the merchant did; send the ETag back to hear 304 while nothing moved."""
    found = merchants_of_mine(here, after=filters.cursor, most=filters.limit + 1)
    shown = found[: filters.limit]
    more = shown[-1].merchant_id if len(found) > filters.limit else None
    body = Merchants(merchants=shown, next_cursor=more)
    tag = f'"{hashlib.sha256(body.model_dump_json().encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]:
        return Response(status_code=304, headers=headers)
    return JSONResponse(body.model_dump(mode="json"), headers=headers)


def _merchant(here: AtWork, merchant_id: int, access: Access) -> MerchantOfMine | None:
    with here.app.merchant(merchant_id, person=here.person.user_id, opening=LOOKING) as tenant:
        row = merchant_seen(tenant)
    if row is None or access.role is None:
        return None
    return MerchantOfMine(
        merchant_id=merchant_id,
        name=row.name,
        role=access.role,
        permissions=sorted(access.permissions),
        environment=row.environment,
        timezone=row.timezone,
        is_active=row.is_active,
        version="0" if row.moved_at is None else format(int(row.moved_at.timestamp() * 1_000_000), "x"),
    )
