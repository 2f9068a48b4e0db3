"""Crash points: one place in the life of a process at which one thing goes wrong, once.

sqlite/writer/kill/pwrite64/17    the 17th pwrite64 of the writer's thread: killed before it happens
postgres/line/lost/12             the 12th message that wants an answer: done, and the answer lost
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import attrs

PARTS_MIN = 4


@attrs.frozen(order=True)
class Site:
    """A kind of place, and what goes wrong there. `part` of the process, `harm`, `what` is counted ("")."""

    store: str
    part: str
    harm: str
    what: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.store, self.part, self.harm, self.what)))


@attrs.frozen(order=True)
class Point:
    """The `number`-th time, from 1, at a site."""

    site: Site
    number: int

    def __str__(self) -> str:
        return f"{self.site}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> Point:
        """Read what `str` wrote. Raises ValueError."""
        parts = text.split("/")
        if not (PARTS_MIN <= len(parts) <= PARTS_MIN + 1 and parts[-1].isdecimal() and int(parts[-1])):
            raise ValueError(f"not a crash point: {text!r}")
        return cls(Site(*parts[:-1]), int(parts[-1]))


def enumerated(counts: Mapping[Site, int]) -> list[Point]:
    """Every point of an undisturbed run."""
    return [Point(site, number) for site in sorted(counts) for number in range(1, counts[site] + 1)]


def sampled(points: Sequence[Point], size: int, seed: int) -> list[Point]:
    """Some of them, from every site alike: a site with few points is not to drown in one with many."""
    dice = random.Random(seed)
    sites: dict[Site, list[Point]] = {}
    for point in points:
        sites.setdefault(point.site, []).append(point)
    heaps = [dice.sample(heap, len(heap)) for heap in sites.values()]
    dice.shuffle(heaps)
    taken: list[Point] = []
    while len(taken) < size and any(heaps):
        for heap in heaps:
            if heap and len(taken) < size:
                taken.append(heap.pop())
    return taken
