"""Rights: what a customer may do at an instant, added up from what they have paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from purchase_core.catalog.versions import CreditGrant, FlagGrant, LicenceGrant, OfferVersion, QuotaGrant
from purchase_core.instants import DAY
from purchase_core.testing.simulation.oracle.judging import EXCESS, INTENT, MATCHED, UNNEEDED, Judged
from purchase_core.testing.simulation.oracle.orders import Order, Terms
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.objects import Invoice, Subscription

LENGTHS = ("day", "week", "month", "year", "never")


@attrs.define
class Allowed:
    """What a customer may do. Quotas are (limit, reset)."""

    features: set[str] = attrs.Factory(set)
    quotas: dict[str, tuple[int, str]] = attrs.Factory(dict)
    licences: dict[str, int] = attrs.Factory(dict)
    credits: dict[str, int] = attrs.Factory(dict)

    def add(self, offer: OfferVersion, quantity: int) -> None:
        """One agreement more."""
        for grant in offer.grants:
            if isinstance(grant, FlagGrant):
                self.features.add(grant.feature)
            elif isinstance(grant, LicenceGrant):
                self.licences[grant.feature] = self.licences.get(grant.feature, 0) + grant.count * quantity
            elif isinstance(grant, QuotaGrant):
                limit, reset = self.quotas.get(grant.feature, (0, "never"))
                shorter = min(reset, grant.reset, key=LENGTHS.index)
                self.quotas[grant.feature] = (limit + grant.limit, shorter)


@attrs.frozen
class Truth:
    """Everything that rights are told from. `owners`: whose an object's metadata and its payer say it is."""

    books: Sequence[Book]
    orders: Mapping[str, Order]
    terms: Terms
    judged: Judged
    customers: Mapping[tuple[str, str], str]

    def owner(self, book: Book, metadata: Mapping[str, str], payer: str) -> str:
        """The customer that something belongs to, or ""."""
        order = self.orders.get(metadata.get(INTENT, ""))
        return order.owner if order else self.customers.get((book.name, payer), "")

    def bound(self, book: Book, one: Subscription) -> bool:
        """Whether a subscription is what was ordered, or needs no order."""
        return self.judged.bound.get((book.name, one.id), True)


def allowed(truth: Truth, customer: str, at: int) -> Allowed:
    """What the customer may do at an instant, if nothing more happens."""
    total, groups = Allowed(), set()
    for offer, quantity in (*_subscribed(truth, customer, at), *_bought(truth, customer)):
        total.add(offer, quantity)
        groups.add(offer.group)
    for offer in truth.terms.defaults:
        if offer.group not in groups:
            total.add(offer, 1)
    total.credits = _credits(truth, customer, at)
    return total


def _subscribed(truth: Truth, customer: str, at: int) -> Iterator[tuple[OfferVersion, int]]:
    for book in truth.books:
        for one in book.subscriptions.values():
            if truth.owner(book, one.metadata, one.payer) == customer and truth.bound(book, one):
                offer = truth.terms.versions[book.prices[one.price].version]
                until = granted_until(truth, book, one, offer)
                if until is not None and at < until:
                    yield offer, one.quantity


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


def _bought(truth: Truth, customer: str) -> Iterator[tuple[OfferVersion, int]]:
    for order in truth.orders.values():
        if order.owner != customer or order.offer.product == "subscription":
            continue
        if order.intent not in truth.judged.settled:
            continue
        due, paid, _, lost, refunded = money_of(truth, order)
        left = paid - refunded - lost
        revoked = truth.terms.of(order.offer.product_id).revoke_on_partial_refund
        if left >= due or (left > 0 and not revoked):
            yield order.offer, order.quantity


def money_of(truth: Truth, order: Order) -> tuple[int, int, int, int, int]:
    """(due, paid, disputed, lost, refunded) over all payments of an order."""
    due = paid = disputed = lost = refunded = 0
    for book in truth.books:
        for invoice in book.invoices.values():
            verdict = truth.judged.invoices[book.name, invoice.id]
            if invoice.metadata.get(INTENT) != order.intent or verdict not in (MATCHED, EXCESS):
                continue
            paid += invoice.paid
            due = invoice.total if verdict == MATCHED else due
            refunded += sum_of(book.refunds.values(), invoice.id, "succeeded")
            disputed += sum_of(book.disputes.values(), invoice.id, "open")
            lost += sum_of(book.disputes.values(), invoice.id, "lost")
    return due, paid, disputed, lost, refunded


def sum_of(things: object, invoice: str, status: str) -> int:
    """What refunds or disputes of an invoice in one state come to."""
    return sum(one.amount for one in things if one.invoice == invoice and one.status == status)  # type: ignore[attr-defined]


def _credits(truth: Truth, customer: str, at: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for book in truth.books:
        for invoice in book.invoices.values():
            if truth.owner(book, invoice.metadata, invoice.payer) != customer or invoice.status != "paid":
                continue
            for offer, quantity in _granting(truth, book, invoice):
                for grant in offer.grants:
                    if not isinstance(grant, CreditGrant):
                        continue
                    ends = (invoice.paid_at or 0) + grant.expires_days * DAY
                    if not grant.expires_days or at < ends:
                        left = _left_of(truth, book, invoice, grant.amount * quantity)
                        found[grant.unit] = found.get(grant.unit, 0) + left
    return {unit: max(0, amount) for unit, amount in found.items()}


def _granting(truth: Truth, book: Book, invoice: Invoice) -> Iterator[tuple[OfferVersion, int]]:
    verdict = truth.judged.invoices[book.name, invoice.id]
    if verdict == MATCHED:
        order = truth.orders[invoice.metadata[INTENT]]
        if not any(line.trial for line in invoice.lines):
            yield order.offer, order.quantity
    elif verdict == UNNEEDED and invoice.reason in ("first", "renewal"):
        for line in invoice.lines:
            if not line.proration and not line.trial:
                yield truth.terms.versions[book.prices[line.price].version], line.quantity


def _left_of(truth: Truth, book: Book, invoice: Invoice, granted: int) -> int:
    """What refunds leave of credits: in proportion to the money that is left of what was due."""
    order = truth.orders.get(invoice.metadata.get(INTENT, ""))
    if truth.judged.invoices[book.name, invoice.id] == MATCHED and order is not None:
        due, paid, _, lost, refunded = money_of(truth, order)
    else:
        due, paid = invoice.total, invoice.paid
        lost = sum_of(book.disputes.values(), invoice.id, "lost")
        refunded = sum_of(book.refunds.values(), invoice.id, "succeeded")
    missing = min(max(0, due - (paid - lost - refunded)), due)
    return granted - (granted * missing // due if due else 0)
