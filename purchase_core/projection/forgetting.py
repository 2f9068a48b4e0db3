"""Forgetting what came before: what turns out to be an erased customer's is kept no longer than they are.

A guest's purchase is claimed, or events have waited for their agreement: a lane that nobody owned is linked
to that of somebody who was erased. Such a lane knows its deliveries by references, also those whose facts
were known already; with the link, they are emptied.

Of a customer's own lane, an erasure finds a delivery by its object. One that is about another object than its
facts are (it had to be looked up what it means) is known by reference as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from purchase_core.facts.fact import OWN, object_key
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store, View
from purchase_core.records.lane import customer_of
from purchase_core.records.reference import Reference

DELIVERY = "delivery"


def with_deliveries_noted(batch: Batch, cause: str, about: str) -> Batch:
    """The batch, with what it came of noted at those of its lanes that would not find it by its object.

    `cause` is the delivery, `about` its object; the others are those of the batch, which were looked up for
    it.
    """
    finding = {one.lane for one in batch.facts if one.fact.object == about and customer_of(one.lane)}
    lanes = sorted({one.lane for one in batch.facts} - finding)
    noted = [
        Reference(object_key(DELIVERY, OWN, f"{delivery}:{number}"), lane)
        for delivery in (cause, *(one.id for one in batch.deliveries))
        for number, lane in enumerate(lanes)
    ]
    return replace(batch, references=(*batch.references, *noted))


async def deliveries_noted(store: Store, lanes: Iterable[str]) -> set[str]:
    """The deliveries that are noted at these lanes, by id."""
    noted = [one for lane in lanes for one in await store.references_of(lane, DELIVERY)]
    return {one.object.split(":")[2] for one in noted}


def found_too_late(batch: Batch, view: View) -> list[str]:
    """Lanes that were there before, and that the batch links to that of an erased customer."""
    erased = {step.lane for step in batch.lanes if step.erased}
    if not erased:
        return []
    return [
        step.lane
        for step in batch.lanes
        if step.linked_to in erased and step.lane in view.lanes
        if view.lanes[step.lane].linked_to != step.linked_to
    ]


async def without_bodies_behind(store: Store, batch: Batch, lanes: Sequence[str]) -> Batch:
    """The batch, with what has come to these lanes emptied. Their steps guard what is read here."""
    noted = await deliveries_noted(store, lanes)
    return replace(batch, redacted=(*batch.redacted, *sorted(noted)))
