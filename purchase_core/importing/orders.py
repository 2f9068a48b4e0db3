"""Orders of before: what was bought once, of a bill that was paid on a checkout page.

A purchase answers an order of ours, and what was sold before had none. Where a page and its bill say all that
an order would have said, the import writes that order down: what was bought, for how much, on which page. It
is a decision of ours like any other order, under an id that is always the same; the fold does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from purchase_core.canonical import content_hash
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.bodies import AttemptMade, IntentPlaced, InvoiceLine, InvoiceSeen, SessionSeen
from purchase_core.facts.fact import Fact, decided, object_key
from purchase_core.facts.register import registered
from purchase_core.instants import Instant

SUBSCRIPTION = "subscription"
ID_CHARACTERS = 32


def order_before(
    connection: str, customer: str, facts: Iterable[Fact], offers: Mapping[str, OfferVersion]
) -> tuple[Fact, ...]:
    """The order that a paid page of this connection must have been, of the facts of one cluster; () for none.

    `offers` are versions by their hash. Nothing is made up: a bill without a page, of several lines, of a
    price that no offer is known for, or of a subscription, is left as it is.
    """
    told: dict[str, list[Fact]] = {}
    for fact in facts:
        told.setdefault(fact.object, []).append(fact)
    newest = {key: registered(found).newest for key, found in told.items()}
    if any(isinstance(one.body, IntentPlaced) for one in newest.values()):
        return ()
    for key in sorted(newest):
        page = newest[key].body
        if not (isinstance(page, SessionSeen) and page.payment == "paid" and page.invoice):
            continue
        bill = object_key("invoice", connection, page.invoice)
        seen = newest.get(bill)
        line = _line(seen.body, page) if seen is not None and isinstance(seen.body, InvoiceSeen) else None
        version = offers.get(line.version) if line is not None else None
        if seen is not None and line is not None and version is not None and version.product != SUBSCRIPTION:
            return _placed(connection, customer, bill, seen.order, page, line, version)
    return ()


def versions_sold(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Hashes of the offer versions that the bills among these facts are known to be of."""
    bills = [one.body for one in facts if isinstance(one.body, InvoiceSeen)]
    return tuple(sorted({line.version for bill in bills for line in bill.lines} - {""}))


def _line(bill: InvoiceSeen, page: SessionSeen) -> InvoiceLine | None:
    """The one line that was bought; None where it is not that simple."""
    alone = bill.status == "paid" and bill.reason in ("first", "manual") and len(bill.lines) == 1
    ours = bill.intent or bill.subscription or page.intent or page.subscription
    return bill.lines[0] if alone and not ours and not bill.lines[0].proration else None


def _placed(
    connection: str,
    customer: str,
    bill: str,
    at: Instant,
    page: SessionSeen,
    line: InvoiceLine,
    version: OfferVersion,
) -> tuple[Fact, ...]:
    name = content_hash([bill])[:ID_CHARACTERS]
    intent = IntentPlaced(
        id=f"intent_{name}",
        customer=customer,
        offer=version.offer,
        version=version.hash,
        product=version.product,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        currency=line.currency,
        trial_days=0,
        discounts=True,  # whatever it was sold for
    )
    attempt = AttemptMade(
        f"attempt_{name}", intent.id, "current", connection, line.price, page.customer, page.id
    )
    return decided(at, intent), decided(at, attempt)
