"""Rights: the answer to "what may this customer do now?"."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.catalog.grants import Reset
from purchase_core.instants import DAY, Instant

CALENDAR = Instant(11_323 * DAY)
"""1 January 2001, a Monday: where windows are counted from that no agreement anchors: the calendar's."""


@attrs.frozen
class Quota:
    """How much of something in each window. `reset`: day | week | month | year | never.

    Windows are counted from `anchor`, by the clocks of `zone`; `used` is what was used in the open one.
    """

    limit: int
    reset: Reset
    anchor: Instant = CALENDAR
    used: int = 0
    zone: str = "UTC"

    @property
    def remaining(self) -> int:
        """What may still be used in this window, never negative: a limit can be lowered."""
        return max(0, self.limit - self.used)


@attrs.frozen
class Rights:
    """A customer's rights at one instant; immutable, and good until `valid_until` if nothing happens."""

    at: Instant
    valid_until: Instant | None
    features: frozenset[str]
    quotas: Mapping[str, Quota]
    credits: Mapping[str, int]
    licences: Mapping[str, int]

    def has(self, feature: str) -> bool:
        """Whether the customer has the feature in any amount: the flag, a quota, a licence, or credits."""
        return (
            feature in self.features
            or (feature in self.quotas and self.quotas[feature].limit > 0)
            or self.licences.get(feature, 0) > 0
            or self.credits.get(feature, 0) > 0
        )

    def limit(self, quota: str) -> int:
        """How much of a quota each window allows; 0 where the customer has none."""
        found = self.quotas.get(quota)
        return found.limit if found else 0

    def remaining(self, quota: str) -> int:
        """How much of a quota may still be used in the window that is open; 0 where the customer has none."""
        found = self.quotas.get(quota)
        return found.remaining if found else 0

    def balance(self, unit: str) -> int:
        """Spendable credits of a unit, never negative."""
        return self.credits.get(unit, 0)

    def licence(self, name: str) -> int:
        """How many seats of a licence; 0 where the customer has none."""
        return self.licences.get(name, 0)
