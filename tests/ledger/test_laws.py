"""Laws of wallets: whatever is asked and told, nothing is overdrawn and all of it adds up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from purchase_core.errors import ExceedsBalance, IdempotencyConflict, WrongState
from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import LotRow
from purchase_core.records.ledger_rows import SpendingRow
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.sales import Sale, later

PACKS = [Sale(number=number, offer="tokens:small") for number in (1, 2)]
PRO = Sale(number=3)
GRANTS = [
    *(fact for sale in PACKS for fact in (sale.placed(), sale.tried(), sale.invoice())),
    PRO.placed(),
    PRO.tried(),
    PRO.subscription(),
    PRO.invoice(at=later(days=38)),
    PRO.renewal(1, at=later(days=39)),
]
LATE = [
    PACKS[0].refund(200),
    PACKS[0].refund(100, name="2"),
    PACKS[1].refund(500),
    PACKS[1].dispute(100, "open"),
    PACKS[1].dispute(100, "lost", later(days=1)),
    PACKS[1].dispute(100, "won", later(days=2)),
    PACKS[0].invoice("uncollectible", later(days=1)),
    PACKS[0].invoice("paid", later(days=2)),
    PRO.refund(700),
    PRO.renewal(2, at=later(days=39)),
]


@attrs.frozen
class Ask:
    """Something that is asked of the wallet."""

    kind: str
    amount: int
    key: int


@attrs.frozen
class Pass:
    """Time passes."""

    seconds: int


asks = st.builds(
    Ask,
    st.sampled_from(("consume", "consume", "reserve", "settle", "release", "grant", "take", "use")),
    st.sampled_from((1, 60, 99, 250, 600)),
    st.integers(0, 5),
)
passes = st.builds(Pass, st.sampled_from((1, 61, 20 * 86_400)))
facts = st.sampled_from([*GRANTS, *LATE])
steps = st.lists(st.one_of(asks, asks, facts, facts, facts, passes), max_size=25)


async def ask(bench: Bench, asked: Ask, customer: str = "alice") -> None:
    """Ask for it; a refusal is an answer."""
    credits_, key = bench.credits, f"{asked.key}"
    try:
        match asked.kind:
            case "consume":
                await credits_.consume(customer, "ai", asked.amount, idempotency_key=key)
            case "reserve":
                await credits_.reserve(customer, "ai", asked.amount, idempotency_key=key, timeout_seconds=60)
            case "settle":
                await credits_.settle(customer, f"reserve:{key}", asked.amount, idempotency_key=key)
            case "release":
                await credits_.release(customer, f"reserve:{key}", idempotency_key=key)
            case "grant":
                await credits_.grant(customer, "ai", asked.amount, idempotency_key=key)
            case "take":
                await credits_.adjust(customer, "ai", -asked.amount, reason="r", idempotency_key=key)
            case _:
                await bench.usage.try_use("api", asked.amount, customer=customer, idempotency_key=key)
    except (ExceedsBalance, WrongState, IdempotencyConflict):
        pass


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
