"""Sealing: of an erased customer no body is kept, whatever comes later; ids and amounts are."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import IGNORED, Delivery, Settlement

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


def given_up(batch: Batch, delivery: Delivery) -> Batch:
    """The batch, with a quarantined event given up and emptied: nobody may keep it until it can be read."""
    reason = f"{ERASED}: its customer was, and it could not be read ({delivery.reason})"
    settled = Settlement(
        delivery.id, delivery.fence, IGNORED, reason, delivery.attempts, batch.at, delivery.code
    )
    return replace(batch, settlements=(*batch.settlements, settled), redacted=(*batch.redacted, delivery.id))
