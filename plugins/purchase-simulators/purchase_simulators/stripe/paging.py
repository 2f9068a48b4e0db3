"""Lists, newest first: https://docs.stripe.com/api/pagination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import attrs

from .forms import Params
from .objects.thing import Thing
from .refusal import invalid, missing

LIMIT_MAX = 100

T = TypeVar("T")
N = TypeVar("N", bound=Thing)


class Range(Params, frozen=True, kw_only=True):
    """A range of seconds."""

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None

    def holds(self, at: int) -> bool:
        """Whether it holds this second."""
        return not (
            (self.gt is not None and at <= self.gt)
            or (self.gte is not None and at < self.gte)
            or (self.lt is not None and at >= self.lt)
            or (self.lte is not None and at > self.lte)
        )


class ListParams(Params, frozen=True, kw_only=True):
    """What every list takes."""

    limit: int = 10
    starting_after: str | None = None
    ending_before: str | None = None


@attrs.frozen
class Page:
    """A page of a list."""

    data: Sequence[object]
    has_more: bool


def page(rows: Iterable[T], asked: ListParams, identify: Callable[[T], str]) -> Page:
    """The page that is asked for, of rows that come newest first. Raises Refusal on an unknown cursor."""
    if not 1 <= asked.limit <= LIMIT_MAX:
        raise invalid(
            "Invalid integer: limit must be between 1 and 100", "limit", "parameter_invalid_integer"
        )
    if asked.starting_after and asked.ending_before:
        raise invalid("You can only use one of starting_after and ending_before.", "starting_after")
    found = [one for one in rows if _is_when(one, asked)]
    names = [identify(one) for one in found]
    if asked.ending_before:
        end = _place(names, asked.ending_before, "ending_before")
        start = max(end - asked.limit, 0)
        return Page(found[start:end], start > 0)
    start = _place(names, asked.starting_after, "starting_after") + 1 if asked.starting_after else 0
    return Page(found[start : start + asked.limit], len(found) > start + asked.limit)


def newest_first(things: Iterable[N]) -> list[N]:
    """As lists show them."""
    return list(things)[::-1]


def _is_when(thing: object, asked: ListParams) -> bool:
    wanted, created = getattr(asked, "created", None), getattr(thing, "created", None)
    if wanted is None or not isinstance(thing, Thing) or not isinstance(created, int):
        return True
    return wanted.holds(created) if isinstance(wanted, Range) else bool(wanted == created)


def _place(names: list[str], identifier: str, param: str) -> int:
    if identifier not in names:
        raise missing("object", identifier, param)
    return names.index(identifier)
