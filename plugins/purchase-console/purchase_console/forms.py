"""Forms of the console: bounded, and of the console's own pages only.

A form carries a token that its cookie carries too, and comes from where the console is. Another site can make
a browser send a form; it can neither read the cookie nor choose the origin.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "purchase_console"
TOKEN = "token"  # noqa: S105  # the name of a field
TOKEN_BYTES = 32
FORM_BYTES_MAX = 16_384
FIELDS_MAX = 40
COOKIE_SECONDS = 12 * 3_600


def token_of(request: Request) -> str:
    """The browser's token; a new one where it has none yet."""
    found = request.cookies.get(COOKIE, "")
    return found if _is_token(found) else secrets.token_urlsafe(TOKEN_BYTES)


def keep_token(request: Request, response: Response, token: str) -> None:
    """Have the browser keep its token."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_SECONDS,
        path=request.scope.get("root_path", "") or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


async def form_of(request: Request, origin: str) -> Mapping[str, str]:
    """The fields of a form of the console's own. Raises HTTPException on anything else.

    `origin` is where browsers reach the console; "" is what the request itself says.
    """
    expected = origin or f"{request.url.scheme}://{request.headers.get('host', '')}"
    if request.headers.get("origin") != expected:
        raise HTTPException(403, "That form did not come from the console.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise HTTPException(413, "That form is too large.")
    request._body = bytes(body)  # noqa: SLF001  # read within bounds; the parser takes it from there
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    cookie = request.cookies.get(COOKIE, "")
    if not (_is_token(cookie) and hmac.compare_digest(cookie.encode(), fields.pop(TOKEN, "").encode())):
        raise HTTPException(403, "That form is too old, or is not the console's. Load the page again.")
    return fields


def _is_token(text: str) -> bool:
    return len(text) > TOKEN_BYTES and text.isascii()
