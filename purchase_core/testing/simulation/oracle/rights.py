"""Rights: what a customer may do at an instant, added up from what they have paid for."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from purchase_core.catalog.versions import FlagGrant, LicenceGrant, OfferVersion, QuotaGrant
from purchase_core.instants import DAY
from purchase_core.testing.simulation.oracle.judging import INTENT
from purchase_core.testing.simulation.oracle.money import money_of
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.objects import Subscription

CALENDAR = 11_323 * DAY  # the first of January of a year that began with a Monday
LENGTHS = ("day", "week", "month", "year", "never")


@attrs.define
class Allowed:
    """What a customer may do. Quotas are (limit, reset, where their windows are counted from)."""

    features: set[str] = attrs.Factory(set)
    quotas: dict[str, tuple[int, str, int]] = attrs.Factory(dict)
    licences: dict[str, int] = attrs.Factory(dict)
    credits: dict[str, int] = attrs.Factory(dict)

    def add(self, offer: OfferVersion, quantity: int, anchor: int) -> None:
        """One agreement more, since an instant."""
        for grant in offer.grants:
            if isinstance(grant, FlagGrant):
                self.features.add(grant.feature)
            elif isinstance(grant, LicenceGrant):
                self.licences[grant.feature] = self.licences.get(grant.feature, 0) + grant.count * quantity
            elif isinstance(grant, QuotaGrant):
                known = self.quotas.get(grant.feature)
                mine = (grant.limit, grant.reset, anchor)
                self.quotas[grant.feature] = mine if known is None else _widened(known, mine)


def _widened(one: tuple[int, str, int], other: tuple[int, str, int]) -> tuple[int, str, int]:
    """Limits add up; the shortest window counts, and of several the agreement's that is oldest."""
    first = min(one, other, key=lambda quota: (LENGTHS.index(quota[1]), quota[2] == CALENDAR, quota[2]))
    return one[0] + other[0], first[1], first[2]


def allowed(truth: Truth, customer: str, at: int) -> Allowed:
    """What the customer may do at an instant, if nothing more happens; but for credits."""
    total, groups = Allowed(), set()
    for offer, quantity, anchor in (*_subscribed(truth, customer, at), *_bought(truth, customer)):
        total.add(offer, quantity, anchor)
        groups.add(offer.group)
    for offer in truth.terms.defaults:
        if offer.group not in groups:
            total.add(offer, 1, CALENDAR)
    return total


def _subscribed(truth: Truth, customer: str, at: int) -> Iterator[tuple[OfferVersion, int, int]]:
    for book in truth.books:
        for one in book.subscriptions.values():
            if truth.owner(book, one.metadata, one.payer) == customer and truth.bound(book, one):
                if _stands_back(truth, one, at):
                    continue
                offer = truth.terms.versions[book.prices[one.price].version]
                until = granted_until(truth, book, one, offer)
                if until is not None and at < until:
                    yield offer, one.quantity, one.started_at


def _stands_back(truth: Truth, one: Subscription, at: int) -> bool:
    """Whether the one whose place it takes still grants."""
    order = truth.orders.get(one.metadata.get(INTENT, ""))
    if order is None or not order.replaces:
        return False
    _, connection, name = order.replaces.split(":")
    book = next(book for book in truth.books if book.name == connection)
    old = book.subscriptions[name]
    until = granted_until(truth, book, old, truth.terms.versions[book.prices[old.price].version])
    return until is not None and at < until


def ends_of(truth: Truth, customer: str) -> list[int]:
    """The instants at which something of the customer's ends by itself."""
    found = []
    for book in truth.books:
        for one in book.subscriptions.values():
            if truth.owner(book, one.metadata, one.payer) == customer:
                offer = truth.terms.versions[book.prices[one.price].version]
                found.append(granted_until(truth, book, one, offer))
    return [end for end in found if end is not None]


def granted_until(truth: Truth, book: Book, one: Subscription, offer: OfferVersion) -> int | None:
    """When a subscription ends to grant; None if it does not grant."""
    rules = truth.terms.of(offer.product_id)
    if not one.collecting and not rules.uncollected_grants:
        return None
    if one.status in ("trialing", "active") or (one.status == "paused" and rules.paused_grants):
        until = one.period_end + rules.slack
    elif one.status == "past_due":
        waiting = [
            bill.due_at
            for bill in book.invoices.values()
            if bill.subscription == one.id and bill.status == "open"
        ]
        until = min(waiting, default=one.period_start) + rules.grace
    else:
        return None
    return until if one.cancel_at is None else min(until, one.cancel_at)


def _bought(truth: Truth, customer: str) -> Iterator[tuple[OfferVersion, int, int]]:
    for order in truth.orders.values():
        if order.owner != customer or order.offer.product == "subscription":
            continue
        if order.intent not in truth.judged.settled:
            continue
        due, paid, _, lost, refunded = money_of(truth, order)
        left = paid - refunded - lost
        revoked = truth.terms.of(order.offer.product_id).revoke_on_partial_refund
        if left >= due or (left > 0 and not revoked):
            yield order.offer, order.quantity, CALENDAR
