"""Sealing: of an erased customer no body is kept, whatever comes later; ids and amounts are."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_core.ports.store import Batch
from purchase_core.records.delivery import Delivery

ERASED = "erased"


def sealed(batch: Batch, delivery_id: str) -> Batch:
    """The batch, without the bodies of its events if it is about somebody who was erased.

    `delivery_id` is the event's own row, which may lie in the inbox already.
    """
    if not any(step.erased for step in batch.lanes):
        return batch
    return without_bodies(batch, delivery_id)


def without_bodies(batch: Batch, delivery_id: str) -> Batch:
    """The batch, with every body emptied."""
    deliveries = tuple(without_body(one) for one in batch.deliveries)
    return replace(batch, deliveries=deliveries, redacted=(*batch.redacted, delivery_id))


def without_body(delivery: Delivery) -> Delivery:
    """The row, without what identifies a person."""
    return replace(delivery, body=b"", headers=())
