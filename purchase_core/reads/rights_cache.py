"""A cache of evaluated rights, never stale for this process's own writes."""

from __future__ import annotations

import attrs

from purchase_core.access.rights import Rights
from purchase_core.instants import Instant

ENTRIES_MAX = 100_000
NEVER = Instant(2**63 - 1)


@attrs.frozen
class Entry:
    """Rights as evaluated from one version of a lane, served until `fresh_until`."""

    rights: Rights
    version: int
    fresh_until: Instant


class RightsCache:
    """Rights by customer. A commit of this process forgets its customers at once.

    A read that began before such a commit may end after it: it then offers an older version than the one
    committed, and is not taken.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._floors: dict[str, int] = {}
        self.epoch = 0

    def get(self, customer: str) -> Entry | None:
        """What is known of a customer; whether it is fresh is the caller's to judge."""
        return self._entries.get(customer)

    def put(self, customer: str, entry: Entry, epoch: int) -> None:
        """Keep rights that were read in `epoch`, unless the lane has moved since."""
        if epoch != self.epoch or entry.version < self._floors.get(customer, 0):
            return
        if len(self._entries) >= ENTRIES_MAX or len(self._floors) >= ENTRIES_MAX:
            self.clear()
            return
        self._entries[customer] = entry

    def moved(self, customer: str, version: int) -> None:
        """This process has brought the customer's lane to `version`."""
        if len(self._floors) >= ENTRIES_MAX:
            self.clear()
        self._entries.pop(customer, None)
        self._floors[customer] = version

    def clear(self) -> None:
        """Forget everything; reads that are under way are not taken either."""
        self._entries.clear()
        self._floors.clear()
        self.epoch += 1
