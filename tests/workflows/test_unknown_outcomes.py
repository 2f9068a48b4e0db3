"""Answers that got lost: what is unknown stays unknown until it is proved, and has its effect once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    PurchaseError,
    StoreUnavailable,
)
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Capabilities, Capability
from purchase_core.records.command import CONFIRMED, OPEN_STATES, REFUSED, SENDING, UNKNOWN, Command
from purchase_core.routing.policy import HealthPolicy, Policy
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.workflows.checkout import KIND
from purchase_core.workflows.resolving import ABSENT_SECONDS, KEY_MARGIN_SECONDS, RESOLVE_ROWS_MAX
from purchase_sandbox.config import KEY_LIFETIME_SECONDS
from purchase_simulators.wire.chaos import Fault
from tests.faults.shop import CUSTOMERS, PRICES, SESSIONS, Customer, Price, Session, Shop, run

PATHS = (CUSTOMERS, PRICES, SESSIONS)
UNCLEAR = (Fault.LOST_ANSWER, Fault.BROKEN_AFTER, Fault.BROKEN, Fault.GARBLED)


def command(shop: Shop, key: str = "cart-1") -> Command:
    return shop.memory.commands[f"{KIND}:{key}"]


def made(shop: Shop) -> tuple[int, int, int]:
    return len(shop.made(Customer)), len(shop.made(Price)), len(shop.made(Session))


# --- F35, F39, F41: the same key goes on where it stopped ---------------------------------------


@pytest.mark.parametrize("fault", UNCLEAR)
@pytest.mark.parametrize("path", PATHS)
def test_the_same_key_resolves_a_lost_answer(path: str, fault: Fault) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(path, fault):
                with pytest.raises(OutcomeUnknown):
                    await shop.start()
                assert command(shop).state == UNKNOWN
                with suppress(OutcomeUnknown):
                    await shop.start()
            checkout = await shop.start()
            assert command(shop).state == CONFIRMED
            assert made(shop) == (1, 1, 1)
            assert checkout.session == shop.made(Session)[0].id
            names = [stage.name for stage in command(shop).stages]
            assert names == ["routed", "recorded", "unknown", "opened"]
            await shop.harness.pay(checkout.session)
            await shop.deliver()
            assert (await shop.rights()).has("export")
            await shop.checked_hash()

    run(work)


@pytest.mark.parametrize("path", PATHS)
def test_a_worker_resolves_a_lost_answer(path: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(path), suppress(OutcomeUnknown):
                await shop.start()
            assert command(shop).state == UNKNOWN
            assert await shop.billing.checkout.resolve() == 0, "it may still be under way"
            shop.advance(seconds=120)
            assert await shop.billing.checkout.resolve() == 1
            assert command(shop).state == CONFIRMED
            assert made(shop) == (1, 1, 1)
            assert (await shop.start()).session == shop.made(Session)[0].id
            assert await shop.billing.checkout.resolve() == 0

    run(work)


def test_what_the_webhook_tells_of_a_lost_answer_counts_once() -> None:
    """The answer and the webhook are two witnesses of one fact; whoever is second changes nothing."""

    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(SESSIONS), suppress(OutcomeUnknown):
                await shop.start()
            (session,) = shop.made(Session)
            await shop.harness.pay(session.id)
            await shop.deliver()
            shop.advance(seconds=120)
            assert await shop.billing.checkout.resolve() == 1
            assert (await shop.rights()).has("export")
            assert made(shop) == (1, 1, 1)
            told = [one for one in shop.memory.facts.values() if one.fact.kind == "session"]
            assert len({one.fact.key for one in told}) == 2  # opened, complete
            await shop.checked_hash()

    run(work)


def test_an_answer_that_is_lost_for_ever_keeps_one_stage() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(SESSIONS):
                for _ in range(20):
                    with suppress(OutcomeUnknown, ProviderUnavailable):  # after five, it is left alone
                        await shop.start()
                    shop.advance(seconds=120)
                    await shop.billing.checkout.resolve()
            assert [one.name for one in command(shop).stages] == ["routed", "recorded", "unknown"]
            assert made(shop) == (1, 1, 1)

    run(work)


# --- F36, F51: after the key's lifetime only a look ----------------------------------------------

FORGOTTEN = KEY_LIFETIME_SECONDS - KEY_MARGIN_SECONDS


@pytest.mark.parametrize("days", [1, 3])
def test_after_the_keys_lifetime_it_only_looks(days: int) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(SESSIONS), suppress(OutcomeUnknown):
                await shop.start()
            (session,) = shop.made(Session)
            shop.advance(seconds=days * KEY_LIFETIME_SECONDS + 3_600)
            assert shop.account.keys._kept
            checkout = await shop.start()
            assert checkout.session == session.id
            assert made(shop) == (1, 1, 1)

    run(work)


def test_f35_whoever_is_held_up_until_the_key_is_forgotten_only_looks() -> None:
    """Found by the simulator: it had asked whether it may send before it looked customer and price up."""

    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(SESSIONS), suppress(OutcomeUnknown):
                await shop.start()
            (session,) = shop.made(Session)
            provisions = shop.billing.checkout._sessions._provisions
            price = provisions.price

            async def held_up(*rest: Any, **named: Any) -> Any:
                shop.advance(seconds=KEY_LIFETIME_SECONDS + 3_600)
                return await price(*rest, **named)

            with patch.object(provisions, "price", held_up):
                checkout = await shop.start()
            assert checkout.session == session.id
            assert made(shop) == (1, 1, 1)

    run(work)


def test_what_never_arrived_is_refused_after_the_keys_lifetime_and_not_sent_again() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(SESSIONS, Fault.BROKEN), suppress(OutcomeUnknown):
                await shop.start()
            shop.advance(seconds=FORGOTTEN + ABSENT_SECONDS + 1)
            assert await shop.billing.checkout.resolve() == 1
            assert made(shop) == (1, 1, 0)
            assert (command(shop).state, command(shop).stages[-1].detail) == (REFUSED, "never arrived")
            with pytest.raises(ProviderRefused):
                await shop.start()

    run(work)


def test_absence_is_no_proof_until_nothing_can_be_under_way() -> None:
    """A provider without idempotency keys, whose lists lag behind: what is there is not to be seen yet."""

    async def work() -> None:
        async with Shop() as shop:
            declared = frozenset(Capability)
            with (
                patch.object(type(shop.provider), "capabilities", Capabilities(declared, 0)),
                patch.object(shop.provider, "find_checkout", nothing),
            ):
                with shop.trouble(SESSIONS), suppress(OutcomeUnknown):
                    await shop.start()
                for _ in range(3):
                    shop.advance(seconds=120)
                    assert await shop.billing.checkout.resolve() == 0
                    assert command(shop).state == UNKNOWN
            with patch.object(type(shop.provider), "capabilities", Capabilities(declared, 0)):
                assert (await shop.start()).session == shop.made(Session)[0].id
            assert made(shop) == (1, 1, 1)

    run(work)


async def nothing(attempt: str) -> None:
    """Not to be found."""


# --- F48: a crash between the call and the row -----------------------------------------------------


class Stopping(MemoryStore):
    """A store that stops for good at the n-th commit of a command, before or after writing it."""

    def __init__(self, inner: MemoryStore, *, at: int, after: bool) -> None:
        super().__init__(inner.database)
        self._left, self._after = at, after

    async def commit(self, batch: Batch) -> None:
        if batch.command is not None or not self._left:
            self._left -= self._left > 0
            if not self._left:
                if self._after:
                    await super().commit(batch)
                    self._after = False
                raise StoreUnavailable("the process was killed here", outcome_unknown=True)
        await super().commit(batch)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
def test_a_crash_around_any_commit_makes_no_second_session(at: int, after: bool) -> None:
    async def work() -> None:
        async with Shop(meddle=lambda store: Stopping(store, at=at, after=after)) as shop:  # type: ignore[arg-type]
            with pytest.raises(StoreUnavailable):
                await shop.start()
            shop._meddle = None
            restarted = await shop.another()
            found = await shop.start(billing=restarted)
            assert await shop.start(billing=restarted) == found
            assert made(shop) == (1, 1, 1)
            assert command(shop).state == CONFIRMED
            assert sum(1 for one in shop.memory.facts.values() if one.fact.kind == "intent") == 1

    run(work)


@pytest.mark.parametrize("operation", ["ensure_customer", "ensure_price", "create_checkout"])
def test_whoever_gives_up_waiting_leaves_a_checkout_that_can_be_resolved(operation: str) -> None:
    """Cancelled when the provider has just done it: nothing is held any more, and nothing is done twice."""

    async def work() -> None:
        async with Shop() as shop:
            reached = asyncio.Event()

            async def hang() -> None:
                reached.set()
                await asyncio.Event().wait()

            with shop.before(operation, hang):
                task = asyncio.create_task(shop.start())
                await reached.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert command(shop).state == SENDING
            shop.advance(seconds=120)
            assert await shop.billing.checkout.resolve() == 1
            assert (await shop.start()).session == shop.made(Session)[0].id
            assert made(shop) == (1, 1, 1)
            assert not shop.billing.checkout._locks._entries

    run(work)


# --- two processes at one command ------------------------------------------------------------------


@pytest.mark.parametrize("error", [OutcomeUnknown("lost"), ProviderRefused("no")], ids=["lost", "refused"])
def test_a_late_answer_of_one_process_does_not_undo_what_another_has_confirmed(error: PurchaseError) -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()

            async def overtaken() -> None:
                await shop.start(billing=other)
                raise error

            with shop.before("create_checkout", overtaken):
                found = await shop.start()
            assert found.session == shop.made(Session)[0].id
            assert command(shop).state == CONFIRMED
            assert await shop.start() == found
            assert made(shop) == (1, 1, 1)

    run(work)


def test_two_processes_that_confirm_one_checkout_note_it_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            with shop.before("create_checkout", lambda: shop.start(billing=other)):
                found = await shop.start()
            assert await shop.start(billing=other) == found
            assert [one.name for one in command(shop).stages] == ["routed", "recorded", "opened"]
            assert made(shop) == (1, 1, 1)

    run(work)


def test_an_answer_that_is_noted_just_when_another_process_confirms_undoes_nothing() -> None:
    """The other one gets through between the reading of the row and the writing of it."""

    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            store = shop.billing.store
            read, waiting = store.command, [True]

            async def overtaken(key: str) -> Command | None:
                found = await read(key)
                if found is not None and waiting.pop():
                    await shop.start(billing=other)
                    waiting.append(False)
                return found

            with shop.trouble(SESSIONS), patch.object(store, "command", overtaken):
                # The other process meets no trouble: it has an adapter of its own.
                found = await shop.start()
            assert command(shop).state == CONFIRMED
            assert await shop.start() == found

    run(work)


def test_what_was_opened_is_open_even_if_another_process_gave_it_up() -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()

            async def given_up() -> None:
                sandbox = other.connections["sandbox"]
                with (
                    patch.object(sandbox, "create_checkout", refusing),
                    patch.object(sandbox, "find_checkout", finding_nothing),
                    pytest.raises(ProviderRefused),
                ):
                    await shop.start(billing=other)
                assert command(shop).state == REFUSED

            with shop.before("create_checkout", given_up):
                found = await shop.start()
            assert command(shop).state == CONFIRMED
            assert await shop.start(billing=other) == found

    run(work)


async def refusing(*_: Any, **__: Any) -> None:
    raise ProviderRefused("no")


async def finding_nothing(*_: Any, **__: Any) -> None:
    return None


# --- resolving -------------------------------------------------------------------------------------


def test_what_cannot_be_resolved_keeps_nothing_else() -> None:
    """More of them than one call takes on, and older than the one that can be resolved."""

    async def work() -> None:
        async with Shop() as shop:
            stubborn = Policy(health=HealthPolicy(when_all_unhealthy="try"))
            shop.billing.checkout._planner.router = PolicyRouter(stubborn)
            with shop.trouble(SESSIONS, Fault.BUSY):
                for number in range(RESOLVE_ROWS_MAX + 1):
                    with suppress(ProviderUnavailable):
                        await shop.start(f"cart-{number}")
            stuck = [one for one in shop.memory.commands.values() if one.state in OPEN_STATES]
            assert len(stuck) == RESOLVE_ROWS_MAX + 1
            shop.advance(seconds=1)
            with shop.trouble(SESSIONS), suppress(OutcomeUnknown):
                await shop.start("last")
            create = shop.provider.create_checkout

            async def only_the_last(request: Any, *, key: str) -> Any:
                if request.reference.intent != command(shop, "last").reference:
                    raise KeyError("a bug of the adapter")
                return await create(request, key=key)

            shop.advance(seconds=120)
            with patch.object(shop.provider, "create_checkout", only_the_last):
                assert [await shop.billing.checkout.resolve() for _ in range(2)] == [0, 1]
            assert command(shop, "last").state == CONFIRMED

    run(work)


def test_resolving_comes_too_late_for_what_has_ended_meanwhile() -> None:
    async def work() -> None:
        async with Shop() as shop:
            resolving: list[asyncio.Task[int]] = []

            async def resolve() -> None:
                shop.advance(seconds=120)
                resolving.append(asyncio.create_task(shop.billing.checkout.resolve()))
                await asyncio.sleep(0)

            with shop.before("create_checkout", resolve):
                started = await shop.start()
            assert await resolving[0] == 0
            assert started.session == shop.made(Session)[0].id
            assert [one.name for one in command(shop).stages].count("opened") == 1

    run(work)


def test_a_resolver_with_a_wrong_key_ends_nothing() -> None:
    async def work() -> None:
        async with Shop() as shop:
            keys, shop.harness.sandbox._keys = shop.harness.sandbox._keys, []
            with suppress(AuthenticationFailed):
                await shop.start()
            for _ in range(3):
                shop.advance(seconds=120)
                assert await shop.billing.checkout.resolve() == 0
            assert command(shop).state == SENDING
            shop.harness.sandbox._keys = keys
            shop.advance(seconds=120)
            assert await shop.billing.checkout.resolve() == 1

    run(work)
