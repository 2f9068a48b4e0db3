"""Faults of credits: spent and refunded, expired and spent, taken back and given back again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import permutations

import pytest

from purchase_core.errors import ExceedsBalance
from purchase_core.instants import to_datetime
from purchase_core.records.movement import DEBT, RETURNED, balances
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.sales import Sale, later

PACK = Sale(offer="tokens:small")
BOUGHT = (PACK.placed(), PACK.tried(), PACK.invoice())
MONTHLY = Sale(number=2)  # its credits expire


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    """Run it on a fresh bench, and find nothing that contradicts itself afterwards."""

    async def whole() -> None:
        bench = await Bench(world=BOUGHT).open()
        await scenario(bench)
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(whole())


@pytest.mark.parametrize("spent", [0, 1, 250, 499, 500])
@pytest.mark.parametrize("refunded", [1, 250, 500])
def test_f62_what_was_spent_of_refunded_credits_is_owed(spent: int, refunded: int) -> None:
    """What is left is taken back, the rest is a debt, and credits that come later pay it first."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        if spent:
            await bench.credits.consume("alice", "ai", spent, idempotency_key="k")
        await bench.record(PACK.refund(refunded))
        wallet = await bench.credits.wallet("alice", "ai")
        owed = max(0, spent + refunded - 500)
        assert (wallet.live, wallet.debt) == (max(0, 500 - spent - refunded), owed)
        sides = balances(await bench.credits.history("alice"))
        assert sum(sides.values()) == 0
        assert sum(amount for (_, account), amount in sides.items() if account == DEBT) == -owed
        assert sum(amount for (_, account), amount in sides.items() if account == RETURNED) == refunded
        await bench.credits.grant("alice", "ai", 1_000, idempotency_key="g")
        assert (await bench.credits.wallet("alice", "ai")).spendable == 1_000 + wallet.live - owed
        with pytest.raises(ExceedsBalance):
            await bench.credits.consume(
                "alice", "ai", 1_000 + wallet.live - owed + 1, idempotency_key="too much"
            )

    run(scenario)


def test_f62_a_refund_that_is_seen_before_its_grant_ends_in_the_same_state() -> None:
    """In any order of the sale, its refund and its dispute."""
    facts = [*BOUGHT, PACK.refund(300), PACK.dispute(100, "lost")]
    found = []
    for order in list(permutations(facts))[::7]:

        async def scenario(bench: Bench, order: tuple[object, ...] = order) -> None:
            for fact in order:
                await bench.record(fact)  # type: ignore[arg-type]  # a permutation of facts
            wallet = await bench.credits.wallet("alice", "ai")
            found.append((wallet.spendable, wallet.debt, [lot.left for lot in wallet.lots]))

        run(scenario)
    assert set(map(str, found)) == {str((100, 0, [100]))}


def test_f59_f62_what_a_bank_gives_back_pays_the_debt() -> None:
    """Lost, won, lost again, and then refunded: the debt is what is missing now."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        await bench.credits.consume("alice", "ai", 450, idempotency_key="k")
        owed = []
        for day, status in enumerate(("open", "lost", "won", "lost", "won")):
            await bench.record(PACK.dispute(500, status, later(days=1, seconds=day)))
            owed.append((await bench.credits.wallet("alice", "ai")).debt)
        assert owed == [0, 450, 0, 450, 0]
        await bench.record(PACK.refund(500))
        assert (await bench.credits.wallet("alice", "ai")).debt == 450

    run(scenario)


def test_f62_of_a_payment_that_is_no_more_all_that_was_spent_is_owed() -> None:
    """And it is paid when the payment turns out to be one after all."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        await bench.credits.consume("alice", "ai", 120, idempotency_key="k")
        seen = []
        for day, status in ((1, "uncollectible"), (2, "paid"), (3, "uncollectible")):
            await bench.record(PACK.invoice(status, later(days=day)))
            wallet = await bench.credits.wallet("alice", "ai")
            seen.append((wallet.spendable, wallet.debt))
        assert seen == [(0, 120), (380, 0), (0, 120)]

    run(scenario)


