"""The control panel for programs, `/sandbox/…`, as the sandbox has it: `purchase sandbox` speaks to both."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from purchase_core.errors import InvalidArgument, MalformedBody
from purchase_core.instants import to_datetime
from purchase_core.strict_json import decode
from purchase_simulators.stripe.account import Account
from purchase_simulators.stripe.refusal import Refusal, invalid
from purchase_simulators.stripe.simulator import StripeSimulator
from purchase_simulators.wire.chaos import CERTAIN_PPM, parse_odds
from purchase_simulators.wire.deliveries import Delivery
from purchase_simulators.wire.spans import after

from .api import api_key_of, body_of

LOG_ROWS_MAX = 100

Shown: TypeAlias = dict[str, object]
Command: TypeAlias = Callable[[Account, Request, dict[str, object]], Shown]


class Control:
    """Handlers over one simulator. The API key says whose webhooks; the clock is everybody's."""

    def __init__(self, simulator: StripeSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """Everything under /sandbox."""
        table: list[tuple[str, str, Command]] = [
            ("GET", "/sandbox/clock", self.show_clock),
            ("POST", "/sandbox/clock", self.advance),
            ("GET", "/sandbox/chaos", self.show_chaos),
            ("POST", "/sandbox/chaos", self.set_chaos),
            ("GET", "/sandbox/deliveries", self.list_deliveries),
            ("POST", "/sandbox/events/{id}/redeliver", self.redeliver),
        ]
        return [Route(path, self._endpoint(act), methods=[method]) for method, path, act in table]

    def show_clock(self, account: Account, request: Request, asked: dict[str, object]) -> Shown:
        """What time it is."""
        now = self._simulator.clock.now()
        return {"now": now, "time": to_datetime(now).isoformat()}

    def advance(self, account: Account, request: Request, asked: dict[str, object]) -> Shown:
        """Let time pass: `{"by": "1month"}`."""
        now = self._simulator.clock.now()
        try:
            self._simulator.advance(after(now, str(asked.get("by", ""))) - now)
        except InvalidArgument as error:
            raise invalid(error.message, "by") from None
        return self.show_clock(account, request, asked)

    def show_chaos(self, account: Account, request: Request, asked: dict[str, object]) -> Shown:
        """What goes wrong, and how often."""
        chaos = self._simulator.chaos
        odds = {fault: str(Decimal(ppm) / CERTAIN_PPM) for fault, ppm in chaos.odds_ppm.items()}
        return {"seed": chaos.seed, "odds": odds}

    def set_chaos(self, account: Account, request: Request, asked: dict[str, object]) -> Shown:
        """Break things: `{"odds": "drop=0.1"}`."""
        try:
            for fault, odds in parse_odds(str(asked.get("odds", ""))).items():
                self._simulator.chaos.set(fault, odds)
        except InvalidArgument as error:
            raise invalid(error.message, "odds") from None
        return self.show_chaos(account, request, asked)

    def list_deliveries(self, account: Account, request: Request, asked: dict[str, object]) -> Shown:
        """Webhooks that were sent, and what came back."""
        account.catch_up()
        account.deliveries.plan()
        return {"data": [_logged(one) for one in account.deliveries.newest(LOG_ROWS_MAX)]}

    def redeliver(self, account: Account, request: Request, asked: dict[str, object]) -> Shown:
        """Send an event's webhooks once more."""
        account.deliveries.plan()
        return {"data": [_logged(one) for one in account.deliveries.redeliver(request.path_params["id"])]}

    def _endpoint(self, act: Command) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            try:
                account = self._simulator.account_of(api_key_of(request))
                asked = decode(await body_of(request) or b"{}")
                shown = act(account, request, asked if isinstance(asked, dict) else {})
            except MalformedBody as error:
                return Response(invalid(error.message).body("req_control"), 400, None, "application/json")
            except Refusal as refusal:
                return Response(refusal.body("req_control"), refusal.status, None, "application/json")
            return Response(msgspec.json.encode(shown), 200, None, "application/json")

        return endpoint


def _logged(delivery: Delivery) -> Shown:
    return {
        "id": delivery.id,
        "object": "delivery",
        "event": delivery.event,
        "type": delivery.type,
        "endpoint": delivery.endpoint,
        "state": delivery.state,
        "due": delivery.due,
        "attempts": delivery.attempts,
    }
