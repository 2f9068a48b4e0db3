"""The application: API and pages as one ASGI callable."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from purchase_sandbox.sandbox import Sandbox

from .answering import not_there
from .api import api_routes
from .breaking import BreakingApi


def application(sandbox: Sandbox) -> ASGIApp:
    """A sandbox over HTTP."""
    app = Starlette(routes=api_routes(sandbox), exception_handlers={HTTPException: not_there})
    return BreakingApi(app, sandbox)
