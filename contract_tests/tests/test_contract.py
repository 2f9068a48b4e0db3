"""The mechanism: promises become tests, gaps are strict, nothing is overridden unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from purchase_contract_tests.contract import Contract, ContractMisused, promise, requires
from purchase_contract_tests.verify import Verdict, verify


class Lists(Contract[list[int]]):
    """A contract of three promises about a list."""

    title = "ListContract"

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[list[int]]:
        yield []

    @promise
    async def what_is_appended_is_there(self, numbers: list[int]) -> None:
        numbers.append(1)
        assert numbers == [1]

    @promise
    async def it_starts_with_a_seven(self, numbers: list[int]) -> None:
        assert numbers == [7]

    @requires("sorting")
    @promise
    async def it_sorts(self, numbers: list[int]) -> None:
        numbers.sort()

    @promise
    def it_counts(self) -> None:
        assert [1].count(1) == 1


def verdicts(contract: type[Lists]) -> dict[str, Verdict]:
    """How each promise fared."""
    return {one.promise: one.verdict for one in asyncio.run(verify(contract))}


def test_each_promise_is_a_test_and_can_be_awaited() -> None:
    contract = Lists()
    assert contract.test_what_is_appended_is_there() is None  # type: ignore[attr-defined]
    asyncio.run(contract.what_is_appended_is_there([]))
    with pytest.raises(AssertionError):
        contract.test_it_starts_with_a_seven()  # type: ignore[attr-defined]
    with pytest.raises(pytest.skip.Exception, match="does not declare sorting"):
        contract.test_it_sorts()  # type: ignore[attr-defined]
    contract.test_it_counts()  # type: ignore[attr-defined]


def test_verify_tells_what_is_kept_broken_and_not_declared() -> None:
    assert verdicts(Lists) == {
        "what_is_appended_is_there": Verdict.KEPT,
        "it_starts_with_a_seven": Verdict.BROKEN,
        "it_sorts": Verdict.NOT_DECLARED,
        "it_counts": Verdict.KEPT,
    }


def test_verify_tells_gaps_from_stale_gaps() -> None:
    class Gaps(Lists):
        capabilities = frozenset({"sorting"})
        known_gaps: ClassVar = {
            "test_it_starts_with_a_seven": "it is empty",
            "test_it_counts": "it once did not",
        }

    found = verdicts(Gaps)
    assert found["it_starts_with_a_seven"] is Verdict.GAP
    assert found["it_counts"] is Verdict.STALE_GAP
    assert found["it_sorts"] is Verdict.KEPT


def test_a_gap_that_names_no_test_is_refused() -> None:
    for name in ("test_it_sorst", "it_sorts"):
        with pytest.raises(ContractMisused, match=name):
            type("Misspelt", (Lists,), {"known_gaps": {name: "because"}})


def test_a_promise_cannot_be_overridden_in_silence() -> None:
    async def nothing(self: Lists, numbers: list[int]) -> None:
        """Keep nothing."""

    nothing.__name__ = "it_sorts"
    for name, value in (
        ("it_sorts", nothing),
        ("it_sorts", promise(nothing)),
        ("test_it_sorts", lambda _self: None),
        ("test_it_sorts", None),
    ):
        with pytest.raises(ContractMisused, match="it_sorts"):
            type("Overrides", (Lists,), {name: value})
        mixin = type("Mixin", (), {name: value})
        with pytest.raises(ContractMisused, match="it_sorts"):
            type("Overrides", (mixin, Lists), {})


def test_gaps_are_inherited() -> None:
    class Gaps(Lists):
        known_gaps: ClassVar = {"test_it_starts_with_a_seven": "it is empty"}

    class More(Gaps):
        pass

    assert verdicts(More)["it_starts_with_a_seven"] is Verdict.GAP


def test_a_promise_that_never_ends_is_broken() -> None:
    class Endless(Contract[None]):
        promise_seconds_max = 0.01

        @asynccontextmanager
        async def subject(self) -> AsyncIterator[None]:
            yield None

        @promise
        async def it_ends(self, _: None) -> None:
            await asyncio.Event().wait()

    (outcome,) = asyncio.run(verify(Endless))
    assert (outcome.verdict, outcome.why) == (Verdict.BROKEN, "TimeoutError: ")
