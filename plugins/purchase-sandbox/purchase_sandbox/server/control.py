"""The control panel for programs, `/sandbox/…`: time, chaos, webhook endpoints, events by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.routing import Route

from purchase_core.errors import InvalidArgument, SecretMissing
from purchase_core.instants import to_datetime
from purchase_core.secret import Secret
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.refusal import invalid, missing
from purchase_sandbox.account.requests import Nothing, Text, Url, read
from purchase_sandbox.account.requests import Request as Body
from purchase_sandbox.account.trigger import TRIGGERS
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.chaos import CERTAIN_PPM, parse_odds
from purchase_simulators.wire.deliveries import Delivery, NotThere
from purchase_simulators.wire.keys import Answer
from purchase_simulators.wire.spans import after

from .answering import Handler, for_account, json_answer
from .endpoints import new_secret, shown

LOG_ROWS_MAX = 100


class Advance(Body, frozen=True):
    """POST /sandbox/clock: a span, as in "1month"."""

    by: Annotated[str, Meta(min_length=2, max_length=20)]


class SetChaos(Body, frozen=True):
    """POST /sandbox/chaos: odds, as in "duplicate=0.2,drop=0"."""

    odds: Text


class SetApproval(Body, frozen=True):
    """POST /sandbox/approval."""

    refunds: bool


class AddEndpoint(Body, frozen=True):
    """POST /sandbox/webhooks. Without a secret, one is made, and shown once."""

    url: Url
    secret: Text = ""


class Rotate(Body, frozen=True):
    """POST /sandbox/webhooks/{id}/rotate."""

    secret: Text = ""


class Trigger(Body, frozen=True):
    """POST /sandbox/trigger. Without an object, the newest that fits is taken."""

    type: Text
    object: Text = ""


class Control:
    """Handlers over one sandbox. The API key says whose endpoints and events; the clock is everybody's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Everything under /sandbox."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/sandbox/approval", self.show_approval),
            ("POST", "/sandbox/approval", self.set_approval),
            ("GET", "/sandbox/clock", self.show_clock),
            ("POST", "/sandbox/clock", self.advance),
            ("GET", "/sandbox/chaos", self.show_chaos),
            ("POST", "/sandbox/chaos", self.set_chaos),
            ("GET", "/sandbox/webhooks", self.list_endpoints),
            ("POST", "/sandbox/webhooks", self.add_endpoint),
            ("POST", "/sandbox/webhooks/{id}/rotate", self.rotate),
            ("POST", "/sandbox/webhooks/{id}/retire", self.retire),
            ("DELETE", "/sandbox/webhooks/{id}", self.remove_endpoint),
            ("GET", "/sandbox/deliveries", self.list_deliveries),
            ("POST", "/sandbox/events/{id}/redeliver", self.redeliver),
            ("GET", "/sandbox/trigger", self.list_triggers),
            ("POST", "/sandbox/trigger", self.trigger),
        ]
        return [
            Route(path, for_account(self._sandbox, handler), methods=[method])
            for method, path, handler in table
        ]

    # --- time and chaos --------------------------------------------------------------------------

    def show_clock(self, account: Account, request: Request, body: bytes) -> Answer:
        now = self._sandbox.clock.now()
        return json_answer({"now": now, "time": to_datetime(now).isoformat()})

    def advance(self, account: Account, request: Request, body: bytes) -> Answer:
        now = self._sandbox.clock.now()
        try:
            self._sandbox.advance(after(now, read(body, Advance).by) - now)
        except InvalidArgument as error:
            raise invalid(error.message) from None
        return self.show_clock(account, request, body)

    def show_chaos(self, account: Account, request: Request, body: bytes) -> Answer:
        chaos = self._sandbox.chaos
        odds = {fault: str(Decimal(ppm) / CERTAIN_PPM) for fault, ppm in chaos.odds_ppm.items()}
        return json_answer({"seed": chaos.seed, "odds": odds})

    def set_chaos(self, account: Account, request: Request, body: bytes) -> Answer:
        try:
            for fault, odds in parse_odds(read(body, SetChaos).odds).items():
                self._sandbox.chaos.set(fault, odds)
        except InvalidArgument as error:
            raise invalid(error.message) from None
        return self.show_chaos(account, request, body)

    # --- approval --------------------------------------------------------------------------------

    def show_approval(self, account: Account, request: Request, body: bytes) -> Answer:
        return json_answer({"refunds": account.book.refund_approval})

    def set_approval(self, account: Account, request: Request, body: bytes) -> Answer:
        account.book.refund_approval = read(body, SetApproval).refunds
        return self.show_approval(account, request, body)

    # --- webhooks --------------------------------------------------------------------------------

    def list_endpoints(self, account: Account, request: Request, body: bytes) -> Answer:
        return json_answer({"data": [shown(one) for one in account.deliveries.endpoints]})

    def add_endpoint(self, account: Account, request: Request, body: bytes) -> Answer:
        asked = read(body, AddEndpoint)
        secret, made = _secret(asked.secret)
        try:
            endpoint = account.deliveries.add(asked.url, secret)
        except (InvalidArgument, SecretMissing) as error:
            raise invalid(error.message) from None
        return json_answer(shown(endpoint) | made)

    def rotate(self, account: Account, request: Request, body: bytes) -> Answer:
        secret, made = _secret(read(body, Rotate).secret)
        try:
            endpoint = account.deliveries.rotate(request.path_params["id"], secret)
        except NotThere:
            raise missing("endpoint") from None
        except (InvalidArgument, SecretMissing) as error:
            raise invalid(error.message) from None
        return json_answer(shown(endpoint) | made)

    def retire(self, account: Account, request: Request, body: bytes) -> Answer:
        read(body, Nothing)
        try:
            return json_answer(shown(account.deliveries.retire(request.path_params["id"])))
        except NotThere:
            raise missing("endpoint") from None

    def remove_endpoint(self, account: Account, request: Request, body: bytes) -> Answer:
        try:
            return json_answer(shown(account.deliveries.remove(request.path_params["id"])))
        except NotThere:
            raise missing("endpoint") from None

    def list_deliveries(self, account: Account, request: Request, body: bytes) -> Answer:
        account.catch_up()
        account.deliveries.plan()
        return json_answer({"data": [_logged(one) for one in account.deliveries.newest(LOG_ROWS_MAX)]})

    def redeliver(self, account: Account, request: Request, body: bytes) -> Answer:
        read(body, Nothing)
        account.deliveries.plan()
        planned = account.deliveries.redeliver(request.path_params["id"])
        return json_answer({"data": [_logged(one) for one in planned]})

    # --- events by hand --------------------------------------------------------------------------

    def list_triggers(self, account: Account, request: Request, body: bytes) -> Answer:
        return json_answer({"data": sorted(TRIGGERS)})

    def trigger(self, account: Account, request: Request, body: bytes) -> Answer:
        asked = read(body, Trigger)
        if asked.type not in TRIGGERS:
            raise missing(f"trigger; there are {', '.join(sorted(TRIGGERS))}")
        account.catch_up()
        before = account.book.newest_event()
        TRIGGERS[asked.type](account.book, asked.object)
        happened = account.book.events_since(before)
        return json_answer(
            {"data": [{"id": one.id, "type": one.type, "object": one.about} for one in happened]}
        )


def _secret(given: str) -> tuple[Secret, dict[str, object]]:
    """The secret to use, and what to show of it: only one that was made here, and only now."""
    if given:
        return Secret(given), {}
    made = new_secret()
    return Secret(made), {"secret": made}


def _logged(delivery: Delivery) -> dict[str, object]:
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
