"""The application: API, pages and control panel as one ASGI callable."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from purchase_simulators.stripe.simulator import StripeSimulator
from purchase_simulators.wire.breaking import BreakingApi

from .api import api_routes
from .control import Control
from .page import Pages


def application(simulator: StripeSimulator) -> ASGIApp:
    """Stripe over HTTP."""
    app = Starlette(routes=[*api_routes(simulator), *Control(simulator).routes(), *Pages(simulator).routes()])
    return BreakingApi(app, simulator.chaos, simulator.breakage, prefixes=("/v1/",))
