"""Faults of delivery: doubled, reordered, late, half done. Tests are named for faults (docs/faults.md)."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from purchase_core.facts.rows import CaseRow, InvoiceRow, LotRow, SubscriptionRow
from purchase_core.inbox.processing import FOREIGN
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.contested import CONTESTED_SECONDS
from purchase_core.records.delivery import DONE, IGNORED, PENDING
from purchase_core.records.effect import Effect
from purchase_core.testing.memory_store import MemoryStore
from purchase_sandbox.account import refunds, subscriptions
from purchase_sandbox.account.objects import Invoice, Subscription
from purchase_sandbox.testing import Webhook
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore
from tests.faults import dying
from tests.faults.deliveries import of_webhook
from tests.faults.killed import Killed
from tests.faults.shop import Customer, Session, Shop, rows_in, run

ROOT = Path(__file__).parents[2]
HANGS_SECONDS = 60  # after which what has not come waits for something that never comes


def die(database: Path, mode: str, moment: str, shop: Shop, webhook: Webhook) -> str:
    """Let a process take one delivery and die. What it answered before it did."""
    arguments = [str(database), mode, moment, str(shop.clock.now()), webhook.headers[0][1]]
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-m", "tests.faults.dying", *arguments],
        input=webhook.body, capture_output=True, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == dying.KILLED, done.stderr.decode()
    return done.stdout.decode().strip()


async def killed(tmp_path: Path, mode: str, moment: str) -> tuple[str, list[str], dict[str, int]]:
    """The answer before death, what the redelivery got, and how many facts there were after each step."""
    database = tmp_path / "purchase.db"
    async with Shop(database, inbox={"mode": mode}) as shop:
        await shop.buy()
        webhooks = shop.webhooks()
        invoice = await of_webhook(webhooks, "invoice.paid")
        answer = await asyncio.to_thread(die, database, mode, moment, shop, invoice)
        counts = {"died": len(await shop.billing.webhooks.list())}
        receipts = await shop.deliver([invoice])
        counts["redelivered"] = len(await shop.billing.webhooks.list())
        await shop.deliver([one for one in webhooks if one is not invoice])
        await shop.billing.webhooks.drain()
        counts["lots"] = sum(isinstance(row, LotRow) for row in await shop.rows())
        assert (await shop.rights()).balance("ai") == 100
        await shop.checked_hash()
        return answer, [one.status for one in receipts], counts


def test_f01_killed_between_the_commit_and_the_answer_a_redelivery_changes_nothing(tmp_path: Path) -> None:
    answer, redelivered, counts = run(lambda: killed(tmp_path, "inline", "after"))
    assert (answer, redelivered) == ("", ["duplicate"])
    assert counts == {"died": 1, "redelivered": 1, "lots": 1}


def test_f01_killed_before_the_commit_nothing_is_there_and_the_redelivery_does_it(tmp_path: Path) -> None:
    answer, redelivered, counts = run(lambda: killed(tmp_path, "inline", "before"))
    assert (answer, redelivered) == ("", [DONE])
    assert counts == {"died": 0, "redelivered": 1, "lots": 1}


@pytest.mark.parametrize(("mode", "said"), [("inline", DONE), ("queue", PENDING)])
def test_f02_f11_what_was_answered_is_kept_and_worked_off_after_a_crash(
    tmp_path: Path, mode: str, said: str
) -> None:
    """The row is the queue: there is nothing in memory to lose, and nothing else to find it by."""
    answer, redelivered, counts = run(lambda: killed(tmp_path, mode, "answered"))
    assert (answer, redelivered) == (said, ["duplicate"])
    assert counts == {"died": 1, "redelivered": 1, "lots": 1}


@pytest.mark.parametrize("mode", ["inline", "queue"])
def test_f11_an_event_that_nobody_was_told_of_is_found_without_its_redelivery(mode: str) -> None:
    """Killed when the row was there and nothing else had heard of it. The next process finds it."""

    class Dying(MemoryStore):
        async def commit(self, batch: Batch) -> None:
            await super().commit(batch)
            if batch.deliveries:
                raise Killed

    async def work() -> None:
        async with Shop(inbox={"mode": mode}) as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            settings = {"harness": shop.harness, "inbox": {"mode": mode}}
            async with Shop(shop.memory, meddle=lambda _: Dying(shop.memory), **settings) as dying:  # type: ignore[arg-type]
                for one in webhooks:
                    with pytest.raises(Killed):
                        await dying.take(one.body, one.headers)
            assert len(shop.memory.deliveries) == len(webhooks)
            report = await shop.billing.webhooks.drain()
            assert (report.worked, report.done) == ((len(webhooks),) * 2 if mode == "queue" else (0, 0))
            assert (await shop.rights()).balance("ai") == 100
            before = await shop.checked_hash()
            assert {one.status for one in await shop.deliver(webhooks)} == {"duplicate"}
            assert (await shop.billing.webhooks.drain()).worked == 0
            assert await shop.checked_hash() == before

    run(work)


@pytest.mark.parametrize(("store", "processes"), [("memory", 5), ("sqlite", 3)])
def test_f03_one_event_twice_at_once_has_one_effect(store: str, processes: int, tmp_path: Path) -> None:
    async def work() -> None:
        async with Shop(tmp_path / "purchase.db" if store == "sqlite" else None) as shop:
            others = [await shop.another() for _ in range(processes - 1)]
            await shop.buy()
            webhooks = shop.webhooks()
            taken = await asyncio.gather(
                *(
                    shop.take(webhook.body, webhook.headers, billing=billing)
                    for billing in [shop.billing, *others]
                    for webhook in webhooks
                )
            )
            assert sorted(one.status for one in taken) == [DONE] * 4 + ["duplicate"] * 4 * (processes - 1)
            assert (await shop.rights()).balance("ai") == 100
            await shop.checked_hash()

    run(work)


async def sold_and_ended(shop: Shop) -> list[Webhook]:
    """A sale, partly refunded and cancelled: six events, none of them delivered yet."""
    await shop.buy()
    refunds.refund(shop.account.book, next(iter(shop.account.book.all(Invoice))).id, 300)
    shop.advance(seconds=1)
    subscriptions.cancel(
        shop.account.book, next(iter(shop.account.book.all(Subscription))).id, at_period_end=False
    )
    return [one for one in shop.webhooks() if b"session.created" not in one.body]


def test_f04_events_in_any_order_end_the_same() -> None:
    async def work() -> None:
        async with Shop() as shop:
            webhooks = await sold_and_ended(shop)
            assert len(webhooks) == 5
            before = copy.deepcopy(shop.memory)
            endings = set()
            orders = random.Random(4).sample(list(itertools.permutations(webhooks)), 40)
            for order in orders:
                async with Shop(copy.deepcopy(before), harness=shop.harness) as again:
                    await again.deliver(order)
                    await again.billing.webhooks.drain()
                    await again.checked_hash()
                    rows = await again.rows()
                    (subscription,) = [one for one in rows if isinstance(one, SubscriptionRow)]
                    (invoice,) = [one for one in rows if isinstance(one, InvoiceRow)]
                    rights = await again.rights()
                    endings.add(
                        (subscription.status, subscription.ended_at, invoice.refunded, rights.balance("ai"),
                         rights.has("export"), sum(isinstance(one, CaseRow) for one in rows))
                    )  # fmt: skip
            assert len(endings) == 1
            ((status, _, refunded, left, export, cases),) = endings
            assert (status, refunded, left, export, cases) == ("canceled", 300, 70, False, 0)

    run(work)


def test_f05_two_states_of_one_instant_end_the_same_in_both_orders() -> None:
    """Neither wins by chance: the fold picks one, says that it is contested, and the provider is asked."""

    async def ending(*, backwards: bool) -> tuple[str, str, list[str]]:
        async with Shop() as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            paid = await of_webhook(webhooks, "subscription.created")
            event = json.loads(paid.body)
            event["id"], event["data"]["object"]["status"] = "evt_rival", "past_due"
            pair = [paid.body, json.dumps(event).encode()]
            for body in reversed(pair) if backwards else pair:
                await shop.take(body)
            await shop.deliver(webhooks)
            rows = await shop.rows()
            (row,) = [one for one in rows if isinstance(one, SubscriptionRow)]
            kinds = [one.kind for one in rows if isinstance(one, CaseRow)]
            found = row.status, await shop.checked_hash(), kinds
            shop.advance(seconds=CONTESTED_SECONDS)
            await shop.billing.webhooks.drain()
            rows = await shop.rows()
            assert [one.status for one in rows if isinstance(one, SubscriptionRow)] == ["active"], "as it is"
            assert not [one for one in rows if isinstance(one, CaseRow)]
            return found

    forwards, back = run(lambda: ending(backwards=False)), run(lambda: ending(backwards=True))
    assert forwards == back
    assert forwards[0] == "past_due"
    assert forwards[2] == ["contested"]


@pytest.mark.parametrize("days", [1, 3, 400])
def test_f06_f16_an_event_sent_again_much_later_changes_nothing(days: int) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold("first")
            everything = [one.body for one in shop.account.book.events_since(0)]
            subscriptions.cancel(shop.account.book, shop.made(Subscription)[0].id, at_period_end=False)
            await shop.deliver()
            await shop.sold("second", offer="book:full")
            everything += [one.body for one in shop.account.book.events_since(0)]
            shop.manual.advance(days=days)
            before = await shop.checked_hash()
            for body in everything:
                assert (await shop.take(body)).status in ("duplicate", IGNORED)
            assert await shop.checked_hash() == before
            assert not (await shop.rights()).has("export")
            assert (await shop.rights()).has("book")

    run(work)


@pytest.mark.parametrize("renamed", [False, True], ids=["as it was", "under a new id"])
def test_f16_nothing_that_ended_before_touches_what_was_bought_again(*, renamed: bool) -> None:
    """Refunded, cancelled, bought anew: then every event of the first sale comes again, whoever sends it."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold("first")
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, None)
            subscriptions.cancel(shop.account.book, shop.made(Subscription)[0].id, at_period_end=False)
            await shop.deliver()
            assert not (await shop.rights()).has("export")
            old = [one.body for one in shop.account.book.events_since(0)]
            await shop.sold("second")
            before, effects = await shop.checked_hash(), dict(shop.memory.effects)
            shop.manual.advance(days=3)
            for at, body in enumerate(reversed(old)):
                event = {**json.loads(body), **({"id": f"evt_again_{at}"} if renamed else {})}
                receipt = await shop.take(json.dumps(event, separators=(",", ":")).encode())
                assert receipt.status in ({DONE, IGNORED} if renamed else {"duplicate", IGNORED})
            rights = await shop.rights()
            assert (rights.has("export"), rights.balance("ai")) == (True, 100)
            assert await shop.checked_hash() == before
            assert shop.memory.effects == effects

    run(work)


