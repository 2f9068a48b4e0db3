"""The mechanism: a contract is a class of promises, and each promise becomes a test by itself.

    class Doors(Contract[Door]):
        @promise
        async def a_closed_door_opens(self, door: Door) -> None:
            await door.close()
            assert await door.open()

A subclass says how to get a door, and has `test_a_closed_door_opens`: a plain function that runs the promise
in an event loop of its own, so that no async plugin is needed. Where a loop runs already, `verify` does
without the tests. A promise that an adapter does not keep yet is listed in `known_gaps`, which makes its test
a strict xfail: the gap that was closed unnoticed, the misspelt one and the promise that was overridden
instead all turn the run red.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping, Set
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Generic, TypeVar, overload

import pytest

S = TypeVar("S")
C = TypeVar("C", bound="Contract[Any]")
P = TypeVar("P", bound="Promise[Any]")

TEST = "test_"
PROMISE_SECONDS_MAX = 60.0


class ContractMisused(TypeError):  # named like the other errors of Purchase
    """A contract's subclass names a gap that does not exist, or overrides a promise."""


class Unplayable(Exception):  # no failure: the means are missing
    """What a promise needs cannot be played here; the message says what. Its test is skipped."""


class Contract(Generic[S]):
    """Promises about an S. Subclasses of the published contracts provide it, and declare what it can do."""

    title: ClassVar[str] = "contract"
    """The contract's name in reports."""

    known_gaps: ClassVar[Mapping[str, str]] = {}
    """Tests that are known to fail, by name (`test_…`), each with its reason."""

    capabilities: ClassVar[Set[str]] = frozenset()
    """What the adapter declares; promises that require anything else are skipped."""

    shown: ClassVar[bool] = True
    """Whether reports show it: not an adapter that only tests have, nor another setting of one."""

    live: ClassVar[bool] = False
    """Whether it asks a real provider, in its test mode: run with `--live` only, and never in CI."""

    promise_seconds_max: ClassVar[float] = PROMISE_SECONDS_MAX
    """After this long a promise counts as broken: better than a run that never ends."""

    def subject(self) -> AbstractAsyncContextManager[S]:
        """A fresh one, ready to be tested."""
        raise NotImplementedError

    @classmethod
    def promises(cls) -> Mapping[str, Promise[Any]]:
        """Every promise, by name, in the order in which they are written."""
        return {one.name: one for one in cls._written()}

    @classmethod
    def _written(cls) -> list[Promise[Any]]:
        return [one for base in cls.__mro__ for one in vars(base).values() if isinstance(one, Promise)]

    @classmethod
    def adapter(cls) -> str:
        """Whose contract this is, in reports: the class's name without `Test`."""
        return cls.__name__.removeprefix("Test")

    def missing(self, one: Promise[Any]) -> Set[str]:
        """What the promise requires and the adapter does not declare."""
        return one.requires - self.capabilities

    async def keep(self, one: Promise[Any]) -> None:
        """Run one promise on a fresh subject. Raises whatever breaks it."""
        async with asyncio.timeout(self.promise_seconds_max), self.subject() as subject:
            await one.body(self, subject)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for one in cls._written():
            for attribute, expected in ((one.name, one), (TEST + one.name, one.test)):
                if not _is(inspect.getattr_static(cls, attribute), expected):
                    raise ContractMisused(f"{cls.__name__} overrides {attribute}; gaps go into known_gaps")
        promises = cls.promises()
        for test, reason in cls.known_gaps.items():
            gap = promises.get(test.removeprefix(TEST))
            if gap is None or not test.startswith(TEST):
                raise ContractMisused(f"{cls.__name__}.known_gaps names {test}, which is no contract test")
            setattr(cls, test, pytest.mark.xfail(reason=reason, strict=True)(gap.driver()))


class Promise(Generic[C]):
    """One promise. On a class it also stands as `test_<name>`; on an instance it can be awaited.

    The body is an `async def` that gets the subject, or a plain method that drives itself.
    """

    def __init__(self, body: Callable[..., Any]) -> None:
        self.body = body
        self.name = body.__name__
        self.group = body.__module__.rpartition(".")[2]
        self.requires: frozenset[str] = frozenset()
        self.drives_itself = not inspect.iscoroutinefunction(body)
        self.__doc__ = body.__doc__

    def __set_name__(self, owner: type[C], name: str) -> None:
        self.test = self.driver()
        setattr(owner, TEST + name, self.test)

    @overload
    def __get__(self, instance: None, owner: type[C]) -> Promise[C]: ...
    @overload
    def __get__(self, instance: C, owner: type[C]) -> Callable[..., Coroutine[Any, Any, None]]: ...
    def __get__(
        self, instance: C | None, owner: type[C]
    ) -> Promise[C] | Callable[..., Coroutine[Any, Any, None]]:
        return self if instance is None else self.body.__get__(instance, owner)

    def driver(self) -> Callable[[C], None]:
        """A plain test function that runs the promise in a fresh event loop."""

        def test(contract: C) -> None:
            missing = contract.missing(self)
            if missing:
                pytest.skip(f"{contract.adapter()} does not declare {', '.join(sorted(missing))}")
            try:
                if self.drives_itself:
                    self.body(contract)
                else:
                    asyncio.run(contract.keep(self))
            except Unplayable as missing_means:
                pytest.skip(f"{contract.adapter()} cannot be asked: {missing_means}")

        test.__name__ = TEST + self.name
        test.__qualname__ = self.body.__qualname__.removesuffix(self.name) + test.__name__
        test.__module__, test.__doc__ = self.body.__module__, self.body.__doc__
        vars(test)["promise"] = self
        return test


def promise(body: Callable[..., Any]) -> Promise[Any]:
    """Make a method of a contract one of its promises."""
    return Promise(body)


def requires(*capabilities: str) -> Callable[[P], P]:
    """Above `@promise`: it holds only for adapters that declare these capabilities."""

    def mark(one: P) -> P:
        one.requires |= frozenset(capabilities)
        return one

    return mark


def promise_of(function: object) -> Promise[Any] | None:
    """The promise that a test function drives, if it drives one."""
    found = getattr(function, "__dict__", {}).get("promise")
    return found if isinstance(found, Promise) else None


def _is(found: object, expected: object) -> bool:
    # A gap's test stands in for the promise's own, in subclasses too.
    return found is expected or (promise_of(found) is not None and promise_of(found) is promise_of(expected))
