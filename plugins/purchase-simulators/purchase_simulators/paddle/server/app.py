"""The whole HTTP application of the Paddle simulator."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from purchase_simulators.paddle.played import PlayedPaddle
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.wire.breaking import Breakage, BreakingApi
from purchase_simulators.wire.panel import panel_routes

from . import api, control, page, portal
from .answering import Answering

_META = b'"meta":{"request_id":"00000000-0000-4000-8000-000000000000"}}'
BREAKAGE = Breakage(
    busy_body=b'{"error":{"type":"api_error","code":"too_many_requests","detail":"IP address exceeded the '
    b'allowed rate limit. Retry after the number of seconds in the Retry-After header.","documentation_url":'
    b'"https://developer.paddle.com/errors/shared/too_many_requests"},' + _META,
    broken_body=b'{"error":{"type":"api_error","code":"internal_error","detail":"An unexpected error '
    b'occurred","documentation_url":"https://developer.paddle.com/errors/shared/internal_error"},' + _META,
)
API_PREFIXES = (
    "/customers", "/products", "/prices", "/discounts", "/transactions", "/adjustments", "/subscriptions",
    "/events", "/event-types", "/notifications", "/notification-settings",
)  # fmt: skip


def application(simulator: PaddleSimulator) -> ASGIApp:
    """The API (which chaos may break), the checkout page, and what only a simulator has."""
    answering = Answering(simulator)

    def enter(api_key: str) -> PlayedPaddle | None:
        account = simulator.account_of(api_key)
        return PlayedPaddle(simulator, account) if account else None

    app = Starlette(
        routes=[
            *api.routes(simulator),
            *page.routes(simulator),
            *portal.routes(simulator),
            *control.routes(simulator),
            *panel_routes(enter),
        ],
        exception_handlers={404: answering.not_there, 405: answering.not_there},
    )
    return BreakingApi(app, simulator.chaos, lambda: BREAKAGE, prefixes=API_PREFIXES)
