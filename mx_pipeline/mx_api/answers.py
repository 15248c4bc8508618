"""Judges an answer: an error code in the body decides first (also under 200), the HTTP status second."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, cast

import msgspec

from mx_pipeline.errors import (
    MxApiError,
    MxBadResponse,
    MxContractBroken,
    MxCredentialsRefused,
    MxForbidden,
    MxMaintenance,
    MxNotFound,
    MxRateLimited,
    MxRejected,
    MxUnavailable,
)
from mx_pipeline.mx_api.card_numbers import masked
from mx_pipeline.mx_api.careful import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mx_pipeline.mx_api.calls import Endpoint

LONGEST_DETAIL_QUOTED = 200
ERROR_KEY = b'"errorCode"'
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
SECONDS = re.compile(r"[0-9]{1,10}")

ASK_FOR_A_KEY = "Give this merchant a current key with `merchants set-key`."
ASK_FOR_A_ROLE = "Ask for a key whose role may read it."


class Asked(msgspec.Struct, frozen=True):
    """What we tried, in words without a URL."""

    endpoint: Endpoint
    record_id: int | None = None

    def __str__(self) -> str:
        """`payment detail 4000000000000001`."""
        words = self.endpoint.replace("_", " ")
        return words if self.record_id is None else f"{words} {self.record_id}"


class Answer(msgspec.Struct, frozen=True):
    """A whole answer; its repr holds no body, for that may hold names."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at: float
    """`time.monotonic()` when the request was sent."""

    def __repr__(self) -> str:
        """Status and size."""
        return f"Answer(status={self.status}, bytes={len(self.body)})"


def judge(asked: Asked, answer: Answer, hide: Callable[[str], str]) -> None:
    """Return if the body is worth reading as records; raise what the answer means otherwise."""
    is_ok = 200 <= answer.status < 300
    if is_ok and ERROR_KEY not in answer.body:
        _demand_json(asked, answer)
        return
    code, came = _in_words(asked, answer, hide)
    if is_ok and not code:
        _demand_json(asked, answer)
        return
    raise _by_code(asked, code, came) or _by_status(asked, answer, came)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Either form of Retry-After; a date in the past is 0, anything else is as if it were not there."""
    text = headers.get("Retry-After", "").strip()
    if SECONDS.fullmatch(text):
        return float(text)
    until = _moment(text)
    if until is None:
        return None
    # Against the vendor's own clock where it tells it: ours may be minutes off.
    now = _moment(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _moment(http_date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _by_code(asked: Asked, code: str, came: str) -> MxApiError | None:
    match code:
        case "InvalidCredentials":
            return MxCredentialsRefused(f"{came} MX does not know this key. {ASK_FOR_A_KEY}")
        case "Unauthorized" if asked.record_id is not None:
            return MxNotFound(f"{came} There is no such record, or it is not this merchant's.")
        case "Unauthorized":
            return MxForbidden(
                f"{came} The key is not for this merchant; check the merchant's id and its key."
            )
        case "ValidationError":
            return MxRejected(
                f"{came} MX no longer takes this request as we make it; that is for us to mend."
            )
        case _:
            return None


def _by_status(asked: Asked, answer: Answer, came: str) -> MxApiError:
    """Without an error code a by-id 401 or 403 says nothing about the record, so it is not "not found"."""
    status = answer.status
    if status == 401:
        return MxCredentialsRefused(f"{came} MX does not accept this key. {ASK_FOR_A_KEY}")
    if status == 403:
        return MxForbidden(f"{came} The key is good, but its role may not read this. {ASK_FOR_A_ROLE}")
    if status == 404 and asked.record_id is not None:
        return MxNotFound(f"{came} There is no such record, or it is not this merchant's.")
    if status == 404:
        return MxContractBroken(f"{came} There is no such list at this address; check the API's URL.")
    if status in (429, 503):
        pause = retry_after_seconds(answer.headers)
        if status == 429 or pause is not None:
            return MxRateLimited(f"{came} It asks for fewer calls.", retry_after_seconds=pause)
    if status >= 500 or status in (408, 425):
        return MxUnavailable(f"{came} Try again later.")
    if 300 <= status < 400:
        return MxContractBroken(f"{came} Redirects are not followed; check the API's URL.")
    return MxRejected(f"{came} MX will not answer this request; that is for us to mend.")


def _demand_json(asked: Asked, answer: Answer) -> None:
    if answer.body.startswith((b"{", b"[")) and "html" not in answer.headers.get("Content-Type", "").lower():
        return
    start = answer.body[:64].lstrip()
    if not start and not answer.body.strip():
        raise MxMaintenance(f"{asked}: MX answered {answer.status} with an empty body. Try again later.")
    if start.startswith(b"<") or "html" in answer.headers.get("Content-Type", "").lower():
        raise MxMaintenance(f"{asked}: MX answered {answer.status} with a web page. Try again later.")
    if not start.startswith((b"{", b"[")):
        raise MxBadResponse(f"{asked}: MX answered {answer.status} with something that is not JSON.")


def _in_words(asked: Asked, answer: Answer, hide: Callable[[str], str]) -> tuple[str, str]:
    """The error code, and the sentence that says what we tried and what came back (`mx_api.md` 3.1)."""
    try:
        tree = parse(answer.body)
    except (ValueError, RecursionError):
        tree = None  # some error bodies are plain text ("Not Found")
    trouble = cast("dict[str, object]", tree) if isinstance(tree, dict) else {}
    code = _cut(trouble.get("errorCode"), hide)
    detail = _cut(_first(trouble.get("details")), hide)
    return code, f"{asked}: MX answered {answer.status}{' ' * bool(code)}{code}{': ' * bool(detail)}{detail}."


def _first(details: object) -> object:
    if isinstance(details, list):
        return cast("list[object]", details)[0] if details else None
    return details


def _cut(value: object, hide: Callable[[str], str]) -> str:
    """Text for a log line: no secret, no control characters, not long; nothing for what says nothing."""
    if not value or isinstance(value, (list, dict)):
        return ""
    return CONTROL_CHARACTERS.sub(" ", masked(hide(str(value)))).strip()[:LONGEST_DETAIL_QUOTED]
