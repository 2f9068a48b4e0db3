"""Refusals: how many deliveries this process has refused, by connection and reason, and when the last was.

Whoever is refused has proved nothing, and may be anybody: so nothing of what they sent is kept, nothing is
written here, and there is one entry for each configured connection and code of an error, however many come.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from purchase_core.instants import Clock, Instant
from purchase_core.values import Value

REASONS_MAX = 20  # of one connection; codes are the code's own, and far fewer


class Refused(Value, frozen=True):
    """Deliveries to a connection that were refused for one reason, an error's code; and when the last was."""

    connection: str
    reason: str
    count: int
    last_at: Instant


class Refusals:
    """Counts them. `connections` are those that are configured; whatever else is named is not kept."""

    def __init__(self, connections: Collection[str], clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._known: dict[tuple[str, str], Refused] = {}

    def note(self, connection: str, reason: str) -> None:
        """One more was refused."""
        if connection not in self._connections:
            return
        known = self._known.get((connection, reason))
        if known is None and len(self._known) >= REASONS_MAX * len(self._connections):
            return
        known = known or Refused(connection, reason, 0, self._clock.now())
        self._known[connection, reason] = replace(known, count=known.count + 1, last_at=self._clock.now())

    def read(self) -> Sequence[Refused]:
        """All since the process began, by connection and reason."""
        return [self._known[key] for key in sorted(self._known)]
