"""The session's cookie, and the check that a page of ours sent what comes with it."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPMethod

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from mx_pipeline.errors import AccessDenied
from mx_pipeline.operations.web.web_settings import WebSettings

SAFE_METHODS = frozenset({HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS})
CSRF_HEADER = "X-CSRF-Token"
NOT_FROM_HERE = (
    "this did not come from a page of this installation, and a session's cookie alone is not enough to change "
    f"anything: send the header {CSRF_HEADER} with the csrf_token that signing in gave, or use a token instead"
)


def session_cookie_name(web: WebSettings) -> str:
    """Over https the browser itself holds it to this host."""
    return "__Host-mx_session" if web.is_encrypted else "mx_session"


def session_cookie(connection: HTTPConnection, web: WebSettings) -> str | None:
    """What the browser brought."""
    return connection.cookies.get(session_cookie_name(web))


def set_session_cookie(answer: Response, web: WebSettings, text: str) -> None:
    """Gone with the browser; how long it holds is decided here, not there."""
    answer.set_cookie(
        session_cookie_name(web), text, path="/", httponly=True, secure=web.is_encrypted, samesite="lax"
    )


def delete_session_cookie(answer: Response, web: WebSettings) -> None:
    """The browser forgets it."""
    answer.delete_cookie(
        session_cookie_name(web), path="/", httponly=True, secure=web.is_encrypted, samesite="lax"
    )


def own_origin(connection: HTTPConnection, web: WebSettings) -> str:
    """Where pages of ours come from: as set, or as this call was addressed."""
    return web.public_url or f"{connection.url.scheme}://{connection.url.netloc}"


def csrf_token(secret: str) -> str:
    """Of a session's secret, which no script and no other origin can read."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def refuse_other_origins(request: Request, web: WebSettings, *, secret: str | None) -> None:
    """Raise AccessDenied where another page than ours may have sent this; `secret` of the session, if there is one.

    Browsers name the origin of everything that can change something. What names none has to bring the token.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        if origin != own_origin(request, web):
            raise AccessDenied(NOT_FROM_HERE)
        return
    if secret is None:
        return
    brought = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(brought.encode(), csrf_token(secret).encode()):
        raise AccessDenied(NOT_FROM_HERE)
