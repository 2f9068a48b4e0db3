"""The application: API, control panel and pages as one ASGI callable."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.breaking import Breakage, BreakingApi

from .answering import not_there
from .api import api_routes
from .control import Control
from .page import CheckoutPages
from .portal import CustomerPages

BREAKAGE = Breakage(
    busy_body=b'{"error":{"code":"busy","message":"too many requests"}}',
    broken_body=b'{"error":{"code":"internal","message":"something went wrong"}}',
)


def application(sandbox: Sandbox) -> ASGIApp:
    """A sandbox over HTTP."""
    routes = [
        *api_routes(sandbox),
        *Control(sandbox).routes(),
        *CheckoutPages(sandbox).routes(),
        *CustomerPages(sandbox).routes(),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: not_there})
    return BreakingApi(app, sandbox.chaos, lambda: BREAKAGE, prefixes=("/v1/",))
