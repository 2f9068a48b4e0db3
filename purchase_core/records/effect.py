"""The outbox row: something happened that others want to know, written once, in the order of its lane."""

from __future__ import annotations

from purchase_core.instants import Instant
from purchase_core.records.lane import customer_of
from purchase_core.values import Value

EFFECTS_PER_VERSION_MAX = 1 << 20


class Effect(Value, frozen=True):
    """A semantic effect such as `purchase:own:intent_1:granted`. Inserted once by `key`, or ignored.

    The outbox is ordered by (lane, lane_version, position) and stands outside the canonical hash.
    """

    key: str
    name: str
    lane: str
    lane_version: int
    position: int
    about: str
    at: Instant

    @property
    def place(self) -> int:
        """Where it stands in its lane: places grow as the lane does."""
        return self.lane_version * EFFECTS_PER_VERSION_MAX + self.position

    @property
    def customer(self) -> str:
        """The application's customer, or "" where nobody is known yet."""
        return customer_of(self.lane)
