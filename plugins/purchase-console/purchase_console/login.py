"""Letting in one browser of this machine, once, by an address that is printed where the console is served."""

from __future__ import annotations

import hmac
import secrets

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from purchase_core.console import Operator
from purchase_core.ports.provider.pages import AsgiApp, Receive, Scope, Send
from purchase_core.secret import Secret

COOKIE = "purchase_console_session"
PATH = "/login"
SEE_OTHER = 303


class Login:
    """Knows one operator. The token in `path` is good for one browser; the session lasts as long as this."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._token: Secret | None = Secret(secrets.token_urlsafe(32))
        self._session = Secret(secrets.token_urlsafe(32))

    @property
    def path(self) -> str:
        """What to open; "" once somebody has."""
        return f"{PATH}?token={self._token.reveal()}" if self._token else ""

    def __call__(self, scope: Scope) -> Operator | None:
        """Who sends a request: the operator, or nobody."""
        shown = HTTPConnection(scope).cookies.get(COOKIE, "")
        return self._operator if _is(shown, self._session) else None

    def around(self, app: AsgiApp, *hosts: str) -> AsgiApp:
        """The app behind the login. Only these hosts are answered: no other site's name leads here."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            request = Request(scope)
            answer: AsgiApp = app
            if request.headers.get("host") not in hosts:
                answer = PlainTextResponse("This console is served to this machine alone.", 421)
            elif request.url.path == PATH:
                answer = self._enter(request)
            await answer(scope, receive, send)

        return guarded

    def _enter(self, request: Request) -> Response:
        shown = request.query_params.get("token", "")
        if self._token is None or not _is(shown, self._token):
            return PlainTextResponse(
                "This address has been used, or is not right. Serve the console again.", 401
            )
        self._token = None
        answer = RedirectResponse(
            "/", SEE_OTHER, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        )
        answer.set_cookie(COOKIE, self._session.reveal(), httponly=True, samesite="strict")
        return answer


def _is(shown: str, secret: Secret) -> bool:
    """Whether somebody has shown a secret, in the time that it takes to compare all of it."""
    return hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), secret.reveal().encode())
