"""Estimates of what a policy would have come to, from what another one has done. Pure.

The estimator is inverse propensity (Horvitz and Thompson, 1952), self-normalised: each recorded checkout
counts with how likely the new policy would have sent it where it went, over how likely it was to go there.
It assumes that the recorded probabilities are those that held, that they looked at nothing which is not
recorded, and that one checkout's outcome does not depend on another's way. Where the old policy never sent
anything, nothing is known: such checkouts are counted as unknown, and not guessed.
"""

from __future__ import annotations

from math import sqrt

from purchase_core.routing.intervals import Z_95
from purchase_core.values import Value

SPREAD_MIN = 2  # one value has no spread


class Estimate(Value, frozen=True):
    """A mean with its 95 % interval; None where nothing is known.

    `effective` is how many equally weighed checkouts it is worth (Kish).
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    effective: float = 0.0


UNKNOWN = Estimate(None)


class Sums:
    """Sums over checkouts, each with its weight under the new policy: enough for means and intervals."""

    __slots__ = ("count", "counted", "v", "vv", "w", "wv", "wvv", "ww", "wwv", "wwvv")

    def __init__(self) -> None:
        self.count = self.counted = 0
        self.v = self.vv = self.w = self.ww = self.wv = self.wvv = self.wwv = self.wwvv = 0.0

    def add(self, weight: float, value: float) -> None:
        """One checkout and what it came to."""
        self.count += 1
        if weight > 0:
            self.counted += 1
            self.w += weight
            self.ww += weight * weight
        if value:  # mostly it is paid or not: nothing is added for what came to nothing
            square = value * value
            self.v += value
            self.vv += square
            if weight > 0:
                weight_square = weight * weight
                self.wv += weight * value
                self.wvv += weight * square
                self.wwv += weight_square * value
                self.wwvv += weight_square * square

    def see(self, value: float) -> None:
        """One checkout of which only what was seen is asked: `old`."""
        self.count += 1
        if value:
            self.v += value
            self.vv += value * value

    def with_(self, other: Sums) -> Sums:
        """Both together."""
        both = Sums()
        for name in self.__slots__:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both

    def old(self) -> Estimate:
        """The mean of what was seen."""
        if not self.count:
            return UNKNOWN
        mean = self.v / self.count
        return _with_interval(mean, self.vv - self.count * mean * mean, self.count, self.count, self.count)

    def new(self) -> Estimate:
        """The self-normalised mean under the new policy, and an interval by the delta method."""
        if self.w <= 0:
            return UNKNOWN
        mean = self.wv / self.w
        spread = self.wwvv - 2 * mean * self.wwv + mean * mean * self.ww
        return _with_interval(mean, spread, self.w, self.counted, self.w * self.w / self.ww)

    def change(self) -> Estimate:
        """What the new mean is above the old one, over the same checkouts: a paired interval."""
        new, old = self.new(), self.old()
        if new.mean is None or old.mean is None or new.low is None:
            return UNKNOWN
        weighed = self.wwvv - 2 * new.mean * self.wwv + new.mean * new.mean * self.ww
        plain = self.vv - self.count * old.mean * old.mean
        both = self.wvv - (new.mean + old.mean) * self.wv + new.mean * old.mean * self.w
        spread = weighed / (self.w * self.w) - 2 * both / (self.w * self.count) + plain / self.count**2
        return _with_interval(new.mean - old.mean, spread, 1.0, self.counted, new.effective)


def _with_interval(mean: float, spread: float, total: float, counted: int, effective: float) -> Estimate:
    if counted < SPREAD_MIN:
        return Estimate(mean, effective=effective)
    margin = Z_95 * sqrt(max(0.0, spread)) / total
    return Estimate(mean, mean - margin, mean + margin, effective)
