"""Events by hand: each really happens, to an object that is named or to the newest that it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from . import checkout, refunds, subscriptions
from .book import Book, T
from .cards import GOOD_CARD
from .objects import Invoice, Refund, Session, Subscription
from .refusal import wrong_state

FAILING_CARD = "fails_later"


def payment_failed(book: Book, identifier: str) -> None:
    """A new period begins now, and its charge fails."""
    _renew_now(book, identifier, FAILING_CARD)


def payment_recovered(book: Book, identifier: str) -> None:
    """The customer puts in a card that pays; what is open is charged."""
    found = _pick(book, Subscription, identifier, lambda one: one.status == "past_due")
    subscriptions.use_card(book, found.id, GOOD_CARD)


def subscription_renewed(book: Book, identifier: str) -> None:
    """A new period begins now, and is charged."""
    _renew_now(book, identifier, "")


def subscription_canceled(book: Book, identifier: str) -> None:
    """The customer cancels, in the provider's own pages."""
    found = _pick(book, Subscription, identifier, _is_live)
    subscriptions.cancel(book, found.id, at_period_end=False)


def checkout_paid(book: Book, identifier: str) -> None:
    """A buyer pays."""
    found = _pick(book, Session, identifier, lambda one: one.status == "open")
    checkout.pay(book, found.id, GOOD_CARD)


def checkout_expired(book: Book, identifier: str) -> None:
    """A buyer waits for too long."""
    found = _pick(book, Session, identifier, lambda one: one.status == "open")
    checkout.expire_session(book, found.id)


def refund_created(book: Book, identifier: str) -> None:
    """Somebody refunds all that is left of an invoice, in the provider's dashboard."""
    found = _pick(book, Invoice, identifier, lambda one: one.amount_paid > refunds.refunded(book, one.id))
    refunds.refund(book, found.id, None)


def refund_approved(book: Book, identifier: str) -> None:
    """Whoever has to, agrees to a refund."""
    found = _pick(book, Refund, identifier, lambda one: one.status == "pending")
    refunds.decide(book, found.id, approved=True)


def refund_rejected(book: Book, identifier: str) -> None:
    """Whoever has to, does not agree to a refund."""
    found = _pick(book, Refund, identifier, lambda one: one.status == "pending")
    refunds.decide(book, found.id, approved=False)


def refund_failed(book: Book, identifier: str) -> None:
    """A refund that had succeeded does not arrive."""
    found = _pick(book, Refund, identifier, lambda one: one.status == "succeeded")
    refunds.come_back(book, found.id)


def _disputed(status: str) -> Callable[[Book, str], None]:
    def act(book: Book, identifier: str) -> None:
        found = _pick(book, Invoice, identifier, lambda one: one.amount_paid > 0)
        refunds.dispute(book, found.id, status)

    return act


TRIGGERS: Mapping[str, Callable[[Book, str], None]] = MappingProxyType(
    {
        "checkout.paid": checkout_paid,
        "checkout.expired": checkout_expired,
        "dispute.inquiry": _disputed("inquiry"),
        "dispute.opened": _disputed("open"),
        "dispute.won": _disputed("won"),
        "dispute.lost": _disputed("lost"),
        "payment.failed": payment_failed,
        "payment.recovered": payment_recovered,
        "refund.created": refund_created,
        "refund.approved": refund_approved,
        "refund.rejected": refund_rejected,
        "refund.failed": refund_failed,
        "subscription.canceled": subscription_canceled,
        "subscription.renewed": subscription_renewed,
    }
)


def _renew_now(book: Book, identifier: str, card: str) -> None:
    found = _pick(book, Subscription, identifier, _is_live)
    at = book.clock.now()
    restarted = attrs.evolve(found, anchor=at, index=subscriptions.TRIAL)
    subscriptions.renew(book, attrs.evolve(restarted, payment_method=card) if card else restarted, at)


def _pick(book: Book, kind: type[T], identifier: str, fits: Callable[[T], bool]) -> T:
    """The named object, or the newest that fits. Raises Refusal if it does not fit, or none does."""
    candidates = [book.get(kind, identifier)] if identifier else list(book.all(kind))
    for one in reversed(candidates):
        if fits(one):
            return one
    raise wrong_state(f"no {kind.__name__.lower()} is in a state for that")


def _is_live(subscription: Subscription) -> bool:
    return subscription.status != "canceled"
