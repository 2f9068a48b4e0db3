"""The customer's pages: subscriptions to look after, and invoices to look at or to pay."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from purchase_core.instants import HOUR
from purchase_sandbox.account import changes, subscriptions
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.cards import CARDS, GOOD_CARD
from purchase_sandbox.account.objects import Invoice, PortalSession, Price, Subscription
from purchase_sandbox.account.refusal import Refusal, missing
from purchase_sandbox.account.requests import ChangeSubscription
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.pages import go

from .rendering import Rendering, amount, form_of, period_of

PORTAL_HOURS = 1
ACTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "overview": frozenset({"card", "cancel", "uncancel", "change"}),
        "payment_method": frozenset({"card"}),
        "cancel": frozenset({"cancel", "uncancel"}),
        "change": frozenset({"change"}),
    }
)
"""What can be done on the page of each flow."""


@attrs.frozen
class Row:
    """A subscription in words, and the prices that it can be put on."""

    subscription: Subscription
    product: str
    price: str
    others: tuple[tuple[str, str], ...]


class CustomerPages:
    """The portals and invoices of one sandbox. Whoever knows an address may open it, as with a checkout."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._rendering = Rendering(sandbox.page_secret)

    def routes(self) -> list[Route]:
        """The pages."""
        return [
            Route("/portal/{id}", self.portal, methods=["GET"]),
            Route("/portal/{id}", self.act, methods=["POST"]),
            Route("/invoices/{id}", self.invoice, methods=["GET"]),
            Route("/invoices/{id}", self.pay, methods=["POST"]),
        ]

    # --- portals ---------------------------------------------------------------------------------

    async def portal(self, request: Request) -> Response:
        """What the customer has, and what can be done about it."""
        try:
            account, portal = self._portal(request)
        except Refusal as refusal:
            return self._rendering.problem(refusal)
        return self._rendering.page(
            "portal.html",
            portal=portal,
            rows=[_row(account, one) for one in _subscriptions(account, portal)],
            actions=ACTIONS[portal.flow],
            allowed=(portal.return_url,) if portal.return_url else (),
            cards=tuple(CARDS.values()),
            chosen=GOOD_CARD,
            token=self._rendering.token(portal.id),
        )

    async def act(self, request: Request) -> Response:
        """A button was pressed."""
        try:
            account, portal = self._portal(request)
            form = await form_of(request)
            self._rendering.check_token(portal.id, form.get("token", ""))
            self._do(account, portal, form)
        except Refusal as refusal:
            return self._rendering.problem(refusal)
        return go(f"/portal/{portal.id}")

    def _do(self, account: Account, portal: PortalSession, form: Mapping[str, str]) -> None:
        action, identifier = form.get("action", ""), form.get("subscription", "")
        if action not in ACTIONS[portal.flow]:
            raise Refusal(400, "unknown_action", "This page has no such button.")
        if identifier not in {one.id for one in _subscriptions(account, portal)}:
            raise missing("subscription on this page")
        match action:
            case "card":
                subscriptions.use_card(account.book, identifier, form.get("card", ""))
            case "cancel":
                subscriptions.cancel(account.book, identifier, at_period_end=True)
            case "uncancel":
                subscriptions.uncancel(account.book, identifier)
            case _:
                quantity = account.book.get(Subscription, identifier).items[0].quantity
                request = ChangeSubscription(price=form.get("price", ""), quantity=quantity)
                changes.change(account.book, identifier, request)

    def _portal(self, request: Request) -> tuple[Account, PortalSession]:
        self._sandbox.catch_up()
        identifier = request.path_params["id"]
        account = self._sandbox.account_with(PortalSession, identifier)
        if account is None:
            raise Refusal(404, "not_found", "There is no such page.")
        portal = account.book.get(PortalSession, identifier)
        if portal.created + PORTAL_HOURS * HOUR < account.clock.now():
            raise Refusal(410, "expired", "This page was for an hour. Open it anew from the shop.")
        return account, portal

    # --- invoices --------------------------------------------------------------------------------

    async def invoice(self, request: Request) -> Response:
        """The document, and where it is open a form to pay it."""
        try:
            _, invoice = self._invoice(request)
        except Refusal as refusal:
            return self._rendering.problem(refusal)
        lines = [(one.quantity, amount(one.amount, one.currency), one.proration) for one in invoice.lines]
        return self._rendering.page(
            "invoice.html",
            invoice=invoice,
            lines=lines,
            total=amount(invoice.total, invoice.currency),
            cards=tuple(CARDS.values()),
            chosen=GOOD_CARD,
            token=self._rendering.token(invoice.id),
        )

    async def pay(self, request: Request) -> Response:
        """The customer gives a card, and what the subscription owes is charged to it."""
        try:
            account, invoice = self._invoice(request)
            form = await form_of(request)
            self._rendering.check_token(invoice.id, form.get("token", ""))
            _charge(account, invoice, form.get("card", ""))
        except Refusal as refusal:
            return self._rendering.problem(refusal)
        return go(f"/invoices/{invoice.id}")

    def _invoice(self, request: Request) -> tuple[Account, Invoice]:
        self._sandbox.catch_up()
        identifier = request.path_params["id"]
        account = self._sandbox.account_with(Invoice, identifier)
        if account is None:
            raise Refusal(404, "not_found", "There is no such invoice.")
        return account, account.book.get(Invoice, identifier)


def _charge(account: Account, invoice: Invoice, card: str) -> None:
    if invoice.status != "open" or not invoice.subscription:
        raise Refusal(409, "wrong_state", "There is nothing to pay.")
    subscriptions.use_card(account.book, invoice.subscription, card)


def _subscriptions(account: Account, portal: PortalSession) -> list[Subscription]:
    if portal.subscription:
        return [account.book.get(Subscription, portal.subscription)]
    return [one for one in account.book.all(Subscription) if one.customer == portal.customer]


def _row(account: Account, subscription: Subscription) -> Row:
    item = subscription.items[0]
    price = account.book.get(Price, item.price)
    others = tuple(
        (one.id, f"{one.product_name}, {_price(one)}")
        for one in account.book.all(Price)
        if one.interval and one.currency == price.currency and one.id != price.id
    )
    return Row(subscription, price.product_name, _price(price), others)


def _price(price: Price) -> str:
    return f"{amount(price.unit_amount, price.currency)} {period_of(price)}"
