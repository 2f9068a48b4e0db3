"""Cases: what in a cluster a person should look at. Observations are never refused; they are shown."""

from __future__ import annotations

from collections.abc import Iterator

from purchase_core.facts.bodies import CaseDecided, InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import object_key
from purchase_core.facts.match import CONFIRMED_STATES
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS, EXCESS, MISMATCHED, WAITING, Reading, invoice_of
from purchase_core.facts.register import Register
from purchase_core.facts.rows import CaseRow
from purchase_core.records.lane import customer_of


def case_rows(reading: Reading) -> Iterator[CaseRow]:
    """Every case of one cluster."""
    if reading.of(InvoiceSeen):
        yield from _payments(reading)
    if reading.gone_back:
        yield from _overreturned(reading)
        yield from _money_back(reading)
    if reading.of(SubscriptionSeen):
        yield from _subscriptions(reading)
    yield from _contested(reading)
    yield from _unordered(reading) if customer_of(reading.cluster.lane) else _unmatched(reading)


def _payments(reading: Reading) -> Iterator[CaseRow]:
    for one, invoice in reading.of(InvoiceSeen):
        match, wrong = reading.invoice_verdicts[one.object]
        if match not in (EXCESS, MISMATCHED):
            continue
        kept = reading.kept(one.object)
        # A mismatch that cost nothing has no money to give back, and still is what nobody ordered.
        if kept > 0 or (match == MISMATCHED and not invoice.paid):
            kind = "excess" if match == EXCESS else "mismatch"
            yield _case(reading, kind, one, wrong, invoice.customer, kept, invoice.currency)


def _money_back(reading: Reading) -> Iterator[CaseRow]:
    """Refunds and disputes that cannot be set against their invoice."""
    for one, back in reading.gone_back:
        invoice = reading.cluster.registers.get(invoice_of(one, back))
        billed = invoice.newest.body if invoice else None
        if isinstance(billed, InvoiceSeen) and back.currency != billed.currency:
            detail = f"currency {back.currency} is not the invoice's {billed.currency}"
            yield _case(reading, "mismatch", one, detail, "", back.amount, back.currency)


def _overreturned(reading: Reading) -> Iterator[CaseRow]:
    """Bills of which more is gone, or held by a bank, than was paid: the same money, twice."""
    for one, invoice in reading.of(InvoiceSeen):
        back = reading.money_back(one.object)
        over = back.refunded + back.disputed + back.lost - invoice.paid
        if over > 0 and invoice.paid > 0:
            detail = (
                f"of {invoice.paid} that were paid, {back.refunded} went back, {back.lost} were lost in "
                f"disputes, and {back.disputed} are disputed"
            )
            yield _case(reading, "overreturned", one, detail, invoice.customer, over, invoice.currency)


def _subscriptions(reading: Reading) -> Iterator[CaseRow]:
    for one, subscription in reading.of(SubscriptionSeen):
        if subscription.status in ENDED_SUBSCRIPTIONS:
            continue
        bound, wrong = reading.subscription_verdicts[one.object]
        currency = subscription.items[0].currency if subscription.items else ""
        if wrong and not bound and subscription.status in CONFIRMED_STATES:
            kind = "excess" if wrong.startswith("a second subscription") else "mismatch"
            yield _case(reading, kind, one, wrong, subscription.customer, 0, currency)
        unmapped = [item.price for item in subscription.items if not item.version]
        if unmapped and customer_of(reading.cluster.lane):
            detail = "no offer is known for price " + ", ".join(unmapped)
            yield _case(reading, "unmapped", one, detail, subscription.customer, 0, currency)


def _contested(reading: Reading) -> Iterator[CaseRow]:
    for one in reading.registers:
        if one.contested:
            detail = f"{len(one.rivals) + 1} states claim the same instant"
            yield _case(reading, "contested", one, detail, "", 0, "")


def _unmatched(reading: Reading) -> Iterator[CaseRow]:
    """Money or a subscription of ours that no customer is known for; a guest may still claim it."""
    guest = reading.intent is not None and not reading.intent.customer
    kind, whose = ("unclaimed", "a guest") if guest else ("unmatched", "nobody we know")
    for one, invoice in reading.of(InvoiceSeen):
        kept = reading.kept(one.object)
        if kept > 0:
            yield _case(reading, kind, one, f"paid by {whose}", invoice.customer, kept, invoice.currency)
    for one, subscription in reading.of(SubscriptionSeen):
        if subscription.status not in ENDED_SUBSCRIPTIONS and not _begun_by_payment(reading, one):
            yield _subscribed(reading, kind, one, f"subscribed by {whose}", subscription)


def _unordered(reading: Reading) -> Iterator[CaseRow]:
    """Money or a subscription for an order that is not known in its customer's lane: it grants nothing."""
    if reading.intent is not None:
        return
    for one, invoice in reading.of(InvoiceSeen):
        match, _ = reading.invoice_verdicts[one.object]
        kept = reading.kept(one.object) if match == WAITING else 0
        if kept > 0:
            detail = "paid for an order that is not known here"
            yield _case(reading, "unordered", one, detail, invoice.customer, kept, invoice.currency)
    for one, subscription in reading.of(SubscriptionSeen):
        bound, _ = reading.subscription_verdicts[one.object]
        ended = subscription.status in ENDED_SUBSCRIPTIONS
        if not (bound or ended or _begun_by_payment(reading, one)):
            detail = "subscribed for an order that is not known here"
            yield _subscribed(reading, "unordered", one, detail, subscription)


def _begun_by_payment(reading: Reading, subscription: Register) -> bool:
    """Whether money is still there of the bill that a subscription began with.

    Then that bill's case is about both: settling it ends the subscription first.
    """
    return any(
        invoice.reason == "first"
        and invoice.subscription
        and object_key("subscription", one.object.split(":", 2)[1], invoice.subscription)
        == subscription.object
        and reading.kept(one.object) > 0
        for one, invoice in reading.of(InvoiceSeen)
    )


def _subscribed(
    reading: Reading, kind: str, about: Register, detail: str, subscription: SubscriptionSeen
) -> CaseRow:
    """A case of a subscription. The money in it is its bills', and each of them tells its own."""
    currency = subscription.items[0].currency if subscription.items else ""
    return _case(reading, kind, about, detail, subscription.customer, 0, currency)


def _case(
    reading: Reading,
    kind: str,
    about: Register,
    detail: str,
    provider_customer: str,
    amount: int,
    currency: str,
) -> CaseRow:
    key = object_key("case", kind, about.object)
    decided = _decided(reading, key, detail, amount)
    return CaseRow(
        key=key,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        kind=kind,
        about=about.object,
        detail=detail,
        provider_customer=provider_customer,
        amount=amount,
        currency=currency,
        opened_at=about.first.order,
        status="resolved" if decided else "open",
        decision=decided,
    )


def _decided(reading: Reading, key: str, detail: str, amount: int) -> str:
    """The receipt by which the case was resolved as it is, or ""."""
    for _, decision in reading.of(CaseDecided):
        if decision.id == key and decision.status == "resolved":
            return decision.command if (decision.detail == detail and amount <= decision.amount) else ""
    return ""
