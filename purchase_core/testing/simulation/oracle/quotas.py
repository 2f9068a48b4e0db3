"""Quotas: in which window a use is counted, and what was used in the one that is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from purchase_core.testing.simulation.oracle.ledger import Used
from purchase_core.testing.simulation.provider.months import after_periods

USUAL_HOURS = {"day": 24, "week": 168, "month": 730.5, "year": 8766}
HOUR = 3_600_000_000


def window(reset: str, anchor: int, at: int) -> tuple[int, int | None]:
    """The window that holds an instant."""
    if reset == "never":
        return anchor, None
    number = max(0, int((at - anchor) / (USUAL_HOURS[reset] * HOUR)) - 1)
    start, end = (after_periods(anchor, reset, 1, number + more) for more in (0, 1))
    while end <= at:
        number, start, end = number + 1, end, after_periods(anchor, reset, 1, number + 2)
    return start, end


def used_in(uses: Sequence[Used], customer: str, quota: str, place: tuple[int, int | None]) -> int:
    """How much was used in a window."""
    return sum(one.amount for one in uses if _place(one) == (customer, quota, *place))


def beyond(uses: Sequence[Used]) -> Iterator[str]:
    """Uses, in their order, that have passed the limit as it was then."""
    sums: dict[tuple[object, ...], int] = {}
    for one in uses:
        place = (one.journal, *_place(one))
        sums[place] = sums.get(place, 0) + one.amount
        if sums[place] > one.limit:
            yield f"{sums[place]} of {one.limit} {one.quota} were used by {one.customer}"


def _place(one: Used) -> tuple[object, ...]:
    return one.customer, one.quota, one.since, one.until
