"""The journal: what each process did, a line each, in one file that only grows. It outlives who wrote it.

A line is one `write` of few bytes to a file opened for appending, so that lines of several processes stand
in the order in which they were written, and none is torn.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

CLAIMED, SETTLED, OPENED, TOLD = "claimed", "settled", "opened", "told"
BACK, CLOSED = (
    "back",
    "closed",
)  # who was held up goes on; has said how far a mailbox has come, or was refused


class Journal:
    """Where a process writes down what it did."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, what: str, about: str, *numbers: int) -> None:
        """One line."""
        os.write(self._file, f"{' '.join([what, about, *map(str, numbers)])}\n".encode())


@attrs.frozen
class Line:
    """`what` was done about a delivery, or a customer's mailbox."""

    what: str
    about: str
    numbers: tuple[int, ...]


def lines(path: Path) -> Iterator[Line]:
    """Everything that was written down."""
    with path.open() as file:
        for one in file:
            what, about, *numbers = one.split()
            yield Line(what, about, tuple(map(int, numbers)))


def came_back(written: Iterable[Line]) -> bool:
    """Whether the worker that was held up has gone on, and said how far it has come."""
    lane = ""
    for one in written:
        if one.what == BACK:
            lane = one.about
        elif one.what == CLOSED and one.about == lane:
            return True
    return False


@attrs.define
class Reading:
    """What a journal shows: how much was done, in which order each customer was told, and what is wrong."""

    claims: int = 0
    told: int = 0
    told_again: int = 0
    firsts: dict[str, list[int]] = attrs.field(factory=dict)
    findings: list[str] = attrs.field(factory=list)


def read(written: Iterable[Line]) -> Reading:
    """Hold what was done against what fences and order promise. None of it depends on how long anything took.

    A row that is settled under a fence is never claimed under a higher one; a mailbox never goes back behind
    what was told under a lower fence. An effect may be told again, and never before those in front of it.
    """
    found = Reading()
    settled: dict[str, int] = {}
    opened: dict[str, list[tuple[int, int]]] = {}
    for one in written:
        if one.what == SETTLED:
            settled[one.about] = max(settled.get(one.about, 0), one.numbers[0])
        elif one.what == CLAIMED:
            found.claims += 1
            if one.numbers[0] > settled.get(one.about, one.numbers[0]):
                found.findings.append(f"{one.about} was done, and is claimed again")
        elif one.what == OPENED:
            opened.setdefault(one.about, []).append((one.numbers[0], one.numbers[1]))
        elif one.what == TOLD:
            _told(found, one)
    for about, each in opened.items():
        places = [place for _, place in sorted(each)]
        if places != sorted(places):
            found.findings.append(f"the mailbox of {about} goes back")
    return found


def _told(found: Reading, one: Line) -> None:
    (place,) = one.numbers
    firsts = found.firsts.setdefault(one.about, [])
    found.told += 1
    if not firsts or place > firsts[-1]:
        firsts.append(place)
    elif firsts[bisect_left(firsts, place)] == place:
        found.told_again += 1
    else:
        found.findings.append(f"{one.about} is told {place} after {firsts[-1]}")
