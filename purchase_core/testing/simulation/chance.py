"""Chance: everything that a history does not fix by itself, drawn from one seed, and the same each time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

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

    def weighted(self, things: Sequence[tuple[int, T]]) -> T:
        """One of (weight, thing)."""
        point = self._random.random() * sum(weight for weight, _ in things)
        for weight, thing in things:
            point -= weight
            if point < 0:
                return thing
        return things[-1][1]