def test_f62_a_reservation_is_kept_though_what_it_holds_is_refunded() -> None:
    """Until it ends nothing else can be spent; what it spends is owed, what it lets go is not."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        held = await bench.credits.reserve("alice", "ai", 400, idempotency_key="k")
        await bench.record(PACK.refund(500))
        wallet = await bench.credits.wallet("alice", "ai")
        assert (wallet.spendable, wallet.debt, wallet.held) == (0, 400, 400)
        await bench.credits.settle("alice", held.movement, 150, idempotency_key="s")
        wallet = await bench.credits.wallet("alice", "ai")
        assert (wallet.spendable, wallet.debt, wallet.held) == (0, 150, 0)

    run(scenario)


@pytest.mark.parametrize(("before", "spendable"), [(1, 30), (0, 0), (-1, 0)])
def test_f63_at_the_instant_of_expiry_a_credit_is_expired_and_before_it_is_not(
    before: int, spendable: int
) -> None:
    """By the one clock that the decision reads; nothing has to have run."""

    async def scenario(bench: Bench) -> None:
        ends = to_datetime(bench.clock.now()) + timedelta(seconds=10)
        await bench.credits.grant("alice", "ai", 30, idempotency_key="g", expires_at=ends)
        bench.clock.advance(seconds=10)
        bench.clock.set_to(type(bench.clock.now())(bench.clock.now() - before))
        assert (await bench.credits.wallet("alice", "ai")).spendable == spendable
        if spendable:
            assert (await bench.credits.consume("alice", "ai", 30, idempotency_key="k")).balance == 0
        else:
            with pytest.raises(ExceedsBalance):
                await bench.credits.consume("alice", "ai", 1, idempotency_key="k")

    run(scenario)


def test_f63_what_has_expired_is_not_what_is_spent() -> None:
    """It would be spent first, and what is still good would be spent again."""

    async def scenario(bench: Bench) -> None:
        ends = to_datetime(bench.clock.now()) + timedelta(seconds=10)
        await bench.credits.grant("alice", "ai", 30, idempotency_key="short", expires_at=ends)
        await bench.credits.grant("alice", "ai", 20, idempotency_key="long")
        bench.clock.advance(seconds=10)
        assert (await bench.credits.consume("alice", "ai", 15, idempotency_key="k")).balance == 5
        with pytest.raises(ExceedsBalance):
            await bench.credits.consume("alice", "ai", 6, idempotency_key="too much")

    run(scenario)


def test_f63_credits_that_expire_settle_no_debt() -> None:
    """What lapses is nobody's: the debt stays what was spent without money."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        await bench.credits.consume("alice", "ai", 500, idempotency_key="k")
        await bench.record(PACK.refund(200))
        ends = to_datetime(bench.clock.now()) + timedelta(days=1)
        await bench.credits.grant("alice", "ai", 300, idempotency_key="g", expires_at=ends)
        assert (await bench.credits.wallet("alice", "ai")).spendable == 100
        bench.clock.advance(days=1)
        wallet = await bench.credits.wallet("alice", "ai")
        assert (wallet.spendable, wallet.debt) == (0, 200)
        # A decision of ours settles it.
        await bench.credits.adjust("alice", "ai", 200, reason="written off", idempotency_key="a")
        await bench.credits.grant("alice", "ai", 7, idempotency_key="g2")
        assert (await bench.credits.wallet("alice", "ai")).spendable == 7

    run(scenario)


def test_f62_f63_what_was_spent_of_refunded_credits_is_owed_though_they_have_long_expired() -> None:
    """The document forgets such a lot with what changes, and what was taken of it is in the ledger."""

    async def scenario(bench: Bench) -> None:
        await bench.record(MONTHLY.placed(), MONTHLY.tried(), MONTHLY.subscription())
        await bench.record(MONTHLY.invoice(at=later(days=39)))
        await bench.credits.consume("alice", "ai", 40, idempotency_key="k")
        bench.clock.advance(seconds=90 * 86_400)
        await bench.record(MONTHLY.refund(1_000))
        wallet = await bench.credits.wallet("alice", "ai")
        assert (wallet.spendable, wallet.live, wallet.debt) == (0, 0, 40)
        assert (await bench.credits.verify("alice")).problems == ()

    run(scenario)


def test_f61_a_grant_that_many_sources_tell_of_is_one() -> None:
    """The event again, its session, a fetch of the bill: one lot."""

    async def scenario(bench: Bench) -> None:
        for fact in (*BOUGHT, PACK.session(), *BOUGHT, PACK.invoice(at=later(days=1)), *BOUGHT):
            await bench.record(fact)
        wallet = await bench.credits.wallet("alice", "ai")
        assert (wallet.spendable, len(wallet.lots)) == (500, 1)

    run(scenario)


def test_the_past_is_what_it_was() -> None:
    """Spent, reserved, refunded: each counts from its instant on."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        bench.clock.advance(seconds=10)
        moments = [to_datetime(bench.clock.now())]

        async def then(work: Awaitable[object]) -> None:
            await work
            moments.append(to_datetime(bench.clock.now()))
            bench.clock.advance(seconds=10)

        bench.clock.advance(seconds=10)
        await then(bench.credits.consume("alice", "ai", 100, idempotency_key="k"))
        await then(bench.credits.reserve("alice", "ai", 50, idempotency_key="r", timeout_seconds=15))
        bench.clock.advance(seconds=10)
        moments.append(to_datetime(bench.clock.now()))
        bench.clock.advance(seconds=1)
        await bench.credits.consume("alice", "ai", 400, idempotency_key="rest")
        bench.clock.advance(seconds=10)
        found = [(await bench.credits.wallet("alice", "ai", at=one)).spendable for one in moments]
        assert found == [500, 400, 350, 400]
        assert (await bench.credits.wallet("alice", "ai")).spendable == 0

    run(scenario)
