"""The console as an ASGI app: who is let in, what they may reach, and what goes wrong, as a page."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import attrs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from purchase_core.billing import Billing
from purchase_core.console import Auth, Operator, Role
from purchase_core.errors import NotFound, PurchaseError, UsageError
from purchase_core.identifiers import IdSource, RandomIds
from purchase_core.ports.provider.pages import Receive, Scope, Send

from .forms import form_of
from .page import Action, Page, View
from .pages import PAGES
from .provider_pages import ProviderPages
from .rendering import FOLDER, Rendering
from .visit import Visit

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

log = logging.getLogger("purchase.console")


class Console:
    """The pages, over one billing. `auth` says who sends a request; whoever it does not know sees nothing.

    `origin` is where browsers reach it (`https://admin.example.com`), if that is not what requests say.
    """

    def __init__(
        self,
        billing: Billing,
        *,
        auth: Auth,
        origin: str = "",
        pages: Sequence[Page] = PAGES,
        ids: IdSource | None = None,
    ) -> None:
        self._billing = billing
        self._auth = auth
        self._origin = origin
        self._rendering = Rendering(pages, ids or RandomIds(), ProviderPages(billing.connections))
        self._app = Starlette(
            routes=[
                *(route for page in pages for route in self._routes(page)),
                Mount("/static", StaticFiles(directory=FOLDER / "static")),
            ],
            exception_handlers={
                PurchaseError: self._sorry,
                HTTPException: self._sorry,
                Exception: self._sorry,
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    def _routes(self, page: Page) -> list[Route]:
        return [
            Route(page.path + one.path or "/", self._endpoint(one), methods=[method])
            for method, those in (("GET", page.views), ("POST", page.actions))
            for one in those
        ]

    def _endpoint(self, one: View | Action) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            operator = await self._operator(request)
            visit = Visit(request, self._billing, operator, self._rendering)
            request.state.visit = visit
            if not {Role.VIEW, one.role} <= operator.roles:
                raise HTTPException(403, f"This needs the role {one.role}.")
            if isinstance(one, Action):
                visit = attrs.evolve(visit, form=await form_of(request, self._origin))
                if one.money and not operator.recent:
                    raise HTTPException(403, "Money is at stake: sign in again first.")
            return await one.handler(visit)

        return endpoint

    async def _operator(self, request: Request) -> Operator:
        found = self._auth(request.scope)
        operator = await found if inspect.isawaitable(found) else found
        if operator is None:
            raise HTTPException(401, "Sign in first.")
        return operator

    async def _sorry(self, request: Request, error: Exception) -> Response:
        """An error as a page, with what to do. What is not ours is not shown: it may quote anything."""
        status, message, hint = 500, "Something went wrong.", "It was logged."
        if isinstance(error, HTTPException):
            status, message, hint = error.status_code, error.detail, ""
        elif isinstance(error, PurchaseError):
            status = 404 if isinstance(error, NotFound) else 400 if isinstance(error, UsageError) else 503
            message, hint = error.message, error.hint
        else:
            log.error("a page failed: %s", type(error).__name__)
        return self._rendering.page(request, "error.html", status, message=message, hint=hint)
