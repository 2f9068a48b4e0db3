"""An account, and what a shop would do with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant, instant
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account import changes, checkout, making
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.objects import Invoice, Price, Session, Subscription
from purchase_sandbox.account.requests import (
    ChangeSubscription,
    MakeCustomer,
    MakePrice,
    MakeSession,
)
from purchase_sandbox.sandbox import Sandbox

START = instant(datetime(2026, 1, 31, 12, tzinfo=UTC))


class Shop:
    """An account, and what a shop would do with it."""

    def __init__(self, start: Instant = START) -> None:
        self.clock = ManualClock(start)
        self.sandbox = Sandbox(clock=self.clock, ids=SeededIds(3))
        self.account: Account = self.sandbox.open_account("acct_1")
        self.book = self.account.book
        self.customer = making.make_customer(self.book, MakeCustomer()).id

    def price(self, amount: int = 1_200, interval: str | None = "month", currency: str = "USD") -> Price:
        request = MakePrice(product_name="App Pro", unit_amount=amount, currency=currency, interval=interval)
        return making.make_price(self.book, request)

    def session(self, price: Price, *, quantity: int = 1, trial_days: int = 0, **more: Any) -> Session:
        request = MakeSession(
            mode="subscription" if price.interval else "payment",
            price=price.id,
            customer=self.customer,
            success_url="http://127.0.0.1/thanks",
            cancel_url="http://127.0.0.1/pricing",
            quantity=quantity,
            trial_days=trial_days,
            metadata={"purchase_intent": "intent_1"},
            **more,
        )
        return checkout.open_session(self.book, request, self.sandbox.checkout_page())

    def subscribe(self, price: Price | None = None, card: str = "pays", **more: Any) -> Subscription:
        paid = self.account.pay(self.session(price or self.price(), **more).id, card)
        return self.book.get(Subscription, paid.subscription or "")

    def change(self, subscription: Subscription, price: str, quantity: int = 1, **more: Any) -> Subscription:
        request = ChangeSubscription(price=price, quantity=quantity, **more)
        return changes.change(self.book, subscription.id, request)

    def now(self, subscription: Subscription) -> Subscription:
        return self.book.get(Subscription, subscription.id)

    def advance(self, *, days: int = 0, seconds: int = 0) -> None:
        self.clock.set_to(self.sandbox.clock.now())  # each thing that happened took a microsecond
        self.clock.advance(days=days, seconds=seconds)
        self.sandbox.catch_up()

    def invoices(self) -> list[Invoice]:
        return list(self.book.all(Invoice))
