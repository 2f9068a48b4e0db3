"""Chance: everything that a history does not fix by itself, drawn from one seed, and the same each time."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Mixture(Generic[T]):
    """Things, each with a weight; what weighs nothing is left out."""

    things: Sequence[T]
    bounds: Sequence[int]

    @classmethod
    def of(cls, weighted: Sequence[tuple[int, T]]) -> Mixture[T]:
        """The mixture of (weight, thing)."""
        there = [(weight, thing) for weight, thing in weighted if weight]
        return cls([thing for _, thing in there], list(accumulate(weight for weight, _ in there)))


STRIDE = 1_000_003


class Chance:
    """Draws of one seed. `at(place)` begins anew for each step, so that leaving one out moves no other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311  # meant to be repeatable

    def at(self, place: int) -> None:
        """From now on the draws of this step."""
        self._random.seed(self.seed * STRIDE + place)

    def below(self, bound: int) -> int:
        """A whole number from 0 to below the bound."""
        return int(self._random.random() * bound)

    def happens(self, per_thousand: int) -> bool:
        """Whether something of this probability happens."""
        return per_thousand > 0 and self._random.random() * 1000 < per_thousand

    def one_of(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[int(self._random.random() * len(things))]

    def weighted(self, mixture: Mixture[T]) -> T:
        """One of a mixture."""
        point = self._random.random() * mixture.bounds[-1]
        return mixture.things[bisect_right(mixture.bounds, point)]
