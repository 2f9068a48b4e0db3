"""Chance, as a hash of what it is for: the same question draws the same lot, in every process."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

LOTS = 2**53  # as many as a float counts exactly


def draw(salt: str, step: str, key: str) -> int:
    """A number from 0 to LOTS - 1, evenly spread over keys."""
    digest = sha256(f"{salt}\x1f{step}\x1f{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7]) >> 3


def happens(percent: int, salt: str, step: str, key: str) -> bool:
    """Whether something that has this chance happens for the key."""
    return draw(salt, step, key) * 100 < percent * LOTS


def drawn_order(weights: Sequence[tuple[str, int]], salt: str, step: str, key: str) -> list[str]:
    """The names in the order in which they are drawn, by weight, without replacement; weight 0 comes last.

    Each name keeps its own part of the line: taking one out moves only what it had drawn.
    """
    left = [(name, weight) for name, weight in weights if weight > 0]
    order: list[str] = []
    while len(left) > 1:
        point = draw(salt, f"{step}:{len(order)}", key) * sum(weight for _, weight in left)
        for place, (name, weight) in enumerate(left):  # noqa: B007  # the loop looks for the place
            point -= weight * LOTS
            if point < 0:
                break
        order.append(name)
        del left[place]
    return [*order, *(name for name, _ in left), *(name for name, weight in weights if weight <= 0)]
