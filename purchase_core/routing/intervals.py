"""Intervals of a rate: how sure it is. Only + - * / and roots, which every machine rounds alike."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

Z_95 = 1.959963984540054  # two-sided 95 %


@lru_cache(maxsize=4_096)
def wilson(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a rate (E. B. Wilson, 1927); (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    rate = successes / trials
    square = z * z
    denominator = 1 + square / trials
    middle = rate + square / (2 * trials)
    margin = z * sqrt(rate * (1 - rate) / trials + square / (4 * trials * trials))
    low, high = (middle - margin) / denominator, (middle + margin) / denominator
    return max(0.0, low) if successes else 0.0, min(1.0, high) if successes < trials else 1.0
