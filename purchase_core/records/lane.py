"""The lane: the unit of ordering and concurrency."""

from __future__ import annotations

from purchase_core.values import Value

CUSTOMER = "customer:"


def customer_lane(customer: str) -> str:
    """The lane of one of the application's customers."""
    return CUSTOMER + customer


def object_lane(object_key: str) -> str:
    """The lane of a provider object that is not tied to a customer yet."""
    return "object:" + object_key


def customer_of(lane: str) -> str:
    """The application's customer id of a lane, or "" for an object that nobody owns yet."""
    return lane.removeprefix(CUSTOMER) if lane.startswith(CUSTOMER) else ""


def guest_lane(intent_key: str) -> str:
    """The lane of a checkout that nobody has claimed yet."""
    return object_lane(intent_key)


def is_guests(lane: str) -> bool:
    """Whether it is the lane of a guest's checkout."""
    return lane.startswith("object:intent:")


class Lane(Value, frozen=True):
    """A lane as it was read. Version 0: it does not exist yet.

    `document` is the bounded cache of what is live, for hot reads; `linked_to` is the lane that this
    one's objects belong to since a link arrived ("" = itself). `reducer` is the oldest version of the fold
    that wrote to it since it was made or rebuilt: older than today's, it wants a rebuild. `erased`: its
    customer was; no body of an event of theirs is kept any more.
    """

    lane: str
    version: int = 0
    document: bytes = b""
    linked_to: str = ""
    reducer: int = 0
    erased: bool = False


class LaneStep(Value, frozen=True):
    """One lane's part of a batch: it must still be at `expected_version`, and is one further afterwards.

    `erased` marks it so for ever; a step without it takes nothing back.
    """

    lane: str
    expected_version: int
    document: bytes
    linked_to: str = ""
    reducer: int = 0
    erased: bool = False
