"""Signals: what a commit made true of a sale, in ids and states, for traces, metrics and logs. Pure.

No payload, no customer's id and no address: what identifies a sale is our own id of its checkout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from purchase_core.facts.bodies import AttemptMade, IntentPlaced
from purchase_core.facts.rows import CaseRow, IntentRow, InvoiceRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch


@attrs.frozen
class Signal:
    """Something that is so now. `intent` is the checkout that it is of; "" where none is known."""

    name: str
    at: Instant
    intent: str = ""
    attributes: Mapping[str, str] = attrs.Factory(dict)


def signals_of(batch: Batch) -> Iterator[Signal]:
    """What a batch says, in the order in which a sale goes."""
    cause = {"cause": batch.facts[0].cause} if batch.facts else {}
    for recorded in batch.facts:
        match recorded.fact.body:
            case IntentPlaced() as placed:
                yield Signal("checkout.placed", batch.at, placed.id, {"offer": placed.offer, **cause})
            case AttemptMade() as made:
                about = {"connection": made.connection, "attempt": made.id, **cause}
                yield Signal(f"attempt.{made.status}", batch.at, made.intent, about)
            case _:
                pass
    for row in batch.rows:
        yield from _of_row(row, batch.at, cause)
    intents = {row.key: intent_of(row) for row in batch.rows}
    for effect in batch.effects:
        intent = intents.get(effect.about, "")
        yield Signal(f"effect.{effect.name}", batch.at, intent, {"about": effect.about, **cause})


def _of_row(row: Row, at: Instant, cause: Mapping[str, str]) -> Iterator[Signal]:
    match row:
        case InvoiceRow():
            about = {"connection": row.connection, "match": row.match, "invoice": row.provider_id}
            yield Signal(f"invoice.{row.status}", at, row.intent, {**about, **cause})
        case SubscriptionRow():
            about = {"connection": row.connection, "subscription": row.provider_id}
            state = f"subscription.{row.status}" if row.bound else "subscription.unbound"
            yield Signal(state, at, row.intent, {**about, **cause})
        case PurchaseRow():
            yield Signal("purchase.made", at, row.intent, {"connection": row.connection, **cause})
        case IntentRow(status="settled" | "mismatched"):
            yield Signal(f"checkout.{row.status}", at, intent_of(row), {"by": row.settled_by, **cause})
        case CaseRow():
            yield Signal(f"case.{row.kind}", at, "", {"about": row.about, **cause})
        case _:
            pass


def intent_of(row: Row) -> str:
    """The checkout that a row is of; "" where it is of none."""
    if isinstance(row, IntentRow):
        return row.key.rpartition(":")[2]
    return getattr(row, "intent", "")
