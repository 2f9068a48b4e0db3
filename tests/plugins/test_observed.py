"""Observed providers: every operation is told of when it has ended, and behaves as before."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from purchase_core.errors import CapabilityMissing, OutcomeUnknown
from purchase_core.instants import SECOND, Instant
from purchase_core.plugins.hookspecs import ProviderCall
from purchase_core.plugins.observed import observe, unobserved
from purchase_core.ports.provider import (
    OPERATIONS,
    Connection,
    CustomerRequest,
    Fetched,
    OurReference,
    Provider,
    RefundRequest,
)
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.scripted import ScriptedProvider

CANARY = "canary-4711"
CONNECTION = Connection("one", "scripted", "test", "default", "development")
CLOCK = ManualClock(Instant(0))


class Slow(ScriptedProvider):
    async def fetch(self, kind: str, object_id: str) -> Fetched:
        CLOCK.advance(seconds=3)
        return await super().fetch(kind, object_id)


def observed() -> tuple[Slow, list[ProviderCall]]:
    provider, told = Slow(CONNECTION, [Secret(CANARY)]), list[ProviderCall]()
    observe(provider, CLOCK, told.append)
    return provider, told


def test_every_awaited_operation_of_the_port_is_observed() -> None:
    awaited = {name for name, found in vars(Provider).items() if inspect.iscoroutinefunction(found)}
    assert awaited - {"aclose"} == set(OPERATIONS)


def test_a_call_is_told_with_what_it_was_how_it_ended_and_how_long_it_took() -> None:
    provider, told = observed()
    assert asyncio.run(provider.fetch("invoice", CANARY)).id == CANARY
    assert told == [ProviderCall("one", "scripted", "fetch", "ok", 3 * SECOND)]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(OutcomeUnknown(CANARY), "outcome_unknown"), (ValueError(CANARY), "ValueError"),
     (asyncio.CancelledError(), "CancelledError"), (SystemExit(CANARY), "SystemExit")],
)  # fmt: skip
def test_an_error_is_told_by_its_code_or_type_and_raised_as_it_is(error: BaseException, outcome: str) -> None:
    provider, told = observed()
    provider.errors["ensure_customer"] = error

    async def call() -> BaseException | None:
        try:
            await provider.ensure_customer(CustomerRequest("user_1", CANARY), key=CANARY)
        except BaseException as raised:
            return raised
        return None

    assert asyncio.run(call()) is error
    assert [one.outcome for one in told] == [outcome]
    assert CANARY not in repr(told)


def test_an_operation_that_is_not_declared_is_told_of_too() -> None:
    provider, told = observed()
    with pytest.raises(CapabilityMissing):
        asyncio.run(provider.refund(RefundRequest("in_1", None, OurReference()), key="key"))
    assert told == [ProviderCall("one", "scripted", "refund", "capability_missing", 0)]


def test_another_connection_is_not_observed() -> None:
    _, told = observed()
    asyncio.run(ScriptedProvider(CONNECTION, []).fetch("invoice", "in_1"))
    assert told == []


def test_a_copy_that_tells_nobody_calls_itself_and_not_the_one_that_was_observed() -> None:
    provider, told = observed()
    other = unobserved(provider)
    other.connection = Connection("two", "scripted", "test", "default", "development")
    asyncio.run(other.ensure_customer(CustomerRequest("ana"), key="c"))
    assert told == []
    assert other.ensure_customer.__self__ is other  # type: ignore[attr-defined]  # a method again
    asyncio.run(provider.ensure_customer(CustomerRequest("ana"), key="c"))
    assert [call.connection for call in told] == ["one"]
