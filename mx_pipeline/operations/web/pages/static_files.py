"""The style, the script and the mark: three files, by name; nothing else on the disk has an address."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

KINDS = {
    "style.css": "text/css; charset=utf-8",
    "pages.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}
GOOD_FOR_SECONDS = 300


@router.get("/static/{name}")
def static_file(name: str) -> Response:
    """One of them."""
    if name not in KINDS:
        raise HTTPException(404)
    cached = f"public, max-age={GOOD_FOR_SECONDS}"
    return Response(_content(name), media_type=KINDS[name], headers={"Cache-Control": cached})


@cache
def _content(name: str) -> bytes:
    return (files("mx_pipeline.operations.web.pages") / "static" / name).read_bytes()
