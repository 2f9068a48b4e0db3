"""The customer portal that takes the place of Paddle's own, at `/portal/{session}`: another card, or the end.

A link is temporary, and lets in whoever has it.
"""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from purchase_core.instants import to_datetime
from purchase_core.money import Money
from purchase_simulators.paddle import subscriptions
from purchase_simulators.paddle.book import Book
from purchase_simulators.paddle.cards import CARDS, GOOD_CARD
from purchase_simulators.paddle.refusal import Refusal
from purchase_simulators.paddle.requests import Cancel
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.paddle.stamps import read as read_instant

from .rendering import SEE_OTHER, rendered


def routes(simulator: PaddleSimulator) -> list[Route]:
    """The page, and what its buttons do."""

    async def show(request: Request) -> Response:
        found = _found(simulator, request)
        return _nobody() if found is None else _page(*found)

    async def act(request: Request) -> Response:
        found = _found(simulator, request)
        if found is None:
            return _nobody()
        book, customer = found
        form = {name: str(value) for name, value in (await request.form()).items()}
        subscription = form.get("subscription", "")
        try:
            if book.find("sub", subscription)["customer_id"] != customer:
                return _nobody()
            _do(book, subscription, form)
        except Refusal as refusal:
            return rendered("message.html", refusal.status, title="That did not work", text=refusal.detail)
        return RedirectResponse(f"{request.url.path}?{request.url.query}", SEE_OTHER)

    return [
        Route("/portal/{session}", show, methods=["GET"]),
        Route("/portal/{session}", act, methods=["POST"]),
    ]


def _found(simulator: PaddleSimulator, request: Request) -> tuple[Book, str] | None:
    simulator.catch_up()
    for account in simulator.accounts.values():
        note = account.book.note(request.path_params["session"])
        token = str(note.get("token", ""))
        if token and hmac.compare_digest(token.encode(), request.query_params.get("token", "").encode()):
            return account.book, str(note["customer"])
    return None


def _nobody() -> Response:
    text = "The link is not known, or no longer. Please go back to the shop."
    return rendered("message.html", 404, title="There is nothing here", text=text)


def _do(book: Book, subscription: str, form: dict[str, str]) -> None:
    document = subscriptions.living(book, subscription)
    match form.get("action"):
        case "cancel":
            subscriptions.cancel(book, subscription, Cancel(effective_from="next_billing_period"))
        case "keep":
            document["scheduled_change"] = None
            book.changed(document, "subscription.updated")
        case "card":
            card = form.get("card", GOOD_CARD)
            book.note(subscription)["card"] = card if card in CARDS else GOOD_CARD
            book.changed(document, "subscription.updated")


def _page(book: Book, customer: str) -> Response:
    owned = [one for one in book.rows("sub") if one["customer_id"] == customer]
    rows = [_shown(one) for one in reversed(owned)]
    return rendered("portal.html", title="Your subscriptions", rows=rows, cards=list(CARDS.values()))


def _shown(document: Document) -> Document:
    item, change = document["items"][0], document["scheduled_change"]
    price = item["price"]["unit_price"]
    amount = Money.of_minor(int(price["amount"]) * item["quantity"], price["currency_code"])
    ends = read_instant("effective_at", change["effective_at"]) if change else None
    return {
        "id": document["id"],
        "name": item["product"]["name"],
        "state": document["status"],
        "price": f"{amount} a {item['price']['billing_cycle']['interval']}",
        "ends": f"{to_datetime(ends):%-d %B %Y}" if ends is not None else "",
        "live": document["status"] != "canceled",
    }
