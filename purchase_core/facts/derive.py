"""From one cluster to its rows: what its objects mean together. Pure, and blind to order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import msgspec

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.bodies import (
    Body,
    DisputeSeen,
    IntentPlaced,
    InvoiceSeen,
    Item,
    RefundAsked,
    RefundSeen,
    SubscriptionSeen,
)
from purchase_core.facts.cases import case_rows
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import OWN, object_key
from purchase_core.facts.lots import lot_rows
from purchase_core.facts.reading import EXCESS, MATCHED, MISMATCHED, Reading
from purchase_core.facts.register import Register
from purchase_core.facts.rows import (
    DisputeRow,
    IntentRow,
    InvoiceRow,
    PurchaseRow,
    RefundRow,
    Row,
    SubscriptionRow,
)


def derive(cluster: Cluster, offers: Mapping[str, OfferVersion]) -> dict[tuple[type[Row], str], Row]:
    """The rows of one cluster, by (table, key). `offers` holds every version that the cluster names."""
    reading = Reading(cluster)
    rows: list[Row] = []
    for one in reading.registers:
        body = one.newest.body
        row_of = _ROW_OF.get(type(body))
        if row_of is not None:
            rows.append(row_of(reading, one, body))
    rows += [_refund_request(reading, one, asked) for one, asked in reading.unanswered_refunds()]
    rows += _purchases(reading)
    rows += lot_rows(reading, offers)
    rows += case_rows(reading)
    return {(type(row), row.key): row for row in rows}


def versions_named(cluster: Cluster) -> frozenset[str]:
    """Hashes of the offer versions that `derive` will want."""
    named: set[str] = set()
    for one in cluster.registers.values():
        body = one.newest.body
        if isinstance(body, IntentPlaced):
            named.add(body.version)
        elif isinstance(body, InvoiceSeen):
            named.update(line.version for line in body.lines)
    return frozenset(named - {""})


def _connection(one: Register) -> str:
    return one.object.split(":", 2)[1]


def _intent(reading: Reading, one: Register, placed: IntentPlaced) -> IntentRow:
    primary = placed is reading.intent
    settled_by = reading.settled_by if primary else ""
    wrong = primary and any(match == MISMATCHED for match, _ in reading.invoice_verdicts.values())
    attempts = (made for made in reading.attempts if primary and made.status == "current")
    attempt = next(attempts, None)
    return IntentRow(
        key=one.object,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        customer=placed.customer,
        offer=placed.offer,
        version=placed.version,
        product=placed.product,
        quantity=placed.quantity,
        unit_amount=placed.unit_amount,
        currency=placed.currency,
        trial_days=placed.trial_days,
        status="settled" if settled_by else "mismatched" if wrong else "open",
        settled_by=settled_by,
        connection=attempt.connection if attempt else "",
        session=attempt.session if attempt else "",
        placed_at=one.newest.order,
    )


def _subscription(reading: Reading, one: Register, seen: SubscriptionSeen) -> SubscriptionRow:
    base = seen.items[0] if seen.items else None
    bound, _ = reading.subscription_verdicts[one.object]
    return SubscriptionRow(
        key=one.object,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        connection=_connection(one),
        provider_id=seen.id,
        provider_customer=seen.customer,
        intent=reading.intent.id if reading.intent else seen.intent,
        status=seen.status,
        bound=bound,
        contested=one.contested,
        version=base.version if base else "",
        quantity=base.quantity if base else 0,
        unit_amount=base.unit_amount if base else 0,
        currency=base.currency if base else "",
        items=_items(seen.items),
        started_at=seen.started_at,
        period_start=seen.period_start,
        period_end=seen.period_end,
        trial_end=seen.trial_end,
        cancel_at=seen.cancel_at,
        ended_at=seen.ended_at,
        collecting=seen.collecting,
        resumes_at=seen.resumes_at,
        next_items=_items(seen.next_items) if seen.next_items else "",
        next_items_at=seen.next_items_at,
        replaces=reading.intent.replaces if bound and reading.intent else "",
        seen_at=one.newest.order,
    )


def _invoice(reading: Reading, one: Register, seen: InvoiceSeen) -> InvoiceRow:
    back = reading.money_back(one.object)
    return InvoiceRow(
        key=one.object,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        connection=_connection(one),
        provider_id=seen.id,
        provider_customer=seen.customer,
        subscription=seen.subscription,
        intent=reading.intent.id if reading.intent else seen.intent,
        reason=seen.reason,
        status=seen.status,
        match=reading.invoice_verdicts[one.object][0],
        contested=one.contested,
        currency=seen.currency,
        total=seen.total,
        paid=seen.paid,
        refunded=back.refunded,
        refunding=back.refunding,
        disputed=back.disputed + back.lost,
        paid_at=seen.paid_at,
        due_at=seen.due_at,
        action=seen.action,
        seen_at=one.newest.order,
    )


def _items(items: Sequence[Item]) -> str:
    packed = [[item.version, item.quantity, item.price, item.unit_amount] for item in items]
    return msgspec.json.encode(packed).decode()


def _refund(reading: Reading, one: Register, seen: RefundSeen) -> RefundRow:
    return RefundRow(
        key=one.object,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        connection=_connection(one),
        provider_id=seen.id,
        invoice=seen.invoice,
        command=seen.command,
        status=seen.status,
        currency=seen.currency,
        amount=seen.amount,
        seen_at=one.newest.order,
    )


def _refund_request(reading: Reading, one: Register, asked: RefundAsked) -> RefundRow:
    return RefundRow(
        key=one.object,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        connection=asked.connection,
        provider_id="",
        invoice=asked.invoice,
        command=asked.id,
        status=asked.status,
        currency=asked.currency,
        amount=asked.amount,
        seen_at=one.newest.order,
    )


def _dispute(reading: Reading, one: Register, seen: DisputeSeen) -> DisputeRow:
    return DisputeRow(
        key=one.object,
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        connection=_connection(one),
        provider_id=seen.id,
        invoice=seen.invoice,
        status=seen.status,
        currency=seen.currency,
        amount=seen.amount,
        seen_at=one.newest.order,
    )


def _purchases(reading: Reading) -> Iterator[PurchaseRow]:
    """One purchase an intent, over all its payments: a duplicate's refund must not take what was bought."""
    intent, settled_by = reading.intent, reading.settling_invoice
    if intent is None or not settled_by or intent.product == "subscription":
        return
    answers = [key for key, (match, _) in reading.invoice_verdicts.items() if match in (MATCHED, EXCESS)]
    back = [reading.money_back(key) for key in answers]
    winner = reading.invoices[settled_by]
    yield PurchaseRow(
        key=object_key("purchase", OWN, intent.id),
        lane=reading.cluster.lane,
        root=reading.cluster.root,
        connection=settled_by.split(":", 2)[1],
        intent=intent.id,
        product=intent.product,
        version=intent.version,
        quantity=intent.quantity,
        currency=winner.currency,
        due=winner.total,
        paid=sum(reading.invoices[key].paid for key in answers),
        refunded=sum(one.refunded for one in back),
        disputed=sum(one.disputed for one in back),
        lost=sum(one.lost for one in back),
        purchased_at=winner.paid_at or reading.cluster.registers[settled_by].first.order,
    )


_ROW_OF = cast(
    "Mapping[type[Body], Callable[[Reading, Register, Body], Row]]",
    {
        IntentPlaced: _intent,
        SubscriptionSeen: _subscription,
        InvoiceSeen: _invoice,
        RefundSeen: _refund,
        DisputeSeen: _dispute,
    },
)