# --- F10 and on --------------------------------------------------------------------------------


def test_f10_webhooks_that_arrive_inside_the_command_find_what_they_need() -> None:
    """The session is even paid before our own row says that it was opened."""

    async def work() -> None:
        async with Shop() as shop:

            async def paid_already() -> None:
                (session,) = shop.made(Session)
                await shop.harness.pay(session.id)
                receipts = await shop.deliver()
                assert {one.status for one in receipts} == {DONE}
                assert FOREIGN not in {one.reason for one in receipts}

            with shop.before("create_checkout", paid_already):
                await shop.start()
            assert (await shop.rights()).has("export")
            assert not [row for row in await shop.rows() if isinstance(row, CaseRow)]
            await shop.checked_hash()

    run(work)


class Hanging:
    """Is told of events, and never comes back from the first."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.told: list[str] = []

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        self.told.append(event.name)
        await self.release.wait()


def test_f13_the_answer_waits_for_no_listener() -> None:
    async def work() -> None:
        hanging = Hanging()
        async with Shop(plugins=[hanging]) as shop:
            await shop.buy()
            receipts = await asyncio.wait_for(shop.deliver(), HANGS_SECONDS)
            assert {one.status for one in receipts} == {DONE}
            assert (await shop.rights()).has("export")
            async with asyncio.timeout(HANGS_SECONDS):
                while not hanging.told:
                    await asyncio.sleep(0)
            assert len(hanging.told) == 1
            hanging.release.set()
        assert hanging.told == ["subscription.started"]

    run(work)


class Impatient(Shop):
    """Waits hardly at all for others that write the same file."""

    async def open_store(self) -> Store:
        config = SqliteConfig(str(self.database), several_writers=True, busy_timeout_seconds=0.01)
        return await SqliteStore.open(config, clock=self.clock)


@pytest.mark.parametrize("mode", ["inline", "queue"])
def test_f13_a_locked_database_is_waited_for_only_so_long(mode: str, tmp_path: Path) -> None:
    """Then the provider is asked to come again; nothing half done is left, and the retry does all of it."""

    async def work() -> None:
        database = tmp_path / "purchase.db"
        async with Impatient(database, inbox={"mode": mode}) as shop:
            await shop.buy()
            bodies = [one.body for one in shop.webhooks()]
            before = await shop.checked_hash()
            with closing(sqlite3.connect(database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                async with asyncio.timeout(2):
                    refused = [await posted(shop, body) for body in bodies]
            assert [(status, answer["error"]["code"]) for status, answer in refused] == [
                (503, "store_unavailable")
            ] * len(bodies)
            assert not await shop.billing.webhooks.list()
            assert await shop.checked_hash() == before
            assert [status for status, _ in [await posted(shop, body) for body in bodies]] == [200] * 4
            await shop.billing.webhooks.drain()
            assert (await shop.rights()).balance("ai") == 100

    run(work)


def test_f13_f42_the_answer_waits_for_no_provider_that_hangs() -> None:
    """Neither for a look-up of what is told, nor for what the same customer has under way."""

    async def work() -> None:
        async with Shop() as shop:
            hanging = asyncio.Event()

            async def hang(*_: object, **__: object) -> None:
                hanging.set()
                await asyncio.Event().wait()

            await shop.buy()
            shop.provider.fetch = hang  # type: ignore[method-assign, assignment]
            shop.provider.create_checkout = hang  # type: ignore[method-assign, assignment]
            under_way = asyncio.create_task(shop.start("cart-2"))
            await asyncio.wait_for(hanging.wait(), HANGS_SECONDS)
            sale = shop.webhooks()
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, 1)
            refund = await of_webhook(shop.webhooks(), "refund.created")
            receipt = await asyncio.wait_for(shop.take(refund.body, refund.headers), HANGS_SECONDS)
            assert (receipt.status, receipt.reason) == (PENDING, "needs a look-up")
            receipts = await asyncio.wait_for(shop.deliver(sale), HANGS_SECONDS)
            assert {one.status for one in receipts} == {DONE}
            assert (await shop.rights()).has("export")
            assert not under_way.done()
            under_way.cancel()
            await asyncio.wait([under_way])

    run(work)


def test_f14_one_payment_told_by_many_events_counts_once() -> None:
    """The session, the subscription, and the invoice under five event ids, in any order."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            bodies = [one.body for one in webhooks]
            invoice = json.loads((await of_webhook(webhooks, "invoice.paid")).body)
            for n in range(4):  # the same again, and told at later moments too
                again = {**invoice, "id": f"evt_copy_{n}", "created": invoice["created"] + n}
                bodies.append(json.dumps(again).encode())
            random.Random(14).shuffle(bodies)
            for body in bodies:
                await shop.take(body)
            lots = [row for row in await shop.rows() if isinstance(row, LotRow)]
            assert [(lot.granted, lot.clawed) for lot in lots] == [(100, 0)]
            assert (await shop.rights()).balance("ai") == 100
            granted = [one for one in shop.memory.effects.values() if one.name == "subscription.started"]
            assert len(granted) == 1
            assert not [row for row in await shop.rows() if isinstance(row, CaseRow)]
            await shop.checked_hash()

    run(work)


