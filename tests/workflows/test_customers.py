"""Who customers are: details beside the ledger, two who are one, and one who is forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from purchase_core.errors import ExceedsBalance, InvalidArgument, NotFound, WrongState
from purchase_core.facts.rows import LotRow, SubscriptionRow
from purchase_core.instants import to_datetime
from purchase_core.operations.replay import BODY_GONE
from purchase_core.projection.tables import rows_of_lane
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED
from purchase_core.testing.bench import problems
from tests.faults.shop import Customer, Shop, run
from tests.operations.test_replay import broken
from tests.pages import blocks, run_block
from tests.workflows.test_claims import guests

MONTH_DAYS = 31
EMAIL = "ana.sentinel@example.com"
NAME = "Ana Sentinel"
STORES = pytest.mark.parametrize("store", ["memory", "sqlite"])


def shop_of(store: str, folder: Path, **other: Any) -> Shop:
    return Shop(folder / "purchase.db" if store == "sqlite" else None, **other)


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


# --- details ---------------------------------------------------------------------------------------


@STORES
def test_details_are_replaced_whole_and_touch_no_fact(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            await shop.sold()
            customers, before = shop.billing.customers, await shop.checked_hash()
            await customers.upsert("ana", email=EMAIL, name=NAME)
            assert await customers.details("ana") == {"email": EMAIL, "name": NAME}
            await customers.upsert("ana", email="other@example.com")
            assert await customers.details("ana") == {"email": "other@example.com"}
            assert await customers.details("ben") == {}
            assert await shop.checked_hash() == before

    run(work)


@pytest.mark.parametrize("wrong", [{"a": "x" * 1_001}, {f"f{n}": "" for n in range(51)}, {"a": "\x00"}])
def test_details_that_cannot_be_kept_are_refused(wrong: dict[str, str]) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(InvalidArgument):
                await shop.billing.customers.upsert("ana", **wrong)
            assert await shop.billing.customers.details("ana") == {}

    run(work)


# --- merging ---------------------------------------------------------------------------------------


@STORES
def test_two_customers_become_one_and_what_comes_later_is_theirs_too(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            await shop.billing.customers.merge("ana", into="ben", reason="one person", by="mia")
            rights = await shop.rights("ben")
            assert (rights.has("export"), rights.has("book")) == (True, True)
            assert (await shop.rights("ana")).has("book"), "the old name leads to the same"
            assert {row.lane for row in await shop.billing.store.rows(SubscriptionRow)} == {"customer:ben"}
            shop.advance(days=MONTH_DAYS)
            await shop.deliver()
            (row,) = await shop.billing.subscriptions.list("ben")
            bills = await shop.billing.invoices.list("ben")
            assert len([bill for bill in bills if bill.subscription == row.provider_id]) == 2
            await shop.sold("cart-3", customer="ana", offer="book:full")
            assert len(await shop.billing.purchases.list("ben")) == 2, "bought under the old name"
            assert not await rows_of_lane(shop.billing.store, SubscriptionRow, "customer:ana")
            await shop.checked_hash("ben")
            snapshot = await shop.billing.customers.snapshot("ana")
            assert snapshot.hash == (await shop.billing.customers.snapshot("ben")).hash
            if store == "memory":
                assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_whoever_was_merged_is_answered_and_served_as_whom_they_were_merged_into() -> None:
    """Lists, credits, quotas and pages, not only rights: else one name would say two things."""

    async def work() -> None:
        async with Shop() as shop:
            billing = shop.billing
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            await billing.customers.merge("ben", into="ana", reason="one person", by="mia")
            assert await billing.subscriptions.list("ben") == await billing.subscriptions.list("ana") != []
            assert await billing.invoices.list("ben") == await billing.invoices.list("ana") != []
            assert len(await billing.purchases.list("ben")) == 1
            assert await billing.activity.list("ben") == await billing.activity.list("ana")
            used = await billing.usage.try_use("api", 20, customer="ben", idempotency_key="use")
            assert (used.allowed, used.limit, used.used) == (True, 1_000, 20)
            assert (await billing.usage.current("api", customer="ana")).used == 20
            spent = await billing.credits.consume("ben", "ai", 30, idempotency_key="spend")
            given = await billing.credits.grant("ben", "ai", 5, idempotency_key="give")
            assert (spent.balance, given.balance) == (70, 75)
            assert [(await billing.credits.wallet(one, "ai")).spendable for one in ("ana", "ben")] == [75, 75]
            assert (await billing.credits.verify("ben")).problems == ()
            (row,) = await billing.subscriptions.list("ben")
            ended = await billing.subscriptions.cancel("ben", row.key, idempotency_key="end")
            assert ended.subscription.cancel_at is not None
            known = await billing.store.references_of("customer:ana", "customer")
            await shop.sold("cart-3", customer="ben", offer="book:full")
            again = await billing.store.references_of("customer:ana", "customer")
            assert again == known, "nobody shares them"
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_who_was_merged_leaves_nothing_behind_that_a_doctor_would_find() -> None:
    """Neither the end of a journal, nor what was used of a quota before."""

    async def work() -> None:
        async with Shop() as shop:
            billing = shop.billing
            await shop.sold()
            await shop.sold("cart-2", customer="ben")
            for one in ("ben", "cleo"):
                await billing.usage.try_use("api", 3, customer=one, idempotency_key=one)
                await billing.customers.merge(one, into="ana", reason="one person", by="mia")
            assert [found async for _, some in billing.truth.examine() for found in some] == []
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


@STORES
def test_a_wallet_is_merged_with_what_was_spent_reserved_and_owed(store: str, tmp_path: Path) -> None:
    """Twice over: what was merged is merged on. A reservation keeps its name, and a refund finds its lot."""

    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            credits_, customers = shop.billing.credits, shop.billing.customers
            for number, customer in enumerate(("ana", "ben", "cleo"), 1):
                await shop.sold(f"cart-{number}", customer=customer)
            await credits_.consume("ana", "ai", 30, idempotency_key="spent")
            held = await credits_.reserve("ana", "ai", 50, idempotency_key="held", timeout_seconds=3_600)
            let_go = await credits_.reserve("ana", "ai", 15, idempotency_key="short", timeout_seconds=60)
            before = shop.clock.now()
            shop.advance(seconds=1)
            for one, other, sum_ in (("ana", "ben", 105), ("ben", "cleo", 205)):
                await customers.merge(one, into=other, reason="one person", by="mia")
                wallet = await credits_.wallet(one, "ai")
                assert (wallet.spendable, wallet.held, wallet.debt) == (sum_, 65, 0)
            past = await credits_.wallet("cleo", "ai", at=to_datetime(before))
            assert (past.spendable, past.held) == (205, 65)
            shop.advance(seconds=60)
            assert (await credits_.wallet("cleo", "ai")).spendable == 220
            done = await credits_.settle("ana", held.movement, 40, idempotency_key="settled")
            assert done.balance == 230
            with pytest.raises(WrongState):
                await credits_.settle("ana", let_go.movement, idempotency_key="late")
            again = await credits_.consume("ana", "ai", 30, idempotency_key="spent")
            assert again.balance == 70, "it is told what it was told"
            await credits_.consume("cleo", "ai", 230, idempotency_key="all")
            assert (await credits_.verify("ben")).problems == ()
            kinds = [one.kind for one in await credits_.history("cleo")]
            assert kinds.count("moved_in") == 1 + 2, "lots, and two reservations"
            assert [found async for _, some in shop.billing.truth.examine() for found in some] == []
            if store == "memory":
                assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_what_was_paid_by_who_was_merged_goes_back_once_and_takes_its_credits_along() -> None:
    """Asked for under either name; and what was asked for before the merge is told again after it."""

    async def work() -> None:
        async with Shop() as shop:
            billing = shop.billing
            for number, customer in enumerate(("ana", "ben"), 1):
                await shop.sold(f"cart-{number}", customer=customer)
            await billing.credits.consume("ana", "ai", 60, idempotency_key="spent")
            (bill,) = await billing.invoices.list("ana")
            half = bill.paid // 2
            first = await billing.invoices.refund("ana", bill.key, amount=half, idempotency_key="1")
            await billing.customers.merge("ana", into="ben", reason="", by="mia")
            again = await billing.invoices.refund("ana", bill.key, amount=half, idempotency_key="1")
            assert again.receipt == first.receipt
            with pytest.raises(ExceedsBalance):
                await billing.invoices.refund("ben", bill.key, amount=bill.paid, idempotency_key="2")
            await billing.invoices.refund("ben", bill.key, idempotency_key="3")
            await shop.deliver()
            wallet = await billing.credits.wallet("ana", "ai")
            assert (wallet.live, wallet.debt, wallet.spendable) == (100, 60, 40)
            assert (await billing.credits.verify("ben")).problems == ()
            with pytest.raises(NotFound):
                await billing.invoices.refund("cleo", bill.key, amount=half, idempotency_key="1")
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_renewals_of_who_was_merged_grant_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            await shop.billing.credits.consume("ana", "ai", 30, idempotency_key="spent")
            await shop.billing.customers.merge("ana", into="ben", reason="", by="mia")
            shop.advance(days=MONTH_DAYS)
            webhooks = shop.webhooks()
            for _ in range(2):
                for one in webhooks:
                    await shop.take(one.body, one.headers)
            lots = await rows_of_lane(shop.billing.store, LotRow, "customer:ben")
            assert [row.granted for row in lots] == [100, 100]
            assert (await shop.billing.credits.verify("ben")).problems == ()

    run(work)


def test_a_merge_has_a_receipt_and_is_done_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            for _ in range(2):
                await shop.billing.customers.merge("ana", into="ben", reason="one person", by="mia")
            (command,) = [one for one in shop.memory.commands.values() if one.kind == "customer.merge"]
            assert (command.lane, command.request) == (
                "customer:ben",
                b'{"by":"mia","reason":"one person"}',
            )

    run(work)


def test_what_cannot_be_merged_is_refused() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            merge = shop.billing.customers.merge
            with pytest.raises(InvalidArgument):
                await merge("ana", into="ana", reason="", by="mia")
            with pytest.raises(NotFound):
                await merge("nobody", into="ana", reason="", by="mia")
            await merge("ana", into="ben", reason="", by="mia")
            for one, other in (("ana", "carl"), ("ben", "ana")):
                with pytest.raises(WrongState):
                    await merge(one, into=other, reason="", by="mia")

    run(work)


def test_f101_an_address_that_two_share_merges_nobody() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(email=EMAIL)
            await shop.sold("cart-2", customer="ben", offer="book:full", email=EMAIL)
            await shop.billing.customers.upsert("ana", email=EMAIL)
            await shop.billing.customers.upsert("ben", email=EMAIL)
            assert not (await shop.rights("ana")).has("book")
            assert not (await shop.rights("ben")).has("export")

    run(work)


@pytest.mark.parametrize("seed", range(6))
def test_a_merge_in_the_middle_of_deliveries_loses_nothing(seed: int) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            shop.advance(days=MONTH_DAYS)
            webhooks = shop.webhooks()
            other = await shop.another()
            await asyncio.gather(
                *(shop.take(one.body, one.headers) for one in webhooks[seed % 3 :]),
                other.customers.merge("ana", into="ben", reason="", by="mia"),
                *(shop.take(one.body, one.headers, billing=other) for one in webhooks[: seed % 3]),
            )
            await shop.billing.webhooks.drain()
            assert (await shop.rights("ben")).has("export")
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


# --- erasing ---------------------------------------------------------------------------------------


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
            assert subscription.period_start > checkout.expires_at if checkout.expires_at else True
            assert len(await shop.billing.invoices.list("ana")) == 2, "the money is in the ledger"
            duplicates = await shop.deliver(late)
            assert {one.status for one in duplicates} == {"duplicate"}
            replayed = [await shop.billing.replay.one(one.id) for one in receipts]
            assert {(one.status, one.reason) for one in replayed} == {("skipped", BODY_GONE)}

    run(work)


def test_f106_what_waited_in_the_queue_is_emptied_when_it_is_worked_off() -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": "queue"}) as shop:
            await shop.sold()
            await shop.billing.webhooks.drain()
            shop.advance(days=MONTH_DAYS)
            receipts = await shop.deliver()
            assert {one.status for one in receipts} == {PENDING}
            await shop.billing.customers.erase("ana")
            await shop.billing.webhooks.drain()
            rows = [await shop.billing.webhooks.show(one.id) for one in receipts]
            assert {row.state for row in rows} <= {DONE, "ignored"}
            assert {row.body for row in rows if row.state == DONE} == {b""}

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


def test_the_examples_of_the_page_run() -> None:
    async def work() -> None:
        async with Shop() as shop:
            for number, customer in enumerate(("user_1", "user_7")):
                await shop.sold(f"cart-{number}", customer=customer)
            names: dict[str, Any] = {"billing": shop.billing}
            for block in blocks("customers.md", "python"):
                await run_block(block, names)
            assert names["details"] == {"email": "ana@example.com", "name": "Ana"}
            assert len(await shop.billing.subscriptions.list("user_1")) == 2
            assert names["done"].events > 0

    run(work)
