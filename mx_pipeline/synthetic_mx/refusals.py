"""
MX's ways to say no: error bodies, plain texts, and three dialects of "not found" (mx_api.md 3).
"""

from itertools import count
from typing import Final

import msgspec

from mx_pipeline.synthetic_mx.behaviour import Answer, Behaviour
from mx_pipeline.synthetic_mx.dice import mix

MESSAGES: Final = {
    "InvalidCredentials": "The credentials provided are not valid.",
    "Unauthorized": "You are not authorized to perform this action.",
    "ValidationError": "One or more fields are not valid.",
}
_incidents = count(1)


def refusal(status: int, error_code: str, detail: str) -> Answer:
    incident = f"e{mix(next(_incidents)):022x}"
    body = {
        "errorCode": error_code,
        "message": MESSAGES[error_code],
        "details": [detail],
        "responseCode": incident,
    }
    return Answer(status=status, body=msgspec.json.encode(body))


def plain(status: int, text: str) -> Answer:
    return Answer(status=status, body=text.encode(), content_type=b"text/plain; charset=utf-8")


def invalid_credentials() -> Answer:
    return refusal(401, "InvalidCredentials", "The consumer key or secret is not valid.")


def not_yours() -> Answer:
    return refusal(401, "Unauthorized", "The merchant was not found or you do not have access to it.")


def not_found(behaviour: Behaviour, what: str) -> Answer:
    """An object that does not exist, or is another merchant's: MX does not tell which."""
    if behaviour.not_found == "text404":
        return plain(404, "Not Found")
    status = 404 if behaviour.not_found == "json404" else 401
    return refusal(status, "Unauthorized", f"The {what} was not found or you do not have access to it.")


def not_valid(detail: str) -> Answer:
    return refusal(400, "ValidationError", detail)
