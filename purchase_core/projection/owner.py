"""Whose it is: the lane that has all of a customer's, their own or that of whom they were merged into."""

from __future__ import annotations

from purchase_core.identifiers import customer_id
from purchase_core.ports.store import Store
from purchase_core.records.lane import Lane, customer_lane


async def lane_of(store: Store, customer: str) -> str:
    """The name of the lane. Raises InvalidArgument for what is no customer's id."""
    return (await owning_lane(store, customer)).lane


async def owning_lane(store: Store, customer: str) -> Lane:
    """The lane itself, with its document. One read, and two for who was merged."""
    lane = await store.lane(customer_lane(customer_id(customer)))
    return await store.lane(lane.linked_to) if lane.linked_to else lane
