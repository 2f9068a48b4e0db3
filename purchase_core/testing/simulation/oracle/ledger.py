"""What the application has asked of credits and quotas, and was told: plain values, handed to the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs


@attrs.frozen
class Gift:
    """Credits that nobody paid for. `lot` is the key under which they are kept."""

    lot: str
    customer: str
    unit: str
    amount: int
    at: int
    expires_at: int | None


@attrs.frozen
class Taking:
    """Credits that were taken of lots, in this order: held until an instant, or (None) spent.

    `spent`: how much of a reservation was spent when it was ended; None: it was not ended.
    """

    customer: str
    unit: str
    parts: tuple[tuple[str, int], ...]
    at: int
    until: int | None = None
    spent: int | None = None

    def of_lots(self, at: int) -> Iterator[tuple[str, int]]:
        """(lot, credits) that are gone or held at an instant."""
        left = self.spent
        for lot, part in self.parts:
            if self.until is None:
                yield lot, part
            elif left is not None:
                yield lot, min(part, left)
                left -= min(part, left)
            elif at < self.until:
                yield lot, part

    def held(self, at: int) -> int:
        """What is reserved by it at an instant."""
        open_ = self.until is not None and self.spent is None and at < self.until
        return sum(part for _, part in self.parts) if open_ else 0


@attrs.frozen
class Used:
    """A use that was counted, in the window from `since` to `until` (None: for ever), below that limit.

    `journal`: who `customer` was when it was counted.
    """

    customer: str
    journal: str
    quota: str
    amount: int
    since: int
    until: int | None
    limit: int


@attrs.frozen
class Ledger:
    """All of it."""

    gifts: Sequence[Gift] = ()
    takings: Sequence[Taking] = ()
    uses: Sequence[Used] = ()
