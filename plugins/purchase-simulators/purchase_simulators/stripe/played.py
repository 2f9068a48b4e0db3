"""What can be played with a simulated Stripe: its time, its webhooks, and events by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from purchase_core.errors import WrongState
from purchase_core.instants import MINUTE, SECOND
from purchase_simulators.wire.panel import PlayedDeliveries, Trigger

from . import checkout, paying, playing, refunds, standing
from .account import Account
from .call import Call
from .cards import GOOD_CARD
from .objects.checkout import Session
from .objects.invoices import Invoice
from .objects.payments import Charge
from .objects.subscriptions import Subscription
from .objects.thing import Thing
from .refusal import Refusal
from .simulator import StripeSimulator

T = TypeVar("T", bound=Thing)

FAILING_CARD = "fails_later"
DRAFT_MICROSECONDS = 61 * MINUTE  # a renewal's bill is a draft for about an hour


class PlayedStripe(PlayedDeliveries):
    """One account."""

    refusal = Refusal

    def __init__(self, simulator: StripeSimulator, account: Account) -> None:
        super().__init__(simulator, account)
        self._account = account
        self._book = account.book

    def triggers(self) -> Mapping[str, Trigger]:
        return {
            "checkout.paid": self._pay,
            "checkout.expired": self._expire,
            "dispute.inquiry": partial(self._dispute, "inquiry"),
            "dispute.opened": partial(self._dispute, "open"),
            "dispute.won": partial(self._dispute, "won"),
            "dispute.lost": partial(self._dispute, "lost"),
            "payment.failed": partial(self._renew, FAILING_CARD),
            "payment.recovered": self._recover,
            "refund.created": self._refund,
            "subscription.canceled": self._cancel,
            "subscription.renewed": partial(self._renew, ""),
        }

    # --- what happens ----------------------------------------------------------------------------

    def _pay(self, about: str) -> None:
        session = self._pick(Session, about, lambda one: one.status == "open")
        with self._book.attempt():
            paying.pay(self._book, session.id, GOOD_CARD, authenticated=True)

    def _expire(self, about: str) -> None:
        session = self._pick(Session, about, lambda one: one.status == "open")
        checkout.expire_session(Call(self._account, {"id": session.id}, {}, self._book.pages))

    def _renew(self, card: str, about: str) -> None:
        """Time passes until the next bill is collected; from another card, if one is named."""
        found = self._pick(Subscription, about, lambda one: one.status == "active")
        if card:
            playing.use_card(self._book, found.id, card)
        ends = found.items.data[0].current_period_end * SECOND
        self.advance(max(ends + DRAFT_MICROSECONDS - self.clock.now(), 0))

    def _recover(self, about: str) -> None:
        found = self._pick(Subscription, about, lambda one: one.status in ("past_due", "unpaid"))
        playing.use_card(self._book, found.id, GOOD_CARD)
        playing.pay_debts(self._book, found.id)

    def _cancel(self, about: str) -> None:
        standing.end(self._book, self._pick(Subscription, about, lambda one: one.status != "canceled"))

    def _refund(self, about: str) -> None:
        charge = self._pick(Charge, about, lambda one: one.paid and not one.refunded)
        refunds.make_refund(Call(self._account, {}, {"charge": charge.id}, self._book.pages))

    def _dispute(self, status: str, about: str) -> None:
        found = self._pick(Invoice, about, lambda one: one.status == "paid" and one.amount_paid > 0)
        playing.dispute(self._book, found.id, status)

    def _pick(self, kind: type[T], about: str, fits: Callable[[T], bool]) -> T:
        """The named object, or the newest that fits."""
        candidates = [self._book.get(kind, about)] if about else list(self._book.all(kind))
        for one in reversed(candidates):
            if fits(one):
                return one
        raise WrongState(f"no {kind.noun} is in a state for that")
