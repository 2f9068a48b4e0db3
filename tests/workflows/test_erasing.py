"""Erasing: one who is forgotten, with the bodies of all events about them, now and later."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from purchase_core.errors import NotFound, WrongState
from purchase_core.instants import DAY
from purchase_core.operations.replay import BODY_GONE
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED
from purchase_core.records.lane import Lane
from tests.faults.shop import Customer, Shop, run
from tests.operations.misreading import broken
from tests.workflows.guests import guests
from tests.workflows.persons import EMAIL, MONTH_DAYS, NAME, STORES, shop_of


async def everything(shop: Shop) -> bytes:
    """All that is kept anywhere, as bytes."""
    if isinstance(shop.database, Path):
        with closing(sqlite3.connect(shop.database)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            rows = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables]  # noqa: S608
        return repr(rows).encode()
    held = [getattr(shop.memory, name) for name in ("details", "facts", "rows", "commands", "lanes")]
    bodies = [(one.body, one.headers) for one in shop.memory.deliveries.values()]
    return repr([*held, [(one.body) for one in shop.memory.details.values()], bodies]).encode()


@STORES
def test_t13_who_somebody_is_is_forgotten_and_the_ledger_stays(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            checkout = await shop.start(email=EMAIL)
            await shop.harness.pay(checkout.session)
            await shop.deliver(shop.harness.webhooks())  # those about customers too
            await shop.billing.customers.upsert("ana", email=EMAIL, name=NAME)
            await shop.sold("cart-2", customer="ben", offer="book:full")
            before, theirs = await shop.checked_hash(), await shop.checked_hash("ben")
            assert EMAIL.encode() in await everything(shop)
            done = await shop.billing.customers.erase("ana")
            assert done.details
            assert done.events >= 3
            left = await everything(shop)
            assert EMAIL.encode() not in left
            assert NAME.encode() not in left
            assert (await shop.checked_hash(), await shop.checked_hash("ben")) == (before, theirs)
            assert (await shop.rights()).has("export")
            kept = [one for one in await shop.billing.webhooks.list() if "invoice" in one.event_type]
            bodies = [(await shop.billing.webhooks.show(one.id)).body for one in kept]
            assert sorted(bool(body) for body in bodies)[0] is False
            assert any(bodies), "ben's are as they were"
            again = await shop.billing.customers.erase("ana")
            assert (again.details, again.events) == (False, done.events)

    run(work)


@STORES
def test_f106_what_comes_after_an_erasure_is_counted_and_not_kept(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            checkout = await shop.start(email=EMAIL)
            await shop.harness.pay(checkout.session)
            await shop.deliver(shop.harness.webhooks())
            await shop.billing.customers.erase("ana")
            shop.advance(days=MONTH_DAYS)
            # Of a customer's own events nothing follows, but they say who it is.
            shop.account.book.tell("customer.updated", next(iter(shop.account.book.all(Customer))))
            late = shop.harness.webhooks()
            assert any(EMAIL.encode() in one.body for one in late)
            receipts = await shop.deliver(late)
            assert {one.status for one in receipts} == {DONE, IGNORED}
            assert EMAIL.encode() not in await everything(shop)
            for one in receipts:
                row = await shop.billing.webhooks.show(one.id)
                assert (row.body, row.headers) == (b"", ()), row.event_type
            (subscription,) = await shop.billing.subscriptions.list("ana")
            assert subscription.period_start > shop.clock.now() - (MONTH_DAYS - 25) * DAY, "it was renewed"
            assert len(await shop.billing.invoices.list("ana")) == 2, "the money is in the ledger"
            duplicates = await shop.deliver(late)
            assert {one.status for one in duplicates} == {"duplicate"}
            replayed = [await shop.billing.replay.one(one.id) for one in receipts]
            assert {(one.status, one.reason) for one in replayed} == {("skipped", BODY_GONE)}

    run(work)


def test_f106_what_waited_in_the_queue_is_emptied_when_it_is_worked_off() -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": "queue"}) as shop:
            await shop.sold(email=EMAIL)
            await shop.billing.webhooks.drain()
            shop.advance(days=MONTH_DAYS)
            shop.account.book.tell("customer.updated", next(iter(shop.account.book.all(Customer))))
            receipts = await shop.deliver(shop.harness.webhooks())
            assert {one.status for one in receipts} == {PENDING}
            await shop.billing.customers.erase("ana")
            await shop.billing.webhooks.drain()
            rows = [await shop.billing.webhooks.show(one.id) for one in receipts]
            assert {row.state for row in rows} == {DONE, IGNORED}
            assert {(row.body, row.headers) for row in rows} == {(b"", ())}
            assert EMAIL.encode() not in await everything(shop)

    run(work)


@STORES
def test_t13_what_somebody_erased_turns_out_to_have_bought_as_a_guest_is_emptied(
    store: str, tmp_path: Path
) -> None:
    """It was kept while it was nobody's."""

    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            with guests(shop):
                checkout = await shop.sold(customer=None)
                before = [one.id for one in await shop.billing.webhooks.list(state=DONE)]
                await shop.sold("cart-2", customer="ben", offer="book:full")
                await shop.billing.customers.upsert("ana", email=EMAIL)
                assert (await shop.billing.customers.erase("ana")).events == 0
                kept = [await shop.billing.webhooks.show(one) for one in before]
                assert all(row.body for row in kept), "they are nobody's yet"
                await shop.billing.checkout.claim(checkout.claim, customer="ana")
            assert (await shop.rights()).has("export")
            for one in await shop.billing.webhooks.list(state=DONE):
                row = await shop.billing.webhooks.show(one.id)
                assert bool(row.body) == (one.id not in before), "ben's are as they were"
            await shop.checked_hash("ana")

    run(work)


