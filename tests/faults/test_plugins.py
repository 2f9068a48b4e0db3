"""Faults of plugins: they fail, hang, look around, or pretend to be another (docs/faults.md)."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import attrs
import pytest
from msgspec.structs import replace

from purchase_core import opening
from purchase_core.errors import NoRoute, PluginFailed
from purchase_core.facts.rows import CaseRow
from purchase_core.instants import Instant
from purchase_core.plugins.descriptors import NoConfig, RouterPlugin
from purchase_core.plugins.hookspecs import LISTENING, ProviderCall, RouteScore, hookimpl
from purchase_core.plugins.listeners import Listeners
from purchase_core.ports.router import Candidate, Router, RouteRequest, RoutingDecision, routed
from purchase_core.records.delivery import DONE
from purchase_core.records.effect import Effect
from purchase_core.routing.router import PolicyRouter
from purchase_core.values import Value
from tests.faults.shop import Session, Shop, run

CANARY = "canary-4711"
WAIT_SECONDS_MAX = 30  # for others that write the same file
ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}")


# --- F102, F103: a plugin that fails or hangs at every hook ----------------------------------------


async def hang() -> Any:
    await asyncio.Event().wait()


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


FAILURES: dict[str, Callable[[], Any]] = {
    "Exception": raising(ValueError(CANARY)),
    "BaseException": raising(BaseException(CANARY)),
    "SystemExit": raising(SystemExit(CANARY)),
    "GeneratorExit": raising(GeneratorExit()),
    "CancelledError": raising(asyncio.CancelledError()),
    "hangs": hang,
}


class Failing:
    """Listens everywhere, and never answers well. A veto is left out: it is meant to fail closed."""

    def __init__(self, failure: Callable[[], Any]) -> None:
        self.failure = failure
        self.asked: set[str] = set()

    @hookimpl
    async def purchase_score_routes(self) -> Any:
        self.asked.add("score")
        return await self._fail()

    @hookimpl
    async def purchase_on_event(self) -> Any:
        self.asked.add("event")
        return await self._fail()

    @hookimpl
    def purchase_on_provider_call(self) -> None:
        self.asked.add("call")
        if self.failure is not hang:
            self.failure()

    async def _fail(self) -> Any:
        answer = self.failure()
        return await answer if isinstance(answer, Awaitable) else answer


async def outcome(*plugins: object) -> tuple[object, ...]:
    """A sale from the checkout to the refund of nothing: all that is stored of it."""
    async with Shop(plugins=plugins) as shop:
        await shop.buy()
        receipts = await shop.deliver()
        assert {one.status for one in receipts} == {DONE}
        rights = await shop.rights()
        assert (rights.has("export"), rights.balance("ai")) == (True, 100)
        assert not [row for row in await shop.rows() if isinstance(row, CaseRow)]
        commands = [(one.key, one.state) for one in shop.memory.commands.values()]
        return await shop.checked_hash(), list(shop.memory.facts), list(shop.memory.effects), commands


@pytest.mark.parametrize("failure", FAILURES)
def test_f102_f103_a_plugin_that_fails_at_every_hook_changes_nothing_of_a_sale(
    failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = partial(Listeners, seconds_max=0.005, closing_seconds_max=60)
    plugin = Failing(FAILURES[failure])
    expected = run(outcome)
    with patch.object(opening, "Listeners", impatient):
        assert run(lambda: outcome(plugin)) == expected
    assert plugin.asked == {"score", "event", "call"}
    hooks = {"purchase_score_routes", "purchase_on_event"}
    hooks |= set() if failure == "hangs" else {"purchase_on_provider_call"}
    assert {hook for hook in hooks if f"plugin Failing failed in {hook}" in caplog.text} == hooks
    assert CANARY not in caplog.text


class Beside:
    """At every hook, writes to the database from beside: nobody may hold its lock, nor be about to commit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[tuple[str, int]] = []

    def _write(self, hook: str, key: str = "") -> None:
        # Another request may be committing in its thread. What waits for this hook would hold on for ever.
        with closing(
            sqlite3.connect(self.path, timeout=WAIT_SECONDS_MAX, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            (told,) = connection.execute('SELECT count(*) FROM effects WHERE "key" = ?', (key,)).fetchone()
            connection.execute("ROLLBACK")
        self.found.append((hook, told))

    @hookimpl
    async def purchase_score_routes(self) -> Sequence[RouteScore]:
        self._write("score")
        return ()

    @hookimpl
    async def purchase_before_checkout(self) -> None:
        self._write("before")

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        self._write("event", event.key)

    @hookimpl
    def purchase_on_provider_call(self) -> None:
        self._write("call")


def test_f103_no_hook_is_called_inside_a_transaction(tmp_path: Path) -> None:
    beside = Beside(tmp_path / "purchase.db")

    async def work() -> None:
        async with Shop(tmp_path / "purchase.db", plugins=[beside]) as shop:
            await shop.sold()

    run(work)
    calls = [("call", 0)] * 5  # customer, price (and in it, product and price), session
    assert sorted(beside.found) == sorted([("score", 0), ("before", 0), *calls, ("event", 1)])


# --- T12: what a plugin gets, and what it cannot take ----------------------------------------------

PLAIN = (str, int, float, bool, type(None))


def inside(value: object) -> Iterator[object]:
    """A value and everything that can be reached from it."""
    yield value
    if isinstance(value, tuple):
        for one in value:
            yield from inside(one)
    elif not isinstance(value, PLAIN):
        for name in fields(value):
            yield from inside(getattr(value, name))


def fields(value: object) -> list[str]:
    if isinstance(value, Value):
        return list(value.__struct_fields__)
    return [one.name for one in attrs.fields(cast("type[attrs.AttrsInstance]", type(value)))]


class Curious:
    """Keeps whatever it is given."""

    def __init__(self) -> None:
        self.given: list[object] = []

    @hookimpl
    async def purchase_score_routes(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> Any:
        self.given += [request, candidates]
        return ()

    @hookimpl
    async def purchase_before_checkout(self, request: RouteRequest, decision: RoutingDecision) -> None:
        self.given += [request, decision]

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        self.given.append(event)

    @hookimpl
    def purchase_on_provider_call(self, call: ProviderCall) -> None:
        self.given.append(call)


def test_t12_hooks_are_given_plain_values_that_cannot_be_changed_and_lead_nowhere() -> None:
    curious = Curious()

    async def work() -> None:
        async with Shop(plugins=[curious]) as shop:
            await shop.sold()

    run(work)
    heard = {hook for hook in LISTENING if hasattr(curious, hook)}
    assert heard == {*LISTENING} - {"purchase_examine"}  # that one is given an instant alone
    found = [one for given in curious.given for one in inside(given)]
    values = [one for one in found if not isinstance(one, (*PLAIN, tuple))]
    assert {type(one) for one in values} >= {RouteRequest, Candidate, RoutingDecision, Effect, ProviderCall}
    for value in values:
        assert type(value).__module__.startswith("purchase_core.")
        for name in fields(value):
            with pytest.raises(AttributeError):
                setattr(value, name, "changed")


class Impostor:
    """Brings a router under a name, and asks `decide` of it."""

    def __init__(self, name: str, decide: Callable[[RoutingDecision], Any]) -> None:
        self.name, self.decide = name, decide

    @hookimpl
    def purchase_register_routers(self) -> Sequence[RouterPlugin[Any]]:
        return [RouterPlugin(self.name, NoConfig, lambda _config: Deciding(self.decide))]

    @hookimpl
    async def purchase_score_routes(self) -> Sequence[RouteScore]:
        return [RouteScore("sandbox", excluded="closed")]


class Deciding(Router):
    """Makes something else of what the built-in router decides."""

    name = "deciding"

    def __init__(self, decide: Callable[[RoutingDecision], Any]) -> None:
        self._decide = decide

    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        made: RoutingDecision = self._decide(PolicyRouter().decide(request, candidates))
        return made


def order(connections: Any) -> Callable[[RoutingDecision], RoutingDecision]:
    return lambda decision: replace(decision, order=connections)


def failing(fail: Callable[[], Any]) -> Callable[[RoutingDecision], Any]:
    return lambda _decision: fail()


DECIDES: dict[str, Callable[[RoutingDecision], Any]] = {
    **{name: failing(fail) for name, fail in FAILURES.items() if fail is not hang},
    "nothing": lambda _decision: None,
    "no order": order(None),
    "no connections": order(([],)),
    "a stranger": order(("elsewhere",)),
    "a stranger besides": order(("sandbox", "elsewhere")),
    "what was excluded": order(("sandbox",)),
    "another question": lambda decision: replace(decision, request=replace(decision.request, country="US")),
    "other candidates": lambda decision: replace(decision, candidates=()),
}


@pytest.mark.parametrize("decides", DECIDES)
def test_f102_a_router_that_fails_or_adds_a_candidate_sends_nobody_anywhere(decides: str) -> None:
    async def work() -> None:
        async with Shop(plugins=[Impostor("acme", DECIDES[decides])]) as shop:
            billing = await shop.another(router={"plugin": "acme"})
            with pytest.raises(PluginFailed, match="router Deciding") as told:
                await shop.start(billing=billing)
            assert CANARY not in str(told.value)
            assert (shop.memory.commands, shop.memory.facts) == ({}, {})
            assert shop.made(Session) == []

    run(work)


def test_f102_a_router_that_chooses_twice_sends_nobody_anywhere() -> None:
    one = Candidate("one", "acme", "test", (), None)
    request = RouteRequest("ana", "app:pro", "subscription", "EUR", 1, 1, (), (), Instant(0), "key")
    with pytest.raises(PluginFailed, match="router Deciding chose a connection twice"):
        routed(Deciding(order(("one", "one"))), request, (one,))
    assert routed(Deciding(order(("one",))), request, (one,)).order == ("one",)


def test_t12_the_built_in_router_is_not_replaced_by_a_plugin_of_its_name() -> None:
    async def work() -> None:
        async with Shop(plugins=[Impostor("policy", order(("sandbox",)))]) as shop:
            with pytest.raises(NoRoute, match="closed"):
                await shop.start()

    run(work)


def test_t12_everything_of_third_parties_is_locked_by_hash() -> None:
    locked = sorted((ROOT / "requirements").glob("*.txt"))
    assert locked
    for path in locked:
        lines = path.read_text("utf-8").replace("\\\n", "").splitlines()
        requirements = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        assert [line for line in requirements if not LOCKED.match(line)] == []
    for script in (ROOT / "dev.py", ROOT / ".ci" / "run"):
        lists = [line for line in script.read_text("utf-8").splitlines() if re.search(r"[ \"]-r[ \"]", line)]
        assert lists
        assert [line for line in lists if "--require-hashes" not in line] == []
    for path in (ROOT / "plugins").glob("*/purchase_*/**/package-lock.json"):
        packages = json.loads(path.read_bytes())["packages"]
        assert [name for name, one in packages.items() if name and "sha512-" not in one["integrity"]] == []
