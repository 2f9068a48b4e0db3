"""The application: API, pages and control panel as one ASGI callable."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from purchase_simulators.stripe.played import PlayedStripe
from purchase_simulators.stripe.refusal import Refusal
from purchase_simulators.stripe.simulator import StripeSimulator
from purchase_simulators.wire.breaking import BreakingApi
from purchase_simulators.wire.panel import panel_routes

from .api import api_routes
from .page import Pages


def application(simulator: StripeSimulator) -> ASGIApp:
    """Stripe over HTTP."""

    def enter(api_key: str) -> PlayedStripe | None:
        try:
            return PlayedStripe(simulator, simulator.account_of(api_key))
        except Refusal:
            return None

    app = Starlette(routes=[*api_routes(simulator), *panel_routes(enter), *Pages(simulator).routes()])
    return BreakingApi(app, simulator.chaos, simulator.breakage, prefixes=("/v1/",))
