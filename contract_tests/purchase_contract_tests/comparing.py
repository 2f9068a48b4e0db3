"""Comparing what is long: the first difference, where all of them would take minutes to work out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest


def first_difference(found: Iterable[object], expected: Iterable[object]) -> str:
    """Where two sequences part, and what is there; "" if they are alike."""
    nothing = object()
    for place, (one, other) in enumerate(zip_longest(found, expected, fillvalue=nothing)):
        if one is nothing or other is nothing or one != other:
            is_, instead_of = ("nothing" if value is nothing else repr(value) for value in (one, other))
            return f"at {place} is {is_} instead of {instead_of}"
    return ""
