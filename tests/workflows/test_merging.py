"""Merging: two customers of the application who are one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest

from purchase_core.errors import ExceedsBalance, InvalidArgument, NotFound, WrongState
from purchase_core.facts.rows import LotRow, SubscriptionRow
from purchase_core.instants import to_datetime
from purchase_core.projection.tables import rows_of_lane
from purchase_core.records.reference import Reference
from purchase_core.testing.bench import problems
from tests.faults.shop import Shop, run
from tests.workflows.persons import EMAIL, MONTH_DAYS, STORES, shop_of


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


@pytest.mark.parametrize("fate", ["merged", "erased"])
def test_nobody_is_merged_into_somebody_who_is_merged_or_erased_at_that_moment(fate: str) -> None:
    """Links are never chained: whoever asked for the first would find nothing of theirs."""

    async def work() -> None:
        async with Shop() as shop:
            for number, customer in enumerate(("ana", "ben", "cleo"), 1):
                await shop.sold(f"cart-{number}", customer=customer)
            other, store = await shop.another(), shop.billing.store
            references_of, left = store.references_of, 1

            async def overtaken(lane: str, kind: str) -> Sequence[Reference]:
                nonlocal left
                left -= 1
                if left == 0 and fate == "merged":
                    await other.customers.merge("ben", into="cleo", reason="one person", by="mia")
                elif left == 0:
                    await other.customers.erase("ben")
                return await references_of(lane, kind)

            with patch.object(store, "references_of", overtaken), pytest.raises(WrongState):
                await shop.billing.customers.merge("ana", into="ben", reason="one person", by="mia")
            assert (await store.lane("customer:ana")).linked_to == ""
            assert (await shop.billing.credits.wallet("ana", "ai")).spendable == 100
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_two_who_merge_the_same_two_at_once_have_both_done_it() -> None:
    async def work() -> None:
        async with Shop() as shop:
            for number, customer in enumerate(("ana", "ben"), 1):
                await shop.sold(f"cart-{number}", customer=customer)
            other, store = await shop.another(), shop.billing.store
            references_of = store.references_of

            async def overtaken(lane: str, kind: str) -> Sequence[Reference]:
                await other.customers.merge("ana", into="ben", reason="one person", by="ada")
                return await references_of(lane, kind)

            with patch.object(store, "references_of", overtaken):
                await shop.billing.customers.merge("ana", into="ben", reason="one person", by="mia")
            assert (await store.lane("customer:ana")).linked_to == "customer:ben"
            assert (await shop.billing.credits.wallet("ana", "ai")).spendable == 200
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)
