"""Wallets: what a customer can spend, added up from what was paid for, given, spent and reserved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs

from purchase_core.catalog.versions import CreditGrant, OfferVersion
from purchase_core.instants import DAY
from purchase_core.testing.simulation.oracle.judging import INTENT, MATCHED, UNNEEDED
from purchase_core.testing.simulation.oracle.money import money_of, sum_of
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.objects import Invoice


@attrs.frozen
class Lot:
    """Credits of one payment or gift: so many, less what refunds ask back."""

    key: str
    owner: str
    unit: str
    credits: int
    at: int
    expires_at: int | None

    def live(self, at: int) -> bool:
        """Whether they have not expired."""
        return self.expires_at is None or at < self.expires_at


@attrs.frozen
class Sums:
    """A wallet of one unit at an instant."""

    spendable: int
    live: int
    debt: int
    held: int


class Wallets:
    """The wallets of everybody."""

    def __init__(self, truth: Truth) -> None:
        self.lots = {lot.key: lot for lot in (*_paid(truth), *_given(truth))}
        self._takings = truth.ledger.takings

    def units(self, customer: str) -> list[str]:
        """Every unit that the customer has had."""
        mine = {lot.unit for lot in self.lots.values() if lot.owner == customer}
        return sorted(mine | {one.unit for one in self._takings if one.customer == customer})

    def sums(self, customer: str, unit: str, at: int) -> Sums:
        """The wallet, if nothing more happens until then."""
        live = debt = 0
        gone = self._gone(at)
        for lot in self.lots.values():
            if (lot.owner, lot.unit) == (customer, unit):
                left = lot.credits - gone.pop(lot.key, 0)
                live += max(0, left) if lot.live(at) else 0
                debt += max(0, -left)  # what expires never settles it
        # Of what is no more, all that was spent is owed.
        mine = {lot for one in self._takings if one.customer == customer and one.unit == unit
                for lot, _ in one.parts}  # fmt: skip
        debt += sum(amount for lot, amount in gone.items() if lot in mine and lot not in self.lots)
        held = sum(one.held(at) for one in self._takings if (one.customer, one.unit) == (customer, unit))
        return Sums(max(0, live - debt), live, debt, held)

    def spendable(self, customer: str, at: int) -> dict[str, int]:
        """What can be spent of each unit, where there is anything."""
        sums = {unit: self.sums(customer, unit, at).spendable for unit in self.units(customer)}
        return {unit: amount for unit, amount in sums.items() if amount}

    def ends(self, customer: str) -> list[int]:
        """The instants at which credits expire or a reservation ends by itself."""
        found = [lot.expires_at for lot in self.lots.values() if lot.owner == customer]
        found += [one.until for one in self._takings if one.customer == customer]
        return [end for end in found if end is not None]

    def next_parts(self, customer: str, unit: str, amount: int, at: int) -> list[tuple[str, int]]:
        """Of which lots an amount would be taken: of what expires first, and then of what is oldest."""
        gone, parts = self._gone(at), []
        mine = [lot for lot in self.lots.values() if (lot.owner, lot.unit) == (customer, unit)]
        for lot in sorted(mine, key=lambda lot: (lot.expires_at or 2**62, lot.at, lot.key)):
            part = min(amount, lot.credits - gone[lot.key])
            if lot.live(at) and part > 0:
                parts.append((lot.key, part))
                amount -= part
        return parts

    def _gone(self, at: int) -> Counter[str]:
        gone: Counter[str] = Counter()
        for one in self._takings:
            for lot, amount in one.of_lots(at):
                gone[lot] += amount
        return gone


def _given(truth: Truth) -> Iterator[Lot]:
    for one in truth.ledger.gifts:
        yield Lot(one.lot, one.customer, one.unit, one.amount, one.at, one.expires_at)


def _paid(truth: Truth) -> Iterator[Lot]:
    for book in truth.books:
        for invoice in book.invoices.values():
            if invoice.status != "paid":
                continue
            owner, paid_at = truth.owner(book, invoice.metadata, invoice.payer), invoice.paid_at or 0
            for place, offer, quantity in _granting(truth, book, invoice):
                for grant in offer.grants:
                    if isinstance(grant, CreditGrant):
                        left = _left_of(truth, book, invoice, grant.amount * quantity)
                        ends = paid_at + grant.expires_days * DAY if grant.expires_days else None
                        key = f"lot:{book.name}:{place}:{grant.unit}"
                        yield Lot(key, owner, grant.unit, left, paid_at, ends)


def _granting(truth: Truth, book: Book, invoice: Invoice) -> Iterator[tuple[str, OfferVersion, int]]:
    """What names the payment or the period that was paid, what it grants, and how often."""
    verdict = truth.judged.invoices[book.name, invoice.id]
    if verdict == MATCHED:
        order = truth.orders[invoice.metadata[INTENT]]
        if not any(line.trial for line in invoice.lines):
            yield f"{invoice.id}:0", order.offer, order.quantity
    elif verdict == UNNEEDED and invoice.reason in ("first", "renewal"):
        lines = [line for line in invoice.lines if not line.proration]
        for index, line in enumerate(lines):
            period = f"{invoice.subscription}:{line.price}:{line.start}"
            if not line.trial:
                place = period if line.start and invoice.subscription else f"{invoice.id}:{index}"
                yield place, truth.terms.versions[book.prices[line.price].version], line.quantity


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
