"""Regions: the requests that a rule is for, as a product of sets, one an attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from purchase_core.ports.router import Attribute
from purchase_core.routing.attributes import NUMBERS
from purchase_core.routing.conditions import Between, Condition, Is, NoneOf, OneOf

PIECES_MAX = 1_000  # more pieces than this are not looked at: then nothing is claimed

Region: TypeAlias = Mapping[str, "Texts | Numbers"]

FAR = 2**63


class Texts:
    """A set of texts: these, or all but these."""

    __slots__ = ("but", "values")

    def __init__(self, values: frozenset[str], *, but: bool = False) -> None:
        self.values, self.but = values, but

    @property
    def empty(self) -> bool:
        """Whether no text is in it."""
        return not self.but and not self.values

    def meets(self, other: Texts) -> bool:
        """Whether something is in both."""
        if self.but or other.but:
            return not self.common(other).empty
        return not self.values.isdisjoint(other.values)

    def common(self, other: Texts) -> Texts:
        """What is in both."""
        if self.but and other.but:
            return Texts(self.values | other.values, but=True)
        if self.but:
            return Texts(other.values - self.values)
        return Texts(self.values - other.values if other.but else self.values & other.values)

    def without(self, other: Texts) -> list[Texts]:
        """What is in this and not in the other, as sets that do not overlap."""
        return [self.common(Texts(other.values, but=not other.but))]


class Numbers:
    """Whole numbers from `least` to `most`."""

    __slots__ = ("least", "most")

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    @property
    def empty(self) -> bool:
        """Whether no number is in it."""
        return self.least > self.most

    def meets(self, other: Numbers) -> bool:
        """Whether something is in both."""
        return max(self.least, other.least) <= min(self.most, other.most)

    def common(self, other: Numbers) -> Numbers:
        """What is in both."""
        return Numbers(max(self.least, other.least), min(self.most, other.most))

    def without(self, other: Numbers) -> list[Numbers]:
        """What is in this and not in the other, as sets that do not overlap."""
        below = Numbers(self.least, min(self.most, other.least - 1))
        above = Numbers(max(self.least, other.most + 1), self.most)
        return [below, above]


def everything(name: str, attribute: Attribute) -> Texts | Numbers:
    """Every value that an attribute can have. A yes or no counts as 1 or 0."""
    if attribute.kind == "text":
        return Texts(frozenset(attribute.values), but=not attribute.values)
    if attribute.kind == "flag":
        return Numbers(0, 1)
    return Numbers(*NUMBERS.get(name, (-FAR, FAR)))


def region(when: Mapping[str, Condition], known: Mapping[str, Attribute]) -> Region:
    """The requests for which every condition holds; attributes that it does not name may be anything."""
    return {
        name: _common(everything(name, known[name]), _set_of(condition)) for name, condition in when.items()
    }


def is_empty(one: Region) -> bool:
    """Whether no request is in it."""
    return any(part.empty for part in one.values())


def meet(one: Region, other: Region) -> bool:
    """Whether a request is in both. Cheap, and most rules are told apart by it."""
    return all(
        name not in one or one[name].meets(part)  # type: ignore[arg-type]  # of one kind
        for name, part in other.items()
    )


def left_over(one: Region, others: Sequence[Region], known: Mapping[str, Attribute]) -> bool:
    """Whether a request is in `one` and in none of `others`. True, too, where that takes too long to see."""
    pieces = [one]
    for other in [other for other in others if meet(one, other)]:
        pieces = [left for piece in pieces for left in _minus(piece, other, known)]
        if not pieces:
            return False
        if len(pieces) > PIECES_MAX:
            return True
    return True


def _minus(piece: Region, other: Region, known: Mapping[str, Attribute]) -> list[Region]:
    """The piece without the other, in pieces that do not overlap."""
    shared: dict[str, Texts | Numbers] = {}
    for name, part in other.items():
        mine = piece.get(name) or everything(name, known[name])
        common = _common(mine, part)
        if common.empty:
            return [piece]
        shared[name] = common
    pieces: list[Region] = []
    rest = dict(piece)
    for name, common in shared.items():
        mine = rest.get(name) or everything(name, known[name])
        outside = mine.without(common)  # type: ignore[arg-type]  # of one kind
        pieces += [{**rest, name: part} for part in outside if not part.empty]
        rest[name] = common
    return pieces


def _common(one: Texts | Numbers, other: Texts | Numbers) -> Texts | Numbers:
    if isinstance(one, Texts) and isinstance(other, Texts):
        return one.common(other)
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return one.common(other)
    return Numbers(1, 0)  # a condition of another kind holds of nothing


def _set_of(condition: Condition) -> Texts | Numbers:
    match condition:
        case OneOf():
            return Texts(frozenset(condition.values))
        case NoneOf():
            return Texts(frozenset(condition.values), but=True)
        case Between():
            least = -FAR if condition.least is None else condition.least
            return Numbers(least, FAR if condition.most is None else condition.most)
        case Is():
            return Numbers(int(condition.value), int(condition.value))
