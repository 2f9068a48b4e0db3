"""The application: API, pages and control panel as one ASGI callable."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from purchase_simulators.stripe.simulator import StripeSimulator
from purchase_simulators.wire.breaking import BreakingApi

from .api import api_routes


def application(simulator: StripeSimulator) -> ASGIApp:
    """Stripe over HTTP."""
    app = Starlette(routes=[*api_routes(simulator)])
    return BreakingApi(app, simulator.chaos, simulator.breakage, prefixes=("/v1/",))
