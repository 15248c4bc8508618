"""The pages: rendered here, by the functions that the API's routes call; a little script makes them livelier."""

from __future__ import annotations

from fastapi import APIRouter

from mx_pipeline.operations.web.pages import (
    categories_page,
    invitations_page,
    invoices_page,
    my_clinics,
    reports_page,
    signin_page,
    static_files,
    suggestions_page,
    sync_page,
    transactions_page,
    watch_page,
)

router = APIRouter()
for _page in (
    static_files,
    signin_page,
    my_clinics,
    sync_page,
    watch_page,
    transactions_page,
    invoices_page,
    categories_page,
    suggestions_page,
    reports_page,
    invitations_page,
):
    router.include_router(_page.router)