def test_f12_an_endpoint_answers_200_to_what_means_nothing_here() -> None:
    """Anything else would make the provider switch the endpoint off."""

    async def work() -> None:
        async with Shop() as shop, Shop(project="other", harness=shop.harness) as other:
            await other.buy()
            foreign = other.webhooks()
            unknown = json.dumps({**json.loads(foreign[0].body), "id": "evt_u", "type": "a.b"}).encode()
            for body in [*(one.body for one in foreign), unknown]:
                status, answer = await posted(shop, body)
                assert (status, answer["status"]) == (200, IGNORED)
            assert all(one.reason for one in shop.memory.deliveries.values())

    run(work)


async def posted(shop: Shop, body: bytes) -> tuple[int, dict[str, Any]]:
    """Post a signed body to the endpoint."""
    headers = [(name.encode(), value.encode()) for name, value in shop.harness.sign(body)]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/webhooks/sandbox", "headers": headers}
    await shop.billing.asgi()(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_f100_what_comes_after_a_customer_was_deleted_is_kept_and_breaks_nothing() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", offer="book:full")
            webhooks = shop.harness.webhooks()
            assert not webhooks
            shop.account.book.tell("customer.deleted", next(iter(shop.account.book.all(Customer))))
            subscriptions.cancel(shop.account.book, shop.made(Subscription)[0].id, at_period_end=False)
            receipts = [await shop.take(one.body, one.headers) for one in shop.harness.webhooks()]
            assert [one.status for one in receipts] == [IGNORED, DONE]
            rights = await shop.rights()
            assert rights.has("book")
            assert not rights.has("export")
            facts = await rows_in(shop.billing.store, "customer:ana")
            assert sum(isinstance(row, InvoiceRow) for row in facts) == 2
            await shop.checked_hash()

    run(work)
