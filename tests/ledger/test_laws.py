"""Laws of wallets: whatever is asked and told, nothing is overdrawn and all of it adds up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import LotRow
from purchase_core.records.ledger_rows import SpendingRow
from purchase_core.testing.bench import Bench, problems
from tests.ledger.asking import GRANTS, LATE, Ask, Pass, ask, asks, passes

facts = st.sampled_from([*GRANTS, *LATE])
steps = st.lists(st.one_of(asks, asks, facts, facts, facts, passes), max_size=25)


async def by_hand(bench: Bench) -> tuple[int, int]:
    """(spendable, owed) by the plainest reading of the tables."""
    now = bench.clock.now()
    lots = {row.key: row for row in await bench.store.rows(LotRow, lane="customer:alice")}
    taken: dict[str, int] = {}
    for row in await bench.store.rows(SpendingRow, lane="customer:alice"):
        held = row.held if row.held_until is not None and now < row.held_until else 0
        taken[row.lot] = taken.get(row.lot, 0) + row.spent + held
    live = owed = 0
    for key in {*lots, *taken}:
        lot = lots.get(key)
        left = (lot.granted - lot.clawed if lot else 0) - taken.get(key, 0)
        expired = lot is not None and lot.expires_at is not None and lot.expires_at <= now
        live += 0 if expired else max(0, left)
        owed += max(0, -left)
    return max(0, live - owed), owed


OWED = [*GRANTS, Ask("consume", 600, 0), *LATE[:3], Ask("grant", 600, 1)]
"""Something is owed, and there are credits that are not enough for it and for what is asked next."""


@given(steps)
@example([*OWED, Ask("consume", 600, 2)])
@example([*OWED, Ask("reserve", 600, 2)])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_i04_i05_whatever_happens_nothing_is_overdrawn_and_all_of_it_adds_up(
    happening: Sequence[Ask | Pass | Fact],
) -> None:
    """After every step: the wallet is what the tables say, both sides agree, and no decision made a debt."""

    async def scenario() -> None:
        bench = await Bench(world=[*GRANTS, *LATE]).open()
        for step in happening:
            before = await bench.credits.wallet("alice", "ai")
            match step:
                case Ask():
                    await ask(bench, step)
                case Pass(seconds):
                    bench.clock.advance(seconds=seconds)
                case _:
                    await bench.record(step)
            after = await bench.credits.wallet("alice", "ai")
            assert (after.spendable, after.debt) == await by_hand(bench)
            if isinstance(step, Ask) and step.kind in ("consume", "reserve", "take"):
                assert after.debt == before.debt
                assert before.spendable - after.spendable in (0, step.amount)
            assert (await bench.credits.verify("alice")).problems == ()
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(scenario())


async def told(grants: Sequence[Fact], spent: Sequence[Ask], late: Sequence[Sequence[Fact]]) -> object:
    """The wallet after what was granted, what was spent of it, and what came later, in such batches.

    The names of lots that we gave are as random as our identifiers.
    """
    bench = await Bench(world=[*GRANTS, *LATE]).open()
    for fact in grants:
        await bench.record(fact)
    for asked in spent:
        await ask(bench, asked)
    for batch in late:
        await bench.record(*batch)
    assert list(problems(bench.database, now=bench.clock.now())) == []
    wallet = await bench.credits.wallet("alice", "ai")
    lots = [(one.lot.startswith("lot:own:") or one.lot, one.left, one.expires_at) for one in wallet.lots]
    return attrs.evolve(wallet, lots=()), sorted(lots, key=str)


@given(
    st.lists(asks.filter(lambda one: one.kind != "use"), max_size=6),
    st.lists(st.sampled_from(LATE), max_size=8),
    st.data(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_i03_any_order_any_duplicates_and_any_split_give_the_same_wallet(
    spent: list[Ask], late: list[Fact], data: st.DataObject
) -> None:
    """Before the spending and after it; a refund may come before what it is of."""
    again = data.draw(st.lists(st.sampled_from(late), max_size=3)) if late else []
    others = data.draw(st.permutations([*late, *again]))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(others))), max_size=3)))
    batches = [others[a:b] for a, b in zip([0, *cuts], [*cuts, len(others)], strict=True)]
    shuffled = data.draw(st.permutations(GRANTS))

    async def scenario() -> None:
        wallet = await told(GRANTS, spent, [[fact] for fact in late])
        assert await told(shuffled, spent, [one for one in batches if one]) == wallet

    asyncio.run(scenario())
