"""Subscribers: told of each effect, in order, at least once, by whoever is there."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from purchase_core.billing import Billing
from purchase_core.errors import NotFound, PluginCollision, PluginIncompatible, WrongState
from purchase_core.operations.worker import Stop
from purchase_core.outbox.settings import SubscriberSettings
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.records.effect import Effect
from purchase_core.records.mailbox import IDLE, STUCK, WAITING
from purchase_core.testing.memory_store import MemoryDatabase
from tests.faults.shop import Shop, run
from tests.pages import blocks, run_block

STORES = pytest.mark.parametrize("store", ["memory", "sqlite"])
MONTH_DAYS = 31
BOUND_SECONDS = 30
SETTINGS = SubscriberSettings()


class Ear:
    """Somebody who is told: notes what, or fails as long as `poison` says so of it."""

    def __init__(self, poison: Callable[[Effect], BaseException | None] = lambda _: None) -> None:
        self.heard: list[Effect] = []
        self.tries = 0
        self.poison = poison

    async def __call__(self, effect: Effect) -> None:
        await asyncio.sleep(0)
        self.tries += 1
        if (error := self.poison(effect)) is not None:
            raise error
        self.heard.append(effect)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.heard]

    def subscriber(self, name: str = "mail", **other: Any) -> Subscriber:
        return Subscriber(name, self, **other)


def database(store: str, folder: Path) -> MemoryDatabase | Path:
    return MemoryDatabase() if store == "memory" else folder / "purchase.db"


async def tell(billing: Billing, name: str = "mail") -> int:
    """Tell everything that is due."""
    told = 0
    while count := await billing.subscribers.work(name):
        told += count
    return told


@STORES
def test_a_subscriber_is_told_of_each_effect_once_and_in_order(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        ear = Ear()
        async with Shop(database(store, tmp_path), subscribers=[ear.subscriber()]) as shop:
            await shop.sold()
            for _ in range(3):
                shop.advance(days=MONTH_DAYS)
                await shop.deliver()
            await tell(shop.billing)
            assert ear.names == ["subscription.started", *["subscription.renewed"] * 3]
            assert ear.heard == list(await shop.billing.store.effects("customer:ana"))
            assert {one.customer for one in ear.heard} == {"ana"}
            assert await tell(shop.billing) == 0

    run(work)


@STORES
def test_f96_nothing_that_is_replayed_is_told_again(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        ear = Ear()
        async with Shop(database(store, tmp_path), subscribers=[ear.subscriber()]) as shop:
            checkout = await shop.start()
            await shop.harness.pay(checkout.session)
            webhooks = shop.webhooks()
            await shop.deliver(webhooks)
            await tell(shop.billing)
            before = list(ear.heard)
            await shop.deliver(webhooks)
            for one in await shop.billing.webhooks.list():
                await shop.billing.replay.one(one.id)
            assert await tell(shop.billing) == 0
            assert ear.heard == before

    run(work)


def test_only_what_it_wants_and_the_rest_is_passed_by() -> None:
    async def work() -> None:
        granted, cases = Ear(), Ear()
        wanted = [
            granted.subscriber("granted", events=("purchase.granted",)),
            cases.subscriber("cases", events=("case.",)),
        ]
        async with Shop(subscribers=wanted) as shop:
            await shop.sold(offer="book:full")
            await shop.sold("cart-2")
            for name in ("granted", "cases"):
                await tell(shop.billing, name)
            assert granted.names == ["purchase.granted"]
            assert cases.names == []
            for name in ("granted", "cases"):
                known = await shop.billing.store.mailbox(name, "customer:ana")
                assert known is not None
                assert (known.state, known.told) == (IDLE, known.newest)

    run(work)


def test_a_subscriber_begins_with_what_comes_after_it_and_misses_nothing_while_it_is_away() -> None:
    async def work() -> None:
        ear = Ear()
        async with Shop() as shop:
            await shop.sold()
            shop.subscribers = (ear.subscriber(),)
            async with shop.opening() as billing:
                assert await tell(billing) == 0
            shop.advance(days=MONTH_DAYS)
            await shop.deliver()  # by a process that does not have it
            async with shop.opening() as billing:
                await tell(billing)
            assert ear.names == ["subscription.renewed"]

    run(work)


@STORES
def test_f89_poison_is_tried_again_later_then_stuck_and_holds_one_customer(
    store: str, tmp_path: Path
) -> None:
    async def work() -> None:
        ear = Ear(lambda one: ValueError("no such address") if one.customer == "ana" else None)
        async with Shop(database(store, tmp_path), subscribers=[ear.subscriber()]) as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben")
            await tell(shop.billing)
            assert [one.customer for one in ear.heard] == ["ben"]
            assert ear.tries == 2, "not again before its pause is over"
            pauses = 0
            while not await shop.billing.subscribers.stuck("mail"):
                shop.advance(seconds=SETTINGS.retry_seconds_max)
                await tell(shop.billing)
                pauses += 1
                assert pauses < 20
            assert ear.tries == 1 + SETTINGS.attempts_max
            (stuck,) = await shop.billing.subscribers.stuck("mail")
            assert stuck.effect is not None
            assert (stuck.mailbox.lane, stuck.effect.name) == ("customer:ana", "subscription.started")
            assert stuck.mailbox.reason == "ValueError", "and not what it said"
            shop.advance(days=MONTH_DAYS)
            await shop.deliver()
            await tell(shop.billing)
            assert [(one.customer, one.name) for one in ear.heard[1:]] == [("ben", "subscription.renewed")]
            (state,) = await shop.billing.subscribers.list()
            assert (state.name, state.here, state.waiting, state.stuck) == ("mail", True, 0, 1)
            ear.poison = lambda _: None
            await shop.billing.subscribers.retry("mail", "customer:ana")
            await tell(shop.billing)
            ana = [one.name for one in ear.heard if one.customer == "ana"]
            assert ana == ["subscription.started", "subscription.renewed"]

    run(work)


def test_an_effect_can_be_left_out_and_the_next_is_told() -> None:
    async def work() -> None:
        ear = Ear(lambda one: OSError() if one.name == "subscription.started" else None)
        async with Shop(subscribers=[ear.subscriber()], inbox={}) as shop:
            shop.billing = await shop.another(subscribers={"attempts_max": 1})
            await shop.sold()
            await tell(shop.billing)
            shop.advance(days=MONTH_DAYS)
            await shop.deliver()
            assert await tell(shop.billing) == 0
            skipped = await shop.billing.subscribers.skip("mail", "customer:ana")
            assert skipped is not None
            assert skipped.name == "subscription.started"
            await tell(shop.billing)
            assert ear.names == ["subscription.renewed"]
            for go_on in (shop.billing.subscribers.skip, shop.billing.subscribers.retry):
                with pytest.raises(WrongState, match="idle"):
                    await go_on("mail", "customer:ana")
                with pytest.raises(NotFound):
                    await go_on("mail", "customer:nobody")

    run(work)


def test_f92_what_a_dead_worker_was_telling_is_told_by_another() -> None:
    async def work() -> None:
        started, ear = asyncio.Event(), Ear()

        async def never(_: Effect) -> None:
            started.set()
            await asyncio.Event().wait()

        async with Shop(subscribers=[Subscriber("mail", never)]) as shop:
            await shop.sold()
            dying = asyncio.create_task(shop.billing.subscribers.work("mail"))
            await started.wait()
            dying.cancel()
            await asyncio.wait([dying])
            shop.subscribers = (ear.subscriber(),)
            other = await shop.another()
            assert await tell(other) == 0, "its lease is not over"
            shop.advance(seconds=SETTINGS.lease_seconds + 31)
            await tell(other)
            assert ear.names == ["subscription.started"]

    run(work)


def test_f91_a_worker_that_took_too_long_does_not_undo_what_another_did() -> None:
    """It has failed, and the other has told it: it is not to be told again."""

    async def work() -> None:
        started, gate, ear = asyncio.Event(), asyncio.Event(), Ear()

        async def slowly(_: Effect) -> None:
            started.set()
            await gate.wait()
            raise ConnectionError

        async with Shop(subscribers=[Subscriber("mail", slowly)]) as shop:
            await shop.sold()
            slow = asyncio.create_task(shop.billing.subscribers.work("mail"))
            await started.wait()
            shop.advance(seconds=SETTINGS.lease_seconds + 31)
            shop.subscribers = (ear.subscriber(),)
            other = await shop.another()
            await tell(other)
            known = await shop.billing.store.mailbox("mail", "customer:ana")
            gate.set()
            await slow
            assert await shop.billing.store.mailbox("mail", "customer:ana") == known
            assert ear.names == ["subscription.started"]

    run(work)


def test_f103_one_that_hangs_is_given_up_and_told_again() -> None:
    async def work() -> None:
        async def hangs(_: Effect) -> None:
            await asyncio.Event().wait()

        async with Shop(subscribers=[Subscriber("mail", hangs, seconds_max=0.01)]) as shop:
            await shop.sold()
            async with asyncio.timeout(BOUND_SECONDS):  # one that is not given up hangs for ever
                assert await shop.billing.subscribers.work("mail") == 1
            known = await shop.billing.store.mailbox("mail", "customer:ana")
            assert known is not None
            assert (known.state, known.reason, known.attempts) == (WAITING, "TimeoutError", 1)

    run(work)


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), BaseException(), asyncio.CancelledError()])
def test_f102_whatever_a_subscriber_raises_ends_nobody_else(error: BaseException) -> None:
    async def work() -> None:
        bad, good = Ear(lambda _: error), Ear()
        async with Shop(subscribers=[bad.subscriber("bad"), good.subscriber("good")]) as shop:
            await shop.sold()
            worked = await shop.billing.worker().once(lambda task, count: None)
            assert (worked["subscriber bad"], worked["subscriber good"]) == (1, 1)
            assert good.names == ["subscription.started"]
            known = await shop.billing.store.mailbox("bad", "customer:ana")
            assert known is not None
            assert known.reason == type(error).__name__

    run(work)


@STORES
def test_two_workers_tell_each_effect_in_order_and_none_twice(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        ear = Ear()
        async with Shop(database(store, tmp_path), subscribers=[ear.subscriber(lanes_at_once=3)]) as shop:
            other = await shop.another()
            for number in range(4):
                await shop.sold(f"cart-{number}", customer=f"c{number}")
            for _ in range(3):
                shop.advance(days=MONTH_DAYS)
                await shop.deliver()
            await asyncio.gather(*(tell(one) for one in (shop.billing, other, shop.billing, other)))
            await tell(shop.billing)
            for number in range(4):
                lane = f"customer:c{number}"
                mine = [one for one in ear.heard if one.lane == lane]
                assert mine == list(await shop.billing.store.effects(lane))
                assert len(mine) == 4

    run(work)


@pytest.mark.parametrize("seed", range(10))
def test_whatever_fails_each_effect_is_told_at_least_once_and_in_order(seed: int) -> None:
    async def work() -> None:
        chance = random.Random(seed)
        ear = Ear(lambda _: OSError() if chance.random() < 0.4 else None)
        async with Shop(subscribers=[ear.subscriber(lanes_at_once=2)]) as shop:
            shop.billing = await shop.another(subscribers={"attempts_max": 1_000})
            for number in range(3):
                await shop.sold(f"cart-{number}", customer=f"c{number}")
            for _ in range(12):
                shop.advance(seconds=chance.choice((5, 4_000, 2_700_000)))
                await shop.deliver()
                await tell(shop.billing)
            ear.poison = lambda _: None
            for _ in range(3):
                shop.advance(seconds=SETTINGS.retry_seconds_max)
                await tell(shop.billing)
            for number in range(3):
                lane = f"customer:c{number}"
                mine = [one for one in ear.heard if one.lane == lane]
                assert mine == list(await shop.billing.store.effects(lane))

    run(work)


def test_money_of_nobody_is_told_too() -> None:
    async def work() -> None:
        ear = Ear()
        async with Shop(subscribers=[ear.subscriber()]) as shop:
            async with Shop(harness=shop.harness, project="shop") as seller:
                await seller.buy()
            await shop.deliver()
            await tell(shop.billing)
            assert set(ear.names) == {"case.unmatched"}
            assert {one.customer for one in ear.heard} == {""}

    run(work)


# --- who is known ----------------------------------------------------------------------------------


def test_a_plugin_brings_subscribers_and_two_of_one_name_collide() -> None:
    ear = Ear()

    class Acme:
        __name__ = "acme"

        @hookimpl
        def purchase_register_subscribers(self) -> Sequence[Subscriber]:
            return [ear.subscriber("acme")]

    async def work() -> None:
        async with Shop(plugins=[Acme()]) as shop:
            await shop.sold()
            await tell(shop.billing, "acme")
            assert ear.names == ["subscription.started"]
            shop.subscribers = (ear.subscriber("acme"),)
            with pytest.raises(PluginCollision, match="acme"):
                await shop.another()

    run(work)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Not A Name"},
        {"tell": None},
        {"events": "purchase.granted"},
        {"events": ("",)},
        {"seconds_max": 0},
        {"lanes_at_once": 0},
        {"api_version": 99},
    ],
)
def test_a_subscriber_that_cannot_be_told_is_refused(wrong: dict[str, Any]) -> None:
    async def work() -> None:
        fields: dict[str, Any] = {"name": "mail", "tell": Ear(), **wrong}
        async with Shop() as shop:
            shop.subscribers = (Subscriber(**fields),)
            with pytest.raises(PluginIncompatible):
                await shop.another()

    run(work)


def test_one_that_is_gone_is_forgotten_and_one_that_is_here_is_not() -> None:
    async def work() -> None:
        async with Shop(subscribers=[Ear().subscriber()]) as shop:
            with pytest.raises(WrongState, match="still there"):
                await shop.billing.subscribers.forget("mail")
            shop.subscribers = ()
            other = await shop.another()
            await other.subscribers.forget("mail")
            await shop.sold()
            assert not await other.subscribers.list()
            assert await shop.billing.store.mailbox("mail", "customer:ana") is None
            with pytest.raises(NotFound):
                await other.subscribers.stuck("mail")
            with pytest.raises(NotFound):
                await other.subscribers.forget("mail")

    run(work)


def test_a_worker_in_process_tells_while_the_application_sells() -> None:
    async def work() -> None:
        stop, heard = Stop(), asyncio.Event()

        async def hear(effect: Effect) -> None:
            heard.set()

        async with Shop(subscribers=[Subscriber("mail", hear)]) as shop:
            names: dict[str, Any] = {}
            names |= {"billing": shop.billing, "asyncio": asyncio, "stop": stop, "tell": lambda *_: None}
            await run_block(blocks("subscribers.md", "python")[1], names)
            await shop.sold()
            async with asyncio.timeout(60):
                await heard.wait()
            stop.set()
            await names["worker"]

    run(work)


def test_the_example_of_the_page_runs() -> None:
    sent: list[tuple[str, str, str]] = []

    class Mailer:
        async def send(self, *, to: str, once: str, licence: str) -> None:
            sent.append((to, once, licence))

    async def work() -> None:
        async with Shop() as shop:
            source = blocks("subscribers.md", "python")[0].partition("async with")[0]
            names: dict[str, Any] = {"mailer": Mailer(), "licence_of": lambda about: f"key of {about}"}
            await run_block(source, names)
            shop.subscribers = (names["licences"],)
            async with shop.opening() as billing:
                await shop.sold(offer="book:full")
                await tell(billing, "licences")
            (purchase,) = await shop.billing.purchases.list("ana")
            assert sent == [("ana", f"{purchase.key}:purchase.granted", f"key of {purchase.key}")]

    run(work)


def test_the_page_names_what_there_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "subscribers.md").read_text()
    assert set(re.findall(r"purchase subscribers (\w+)", page)) == {
        "list", "stuck", "retry", "skip", "forget",
    }  # fmt: skip
    assert f"*{STUCK}*" in page
