"""Laws of merging: two wallets become one, and nothing is made, lost or forgotten by it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purchase_core.facts.fact import Fact
from purchase_core.instants import to_datetime
from purchase_core.operations.rebuild import UNCHANGED, Cursor
from purchase_core.projection.tables import journal_of
from purchase_core.records.lane import customer_lane
from purchase_core.records.movement import SPENT, balances
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.sales import Sale, later
from tests.ledger.asking import GRANTS, LATE, Ask, Pass, ask, asks, passes

BOBS = Sale(number=11, customer="bob", offer="tokens:small")
BOBS_PRO = Sale(number=12, customer="bob")
BOBS_GRANTS = [
    BOBS.placed(),
    BOBS.tried(),
    BOBS.invoice(),
    BOBS_PRO.placed(),
    BOBS_PRO.tried(),
    BOBS_PRO.subscription(),
    BOBS_PRO.invoice(at=later(days=38)),
]
BOBS_GONE, BOBS_BACK = BOBS.invoice("uncollectible", later(days=1)), BOBS.invoice("paid", later(days=2))
BOBS_LATE = [
    BOBS.refund(300),
    BOBS.dispute(200, "lost"),
    BOBS_PRO.renewal(1, at=later(days=39)),
    BOBS_GONE,
    BOBS_BACK,
]
WORLD = [*GRANTS, *LATE, *BOBS_GRANTS, *BOBS_LATE]

Step = Fact | Pass | tuple[str, Ask]
facts = st.sampled_from(WORLD)
asked = st.tuples(st.sampled_from(("alice", "bob")), asks)
steps = st.lists(st.one_of(asked, asked, facts, facts, passes), max_size=15)


async def take(bench: Bench, step: Step) -> None:
    """Let it happen."""
    match step:
        case (str(customer), Ask() as wanted):
            await ask(bench, Ask(wanted.kind, wanted.amount, wanted.key * 2 + (customer == "bob")), customer)
        case Pass(seconds):
            bench.clock.advance(seconds=seconds)
        case Fact():
            await bench.record(step)


async def has(bench: Bench, customer: str, unit: str = "ai") -> int:
    """What a customer has, less what they owe, and what they have reserved."""
    wallet = await bench.credits.wallet(customer, unit)
    return wallet.live - wallet.debt + wallet.held


async def holds(bench: Bench) -> None:
    """Nothing contradicts itself: journals, tables, documents, and what a rebuild makes of them."""
    for customer in ("alice", "bob"):
        assert (await bench.credits.verify(customer)).problems == ()
    assert list(problems(bench.database, now=bench.clock.now())) == []
    rebuilt = [one async for _, done in bench.rebuild.shadow(Cursor()) for one in done]
    assert [(one.lane, one.differences) for one in rebuilt if one.status != UNCHANGED] == []


@given(steps, steps)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_i05_two_wallets_merged_are_their_sum_and_stay_verifiable(
    before: Sequence[Step], behind: Sequence[Step]
) -> None:
    """Spent, reserved and owed; and whatever comes later, under either name."""

    async def scenario() -> None:
        bench = await Bench(world=WORLD).open()
        await bench.record(*GRANTS[:3])
        await bench.record(*BOBS_GRANTS[:3])
        for step in before:
            await take(bench, step)
        had = [await bench.credits.wallet(one, "ai") for one in ("alice", "bob")]
        sum_of = sum([await has(bench, one) for one in ("alice", "bob")])
        await bench.customers.merge("bob", into="alice", reason="one person", by="mia")
        wallet = await bench.credits.wallet("alice", "ai")
        assert wallet.live - wallet.debt + wallet.held == sum_of
        assert wallet.debt == sum(one.debt for one in had)
        assert wallet.held == sum(one.held for one in had)
        assert {one.reservation for one in wallet.reservations} == {
            one.reservation for each in had for one in each.reservations
        }
        await holds(bench)
        for step in behind:
            was = await bench.credits.wallet("alice", "ai")
            await take(bench, step)
            now = await bench.credits.wallet("alice", "ai")
            if isinstance(step, tuple) and step[1].kind in ("consume", "reserve", "take"):
                assert now.debt == was.debt
                assert now.spendable <= was.spendable
            assert await has(bench, "bob") == await has(bench, "alice")
        await holds(bench)

    asyncio.run(scenario())


@pytest.mark.parametrize("merged", [False, True])
def test_what_was_spent_of_a_lot_that_is_no_more_is_owed_until_it_comes_back(merged: bool) -> None:
    """A payment that was taken back after its credits were spent, and came again after all."""

    async def scenario() -> None:
        bench = await Bench(world=WORLD).open()
        await bench.record(*BOBS_GRANTS[:3])
        had = (await bench.credits.wallet("bob", "ai")).live
        await bench.credits.consume("bob", "ai", 60, idempotency_key="spent")
        held = await bench.credits.reserve("bob", "ai", 30, idempotency_key="held")
        await bench.record(BOBS_GONE)
        if merged:
            await bench.customers.merge("bob", into="alice", reason="one person", by="mia")
        wallet = await bench.credits.wallet("bob", "ai")
        assert (wallet.debt, wallet.held) == (90, 30)
        await holds(bench)
        await bench.credits.release("bob", held.movement, idempotency_key="let go")
        assert (await bench.credits.wallet("bob", "ai")).debt == 60
        await holds(bench)
        await bench.record(BOBS_BACK)
        wallet = await bench.credits.wallet("bob", "ai")
        assert (wallet.debt, wallet.live) == (0, had - 60)
        await holds(bench)

    asyncio.run(scenario())


def test_what_was_spent_of_credits_that_have_long_expired_moves_as_well() -> None:
    """The document forgets such a lot with what changes: not so what was taken of it."""

    async def scenario() -> None:
        bench = await Bench().open()
        await bench.credits.grant("alice", "ai", 1, idempotency_key="a")
        ends = to_datetime(later(days=41))
        await bench.credits.grant("bob", "ai", 60, idempotency_key="b", expires_at=ends)
        await bench.credits.consume("bob", "ai", 25, idempotency_key="spent")
        bench.clock.advance(seconds=90 * 86_400)
        await bench.customers.merge("bob", into="alice", reason="one person", by="mia")
        assert balances(await journal_of(bench.store, customer_lane("bob"))) == {}
        sides = balances(await bench.credits.history("alice"))
        assert sum(amount for (_, account), amount in sides.items() if account == SPENT) == 25
        await holds(bench)

    asyncio.run(scenario())


def test_a_link_that_was_decided_before_a_merge_ties_to_whom_they_were_merged_into() -> None:
    """What waited for bob is alice's, with its credits."""

    async def scenario() -> None:
        sale = Sale(number=21, customer="bob", tagged=False)
        bench = await Bench().open()
        await bench.credits.grant("alice", "ai", 1, idempotency_key="a")
        await bench.credits.grant("bob", "ai", 10, idempotency_key="b")
        await bench.record(sale.subscription(), sale.renewal(1, at=later(days=39)))
        await bench.customers.merge("bob", into="alice", reason="one person", by="mia")
        await bench.link(sale.link)
        assert bench.rows("bob") == []
        assert (await bench.credits.wallet("alice", "ai")).live == 111
        await holds(bench)

    asyncio.run(scenario())
