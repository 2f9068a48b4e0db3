"""Estimates of what a policy would have come to, from what another one has done. Pure.

The estimator is inverse propensity (Horvitz and Thompson, 1952), self-normalised: each recorded checkout
counts with how likely the new policy would have sent it where it went, over how likely it was to go there.
It assumes that the recorded probabilities are those that held, that they looked at nothing which is not
recorded, and that one checkout's outcome does not depend on another's way. Where the old policy never sent
anything, nothing is known: such checkouts are counted as unknown, and not guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from purchase_core.routing.intervals import Z_95
from purchase_core.values import Value


class Weighed(Value, frozen=True):
    """One checkout: its weight under the new policy, and what it came to."""

    weight: float
    value: float


class Estimate(Value, frozen=True):
    """A mean with its 95 % interval; None where nothing is known.

    `effective` is how many equally weighed checkouts it is worth (Kish).
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    effective: float = 0.0


UNKNOWN = Estimate(None)


def mean_of(values: Sequence[float]) -> Estimate:
    """The mean of what was seen."""
    return weighed_mean([Weighed(1.0, value) for value in values])


def weighed_mean(seen: Sequence[Weighed]) -> Estimate:
    """The self-normalised mean, and an interval by the delta method. Intervals need two that count."""
    total = sum(one.weight for one in seen)
    squares = sum(one.weight * one.weight for one in seen)
    if total <= 0:
        return UNKNOWN
    mean = sum(one.weight * one.value for one in seen) / total
    effective = total * total / squares
    if sum(one.weight > 0 for one in seen) < 2:  # noqa: PLR2004  # one value has no spread
        return Estimate(mean, effective=effective)
    spread = sum((one.weight * (one.value - mean)) ** 2 for one in seen)
    margin = Z_95 * sqrt(spread) / total
    return Estimate(mean, mean - margin, mean + margin, effective)


def difference(seen: Sequence[Weighed]) -> Estimate:
    """What the new policy's mean is above the old one's, over the same checkouts, with a paired interval."""
    new, old = weighed_mean(seen), mean_of([one.value for one in seen])
    if new.mean is None or old.mean is None or new.low is None:
        return UNKNOWN
    total, count = sum(one.weight for one in seen), len(seen)
    terms = [one.weight * (one.value - new.mean) / total - (one.value - old.mean) / count for one in seen]
    margin, mean = Z_95 * sqrt(sum(term * term for term in terms)), new.mean - old.mean
    return Estimate(mean, mean - margin, mean + margin, new.effective)
