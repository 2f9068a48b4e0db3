"""Planting: bugs that each take out one defence, by patching the code while a history is played."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import attrs


@attrs.frozen
class Bug:
    """What is wrong, and how it is planted."""

    name: str
    wrong: str
    plant: Callable[[Planter], None]


class Planter:
    """Puts things in the place of others, until the bug is taken out again."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def put(self, owner: object, name: str, value: object) -> None:
        """In one place. Raises ValueError where it cannot be called as what it takes the place of.

        A bug would be found by that, and whoever catches errors would hide why.
        """
        original = getattr(owner, name)
        if inspect.isroutine(original) and inspect.isroutine(value):
            _must_fit(original, value)
        self._stack.enter_context(patch.object(owner, name, value))

    def everywhere(self, original: object, value: object) -> None:
        """Wherever a module of ours has imported it."""
        name = getattr(original, "__name__", "")
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("purchase_core.") and (
                vars(module).get(name) is original
            ):
                self.put(module, name, value)

    def entry(self, mapping: Any, key: object, value: object) -> None:
        """In a table; None: not there."""
        changed = {known: one for known, one in mapping.items() if known != key}
        self._stack.enter_context(patch.dict(mapping, changed | ({key: value} if value else {}), clear=True))


def _must_fit(original: Callable[..., object], value: Callable[..., object]) -> None:
    wanted = inspect.signature(original).parameters.values()
    places = [one.name for one in wanted if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    names = {one.name: None for one in wanted if one.kind is one.KEYWORD_ONLY}
    try:
        inspect.signature(value).bind(*places, **names)
    except TypeError as error:
        raise ValueError(f"{value.__qualname__} cannot stand for {original.__qualname__}: {error}") from None


BUGS: dict[str, Bug] = {}


def bug(plant: Callable[[Planter], None]) -> Callable[[Planter], None]:
    """List a bug under the name of the function that plants it."""
    name = plant.__name__.replace("_", "-")
    assert name not in BUGS, name
    BUGS[name] = Bug(name, (plant.__doc__ or "").strip(), plant)
    return plant


@contextmanager
def planted(name: str) -> Iterator[None]:
    """While the block lasts, the code has this bug."""
    with ExitStack() as stack:
        BUGS[name].plant(Planter(stack))
        yield
