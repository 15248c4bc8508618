"""What every route's documentation says about refusals."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One field that was not as asked."""

    field: str
    message: Annotated[str, Field(description="What is wrong with it, and what to type instead.")]


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="What is wrong, and what to do.")]
    code: Annotated[str, Field(description="A stable word for programs.")]
    correlation_id: Annotated[str, Field(description="Under which the server's log has this call.")]
    errors: list[FieldProblem] | None = None


_SHOWN = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": _SHOWN}
    for status, description in {
        400: "the body cannot be read",
        401: "nobody is signed in",
        403: "this person may not do this here",
        404: "there is no such thing here",
        408: "the body came too slowly",
        409: "something else is under way",
        413: "the body is too large",
        415: "the body is of a kind that is not taken",
        422: "something in it is not as asked; the message says what to type",
        429: "too many calls; Retry-After says when again",
        500: "a defect of ours",
        503: "the database is busy or away; Retry-After says when again",
    }.items()
}


def documented(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once, with the shape of refusals; FastAPI's own is not what we send."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= {"FieldProblem": problem.pop("$defs")["FieldProblem"], "Problem": problem}
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
