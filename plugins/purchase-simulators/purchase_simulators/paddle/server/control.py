"""What only a simulator has, under `/simulator/`: clock, chaos, and what Paddle's people and banks decide."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta
from starlette.routing import Route

from purchase_core.errors import InvalidArgument
from purchase_simulators.paddle import adjustments, paying
from purchase_simulators.paddle.cards import CARDS, GOOD_CARD
from purchase_simulators.paddle.refusal import bad, field
from purchase_simulators.paddle.requests import Body, read
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.paddle.stamps import written
from purchase_simulators.wire.chaos import CERTAIN_PPM, parse_odds
from purchase_simulators.wire.spans import after

from .answering import Answering, Call, Found, Handler


class Advance(Body):
    """POST /simulator/clock: a span, as in "1month"."""

    by: Annotated[str, Meta(min_length=2, max_length=20)]


class SetChaos(Body):
    """POST /simulator/chaos: odds, as in "duplicate=0.2,drop=0"."""

    odds: Annotated[str, Meta(max_length=2048)]


class Pay(Body):
    """POST /simulator/transactions/{id}/pay: what the buyer does on the checkout page."""

    card: str = GOOD_CARD
    email: str = "buyer@example.com"
    country: str = "US"


class Decide(Body):
    """POST /simulator/adjustments/{id}/decide."""

    approved: bool


class ChargeBack(Body):
    """POST /simulator/transactions/{id}/chargeback."""

    warning: bool = False


class Arrive(Body):
    """POST /simulator/transactions/{id}/arrive: a slow payment comes in, or is refused."""

    refusal: str = ""


def routes(simulator: PaddleSimulator) -> list[Route]:
    """Everything under /simulator, for whoever has an API key."""
    answering = Answering(simulator)

    def clock(call: Call) -> Found:
        return Found({"time": written(simulator.clock.now())})

    def advance(call: Call) -> Found:
        now = simulator.clock.now()
        try:
            simulator.advance(after(now, read(call.body, Advance).by) - now)
        except InvalidArgument as error:
            raise field("by", error.message) from None
        return clock(call)

    def chaos(call: Call) -> Found:
        odds = {fault: str(Decimal(ppm) / CERTAIN_PPM) for fault, ppm in simulator.chaos.odds_ppm.items()}
        return Found({"seed": simulator.chaos.seed, "odds": odds})

    def set_chaos(call: Call) -> Found:
        try:
            for fault, odds in parse_odds(read(call.body, SetChaos).odds).items():
                simulator.chaos.set(fault, odds)
        except InvalidArgument as error:
            raise field("odds", error.message) from None
        return chaos(call)

    table: dict[tuple[str, str], Handler] = {
        ("GET", "/simulator/clock"): clock,
        ("POST", "/simulator/clock"): advance,
        ("GET", "/simulator/chaos"): chaos,
        ("POST", "/simulator/chaos"): set_chaos,
        ("POST", "/simulator/transactions/{id}/pay"): _pay,
        ("POST", "/simulator/transactions/{id}/arrive"): _arrive,
        ("POST", "/simulator/transactions/{id}/chargeback"): _charge_back,
        ("POST", "/simulator/adjustments/{id}/decide"): _decide,
        ("POST", "/simulator/adjustments/{id}/reverse"): lambda call: Found(
            adjustments.reverse(call.account.book, call["id"])
        ),
    }
    return [
        Route(path, answering.endpoint(handler), methods=[method])
        for (method, path), handler in table.items()
    ]


def _pay(call: Call) -> Found:
    asked = read(call.body, Pay)
    if asked.card not in CARDS:
        raise bad("bad_request", f"cards are {', '.join(CARDS)}")
    book = call.account.book
    return Found(paying.checkout(book, call["id"], asked.card, email=asked.email, country=asked.country))


def _arrive(call: Call) -> Found:
    return Found(paying.arrived(call.account.book, call["id"], refusal=read(call.body, Arrive).refusal))


def _charge_back(call: Call) -> Found:
    warning = read(call.body, ChargeBack).warning
    return Found(adjustments.charge_back(call.account.book, call["id"], warning=warning))


def _decide(call: Call) -> Found:
    approved = read(call.body, Decide).approved
    return Found(adjustments.decide(call.account.book, call["id"], approved=approved))
