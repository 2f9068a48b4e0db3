"""The rule index: which rule applies first, at a cost that hardly grows with the number of rules.

Per attribute, each value is mapped to the set of rules that could still apply, as the bits of one integer;
the rules that match are what all attributes have in common, and the first is the lowest bit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from purchase_core.ports.router import RouteRequest
from purchase_core.routing.attributes import reader
from purchase_core.routing.conditions import Between, Condition, Scalar, holds
from purchase_core.routing.policy import Rule


class RuleIndex:
    """Finds the first rule that matches. An attribute that was not said meets no condition."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._all = (1 << len(rules)) - 1
        names = dict.fromkeys(name for rule in rules for name in rule.when)
        self._lookups = [(reader(name), _lookup(name, rules)) for name in names]

    def first(self, request: RouteRequest) -> Rule | None:
        """The first rule whose every condition holds."""
        left = self._all
        for read, lookup in self._lookups:
            left &= lookup(read(request))
            if not left:
                return None
        return self._rules[(left & -left).bit_length() - 1] if left else None


def _lookup(name: str, rules: Sequence[Rule]) -> Callable[[Scalar | None], int]:
    asked = [(1 << place, rule.when[name]) for place, rule in enumerate(rules) if name in rule.when]
    indifferent = sum(1 << place for place, rule in enumerate(rules) if name not in rule.when)
    if any(isinstance(condition, Between) for _, condition in asked):
        return _by_number(asked, indifferent)
    return _by_value(asked, indifferent)


def _by_value(asked: Sequence[tuple[int, Condition]], indifferent: int) -> Callable[[Scalar | None], int]:
    """Masks of every value that some condition names, and one for all the others."""
    named: dict[Scalar, int] = {True: 0, False: 0}
    for _, condition in asked:
        named.update(dict.fromkeys(getattr(condition, "values", ()), 0))
    masks: Mapping[Scalar, int] = {value: _mask(asked, indifferent, value) for value in named}
    others = _mask(asked, indifferent, "\x00")  # no text that can be said

    def lookup(value: Scalar | None) -> int:
        return indifferent if value is None else masks.get(value, others)

    return lookup


def _by_number(asked: Sequence[tuple[int, Condition]], indifferent: int) -> Callable[[Scalar | None], int]:
    """Masks of the stretches between the bounds that conditions name."""
    bounds: set[int] = set()
    for _, condition in asked:
        if isinstance(condition, Between):
            bounds |= {condition.least} if condition.least is not None else set()
            bounds |= {condition.most + 1} if condition.most is not None else set()
    starts = sorted(bounds)
    before = starts[0] - 1 if starts else 0
    masks = [_mask(asked, indifferent, value) for value in (before, *starts)]

    def lookup(value: Scalar | None) -> int:
        return indifferent if value is None else masks[bisect_right(starts, value)]

    return lookup


def _mask(asked: Sequence[tuple[int, Condition]], indifferent: int, value: Scalar) -> int:
    return indifferent | sum(bit for bit, condition in asked if holds(condition, value))