@STORES
def test_t13_an_erasure_has_what_is_quarantined_tried_again_before_it_is_emptied(
    store: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            await shop.sold()
            (before,) = await shop.billing.subscriptions.list("ana")
            shop.advance(days=MONTH_DAYS)
            with broken():
                receipts = await shop.deliver()
            stuck = [one.id for one in receipts if one.status == QUARANTINED]
            done = await shop.billing.customers.erase("ana")
            assert 0 < done.waiting <= len(stuck)
            await shop.billing.webhooks.drain()
            rows = [await shop.billing.webhooks.show(one) for one in stuck]
            assert sum(row.state == DONE for row in rows) >= done.waiting
            assert {row.body for row in rows if row.state == DONE} == {b""}
            (after,) = await shop.billing.subscriptions.list("ana")
            assert after.period_start > before.period_start, "what it tells counts"

    run(work)


@pytest.mark.parametrize("mode", ["inline", "queue"])
def test_t13_what_nobody_can_read_of_somebody_erased_is_given_up_and_says_so(mode: str) -> None:
    """It is neither kept until it can be read, nor tried in vain once it is emptied."""

    async def work() -> None:
        async with Shop(inbox={"mode": mode}) as shop:
            await shop.sold()
            await shop.billing.webhooks.drain()
            await shop.billing.customers.erase("ana")
            shop.advance(days=MONTH_DAYS)
            with broken():
                receipts = await shop.deliver()
                await shop.billing.webhooks.drain()
            rows = [await shop.billing.webhooks.show(one.id) for one in receipts]
            given_up = [row for row in rows if row.reason.startswith("erased: ")]
            assert "subscription" in {row.object.partition(":")[0] for row in given_up}
            assert {(row.state, row.body, row.headers) for row in given_up} == {("ignored", b"", ())}
            with pytest.raises(WrongState):
                await shop.billing.webhooks.retry(given_up[0].id)
            replayed = await shop.billing.replay.one(given_up[0].id)
            assert (replayed.status, replayed.reason) == ("skipped", BODY_GONE)

    run(work)


def test_t13_somebody_who_was_erased_is_kept_no_more_details_of() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.billing.customers.upsert("ana", email=EMAIL)
            await shop.billing.customers.erase("ana")
            with pytest.raises(WrongState, match="was erased"):
                await shop.billing.customers.upsert("ana", email=EMAIL)
            assert await shop.billing.customers.details("ana") == {}
            await shop.sold("cart-2", customer="ben")
            with pytest.raises(WrongState, match="was erased"):
                await shop.billing.customers.merge("ben", into="ana", reason="", by="mia")
            with pytest.raises(NotFound):
                await shop.billing.customers.erase("nobody")

    run(work)


def test_t13_an_erasure_and_an_upsert_at_once_keep_nothing() -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            await shop.billing.customers.upsert("ana", email=EMAIL)
            await asyncio.gather(
                shop.billing.customers.erase("ana"),
                other.customers.upsert("ana", email=EMAIL),
                return_exceptions=True,
            )
            lane = await shop.billing.store.lane("customer:ana")
            assert lane.erased
            assert await shop.billing.customers.details("ana") == {}

    run(work)


def test_t13_an_event_that_means_nothing_is_emptied_if_its_customer_is_erased_while_it_is_kept() -> None:
    """No lane guards it, and the erasure has looked through the inbox before it is there."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(email=EMAIL)
            shop.account.book.tell("customer.updated", next(iter(shop.account.book.all(Customer))))
            (told,) = [one for one in shop.harness.webhooks() if b'"customer.updated"' in one.body]
            commit, other = shop.billing.store.commit, await shop.another()

            async def overtaken(batch: Batch) -> None:
                if [one.state for one in batch.deliveries] == [IGNORED]:
                    await other.customers.erase("ana")
                await commit(batch)

            with patch.object(shop.billing.store, "commit", overtaken):
                (receipt,) = await shop.deliver([told])
            row = await shop.billing.webhooks.show(receipt.id)
            assert (row.state, row.body, row.headers) == (IGNORED, b"", ())
            assert EMAIL.encode() not in await everything(shop)

    run(work)


@STORES
def test_t13_who_was_merged_is_erased_with_whom_they_were_merged_into(store: str, tmp_path: Path) -> None:
    """Under either name it is one person: nothing is kept of them, before and after."""

    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            customers = shop.billing.customers
            await shop.sold(email=EMAIL)
            await shop.sold("cart-2", customer="ben", offer="book:full")
            await customers.merge("ana", into="ben", reason="one person", by="mia")
            await customers.upsert("ana", email=EMAIL, name=NAME)
            assert (
                await customers.details("ben")
                == await customers.details("ana")
                == {
                    "email": EMAIL,
                    "name": NAME,
                }
            )
            done = await customers.erase("ana")
            assert (done.customer, done.details) == ("ben", True)
            left = await everything(shop)
            assert (EMAIL.encode() in left, NAME.encode() in left) == (False, False)
            for name in ("ana", "ben"):
                with pytest.raises(WrongState, match="was erased"):
                    await customers.upsert(name, email=EMAIL)
            shop.advance(days=MONTH_DAYS)
            late = await shop.deliver(shop.harness.webhooks())
            assert late
            rows = [await shop.billing.webhooks.show(one.id) for one in late]
            assert {(row.body, row.headers) for row in rows} == {(b"", ())}

    run(work)


@pytest.mark.parametrize("act", ["upsert", "erase"])
def test_t13_what_is_said_of_somebody_who_is_merged_meanwhile_is_said_of_whom_they_become(act: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            customers, store = shop.billing.customers, shop.billing.store
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            other, lane = await shop.another(), store.lane
            left = 1

            async def read(name: str) -> Lane:
                nonlocal left
                found = await lane(name)
                if left:
                    left -= 1
                    await other.customers.merge("ana", into="ben", reason="one person", by="mia")
                return found

            with patch.object(store, "lane", read):
                await (customers.erase("ana") if act == "erase" else customers.upsert("ana", email=EMAIL))
            assert (await store.details("ana"), (await store.lane("customer:ana")).erased) == (None, False)
            assert (await store.lane("customer:ben")).erased is (act == "erase")
            assert await customers.details("ana") == ({} if act == "erase" else {"email": EMAIL})

    run(work)
