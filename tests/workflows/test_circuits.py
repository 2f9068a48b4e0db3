"""Circuits: what keeps failing is left alone for a while, and nothing else is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.instants import Instant
from purchase_core.ports.provider import OPERATIONS
from purchase_core.routing.breaker import BreakerSettings
from purchase_core.testing.clocks import ManualClock
from purchase_core.workflows.circuits import protect

SETTINGS = BreakerSettings(failures_in_a_row=3, open_seconds=60)


class Line:
    """A protected provider whose every operation ends as it is told to, and who counts what gets through."""

    def __init__(self) -> None:
        self.clock = ManualClock(Instant(1_790_000_000_000_000))
        self.through: list[str] = []
        self.error: ProviderError | None = None
        provider: Any = SimpleNamespace(connection=SimpleNamespace(name="acme"))
        for name, operation in self.operations().items():
            setattr(provider, name, operation)
        protect(provider, self.clock, SETTINGS)
        self.provider = provider

    def operations(self) -> dict[str, Any]:
        """Each operation of a provider, not protected yet."""
        return {name: self._operation(name) for name in OPERATIONS}

    def _operation(self, name: str) -> Any:
        async def operation(*_: object, **__: object) -> str:
            self.through.append(name)
            if self.error is not None:
                raise self.error
            return name

        return operation

    def call(self, name: str) -> ProviderError | None:
        """What a call raises; None if it answers."""
        try:
            asyncio.run(getattr(self.provider, name)("an argument", key="a key"))
        except ProviderError as error:
            return error
        return None

    def fail(self, name: str, times: int, error: ProviderError | None = None) -> None:
        self.error = error or OutcomeUnknown("no answer")
        for _ in range(times):
            assert self.call(name) is self.error
        self.error = None


def test_what_fails_three_times_in_a_row_is_not_asked_again_for_a_minute() -> None:
    line = Line()
    line.fail("refund", 3)
    for seconds, left in ((0, 60.0), (30, 30.0), (29, 1.0)):
        line.clock.advance(seconds=seconds)
        error = line.call("refund")
        assert isinstance(error, ProviderUnavailable)
        assert (error.provider_code, error.retry_after_seconds) == ("circuit_open", left)
    assert len(line.through) == 3
    line.clock.advance(seconds=1)
    assert line.call("refund") is None


def test_it_is_a_proof_that_nothing_happened() -> None:
    line = Line()
    line.fail("refund", 3)
    error = line.call("refund")
    assert error is not None
    assert (error.retryable, error.outcome_unknown) == (True, False)


def test_another_operation_goes_on() -> None:
    line = Line()
    line.fail("create_checkout", 3)
    assert line.call("fetch") is None
    assert isinstance(line.call("create_checkout"), ProviderUnavailable)


def test_on_trial_one_failure_opens_it_again_and_one_answer_closes_it() -> None:
    line = Line()
    line.fail("fetch", 3)
    line.clock.advance(seconds=60)
    line.fail("fetch", 1)
    assert isinstance(line.call("fetch"), ProviderUnavailable)
    line.clock.advance(seconds=60)
    assert line.call("fetch") is None
    line.fail("fetch", 2)
    assert line.call("fetch") is None


@pytest.mark.parametrize("error", [ProviderRefused("no"), AuthenticationFailed("who are you?")])
def test_a_refusal_is_an_answer(error: ProviderError) -> None:
    line = Line()
    line.fail("refund", 20, error)
    assert line.call("refund") is None
    line.fail("refund", 2)
    line.fail("refund", 1, error)
    line.fail("refund", 2)
    assert line.call("refund") is None


def test_f40_whoever_says_when_to_come_back_is_left_alone_altogether_until_then() -> None:
    line = Line()
    line.fail("fetch", 1, ProviderUnavailable("busy", retry_after_seconds=7.0))
    for operation in OPERATIONS:
        error = line.call(operation)
        assert isinstance(error, ProviderUnavailable)
        assert error.retry_after_seconds == 7.0
    assert line.through == ["fetch"]
    line.clock.advance(seconds=7)
    assert all(line.call(operation) is None for operation in OPERATIONS)


def test_f40_of_calls_that_were_under_way_together_the_longest_wish_counts() -> None:
    """One budget for all of them: a shorter wish that comes back later takes nothing back."""
    line = Line()
    together = ("fetch", 60.0), ("refund", 1.0), ("events", 5.0)

    async def scene() -> None:
        under_way = asyncio.Event()

        async def call(operation: str, seconds: float) -> None:
            with pytest.raises(ProviderUnavailable) as told:
                await getattr(provider, operation)()
            assert told.value.retry_after_seconds == seconds

        def busy(name: str, seconds: float) -> Any:
            async def operation() -> None:
                await under_way.wait()
                raise ProviderUnavailable("busy", retry_after_seconds=seconds)

            return operation

        provider: Any = SimpleNamespace(connection=SimpleNamespace(name="acme"), **line.operations())
        for name, seconds in together:
            setattr(provider, name, busy(name, seconds))
        protect(provider, line.clock, SETTINGS)
        calls = [asyncio.create_task(call(*one)) for one in together]
        await asyncio.sleep(0)
        under_way.set()
        await asyncio.gather(*calls)
        line.clock.advance(seconds=59)
        with pytest.raises(ProviderUnavailable, match="left alone"):
            await provider.fetch()
        line.clock.advance(seconds=1)
        assert await provider.ensure_price() == "ensure_price"

    asyncio.run(scene())


def test_nobody_is_left_alone_for_longer_than_an_hour() -> None:
    line = Line()
    line.fail("fetch", 1, ProviderUnavailable("busy", retry_after_seconds=1e9))
    line.clock.advance(seconds=3_600)
    assert line.call("fetch") is None


def test_connections_do_not_know_of_each_other() -> None:
    one, other = Line(), Line()
    one.fail("fetch", 3)
    assert isinstance(one.call("fetch"), ProviderUnavailable)
    assert other.call("fetch") is None
