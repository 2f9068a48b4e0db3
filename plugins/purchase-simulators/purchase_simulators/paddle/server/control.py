"""What only a simulator has, under `/simulator/`: what buyers, Paddle's people and banks do."""

from __future__ import annotations

from starlette.routing import Route

from purchase_simulators.paddle import adjustments, paying
from purchase_simulators.paddle.cards import CARDS, GOOD_CARD
from purchase_simulators.paddle.refusal import bad
from purchase_simulators.paddle.requests import Body, read
from purchase_simulators.paddle.simulator import PaddleSimulator

from .answering import Answering, Call, Found, Handler


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

    table: dict[tuple[str, str], Handler] = {
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
