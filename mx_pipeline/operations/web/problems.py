"""Every refusal leaves as one JSON object (RFC 9457): a code, a sentence that says what to do, no database text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from mx_pipeline.errors import (
    AccessDenied,
    BadInput,
    MerchantBusy,
    MxPipelineError,
    NotSignedIn,
    TooManyRequests,
    UnknownInvoice,
    UnknownMerchant,
    UnknownPayment,
    UnknownRequest,
    WarehouseError,
    WarehouseUnavailable,
)
from mx_pipeline.operations.web.wording import what_to_type

MEDIA_TYPE: Final = "application/problem+json"
STATUS: Mapping[type[MxPipelineError], HTTPStatus] = {
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    AccessDenied: HTTPStatus.FORBIDDEN,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    UnknownMerchant: HTTPStatus.NOT_FOUND,
    UnknownInvoice: HTTPStatus.NOT_FOUND,
    UnknownPayment: HTTPStatus.NOT_FOUND,
    UnknownRequest: HTTPStatus.NOT_FOUND,
    BadInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    MerchantBusy: HTTPStatus.CONFLICT,
    WarehouseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    MxPipelineError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""By the nearest kind."""
CODES: Mapping[int, str] = {
    400: "unreadable",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    422: "bad_input",
}
"""Of what HTTP itself refuses, before any of our errors."""
TRY_AGAIN_SECONDS: Final = 2
BUSY = "the database is busy or away; nothing was done; try again in a moment"
DEFECT = "something went wrong on our side; tell the operator the correlation id, under which the log has it"


def request_id_of(request: Request) -> str:
    """The correlation id of this call: in the answer's header, in its problem, and in the log."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """The answer."""
    body: dict[str, Any] = {
        "type": f"urn:mx-pipeline:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "correlation_id": request_id_of(request),
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def problem_of(request: Request, error: MxPipelineError) -> Response:
    """What one of our errors looks like from outside."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers: dict[str, str] = {}
    detail = str(error)
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(math.ceil(error.retry_after_seconds))
    elif isinstance(error, WarehouseUnavailable):
        headers["Retry-After"] = str(TRY_AGAIN_SECONDS)
        detail = BUSY
    elif isinstance(error, WarehouseError) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = DEFECT
    return problem(request, status, error.code, detail, headers=headers)


def answer_with_problems(app: FastAPI) -> None:
    """Let the app answer every refusal so."""
    app.add_exception_handler(MxPipelineError, _ours)
    app.add_exception_handler(RequestValidationError, _not_as_asked)
    app.add_exception_handler(HTTPException, _of_http)


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, MxPipelineError)
    return problem_of(request, error)


def _not_as_asked(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [what_to_type(one) for one in error.errors()]
    detail = "; ".join(one["message"] for one in errors)
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, BadInput.code, detail, errors=errors)


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = {
        404: "there is nothing at this address; /openapi.json lists what there is",
        405: "this address does not take that method; /openapi.json lists what it takes",
        400: "the body cannot be read: send JSON in UTF-8, with Content-Type: application/json",
    }.get(error.status_code, phrase.lower())
    code = CODES.get(error.status_code, "refused")
    return problem(request, error.status_code, code, detail, headers=error.headers)
