"""Spending credits: what is taken from which lot, what is left, and what is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from purchase_core.access.live import decode_live
from purchase_core.access.purse import NAMED_LOTS_MAX
from purchase_core.errors import (
    ExceedsBalance,
    IdempotencyConflict,
    InvalidArgument,
    LaneConflict,
    WrongState,
)
from purchase_core.facts.rows import LotRow
from purchase_core.instants import to_datetime
from purchase_core.records.ledger_rows import DrawnRow, SpendingRow
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.sales import Sale

PACK = Sale(offer="tokens:small")
BOUGHT = (PACK.placed(), PACK.tried(), PACK.invoice())


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    """Run it on a fresh bench, and find nothing that contradicts itself afterwards."""

    async def whole() -> None:
        bench = await Bench().open()
        await scenario(bench)
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(whole())


async def spendable(bench: Bench, unit: str = "ai") -> int:
    """What alice can spend now."""
    return (await bench.credits.wallet("alice", unit)).spendable


def test_credits_are_consumed_and_no_more_than_there_are() -> None:
    """From the lot that a payment granted; a refusal leaves nothing."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        told = await bench.credits.consume("alice", "ai", 120, idempotency_key="k1")
        assert (told.kind, told.amount, told.balance) == ("consume", 120, 380)
        before = len(bench.database.movements)
        with pytest.raises(ExceedsBalance):
            await bench.credits.consume("alice", "ai", 381, idempotency_key="k2")
        assert len(bench.database.movements) == before
        assert (await bench.credits.consume("alice", "ai", 380, idempotency_key="k2")).balance == 0
        (drawn,) = await bench.store.rows(DrawnRow)
        assert (drawn.lane, drawn.unit, drawn.drawn) == ("customer:alice", "ai", 500)
        spent = {row.cause: row.spent for row in await bench.store.rows(SpendingRow)}
        assert spent == {"consume:k1": 120, "consume:k2": 380}

    run(scenario)


def test_nothing_is_known_of_a_customer_without_credits() -> None:
    """No lane, no wallet, nothing to spend."""

    async def scenario(bench: Bench) -> None:
        wallet = await bench.credits.wallet("nobody", "ai")
        assert (wallet.spendable, wallet.lots, wallet.debt) == (0, (), 0)
        with pytest.raises(ExceedsBalance):
            await bench.credits.consume("nobody", "ai", 1, idempotency_key="k")
        assert await bench.credits.history("nobody") == []

    run(scenario)


@pytest.mark.parametrize("amount", [0, -1, True, 1.5, "5", 2**53])
def test_an_amount_that_is_no_amount_is_refused(amount: int) -> None:
    """Whole numbers only."""

    async def scenario(bench: Bench) -> None:
        for call in (bench.credits.consume, bench.credits.reserve, bench.credits.grant):
            with pytest.raises(InvalidArgument):
                await call("alice", "ai", amount, idempotency_key="k")

    run(scenario)


def test_the_same_key_is_told_the_same_whatever_has_happened_since() -> None:
    """And another request under it is refused."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        credits_ = bench.credits
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: credits_.grant("alice", "ai", 7, idempotency_key="k"),
            lambda: credits_.consume("alice", "ai", 5, idempotency_key="k"),
            lambda: credits_.reserve("alice", "ai", 9, idempotency_key="k"),
            lambda: credits_.settle("alice", "reserve:k", 4, idempotency_key="k"),
            lambda: credits_.adjust("alice", "ai", -3, reason="a gift", idempotency_key="k"),
            lambda: credits_.adjust("alice", "ai", 3, reason="back", idempotency_key="k+"),
        ]
        told = [await call() for call in calls]
        assert [await call() for call in calls] == told
        assert await spendable(bench) == 500 + 7 - 5 - 4 - 3 + 3
        others: list[Callable[[], Awaitable[object]]] = [
            lambda: credits_.grant("alice", "ai", 8, idempotency_key="k"),
            lambda: credits_.consume("alice", "ai", 6, idempotency_key="k"),
            lambda: credits_.consume("bob", "ai", 5, idempotency_key="k"),
            lambda: credits_.consume("alice", "sms", 5, idempotency_key="k"),
            lambda: credits_.reserve("alice", "ai", 9, idempotency_key="k", timeout_seconds=1),
            lambda: credits_.settle("alice", "reserve:k", 3, idempotency_key="k"),
            lambda: credits_.adjust("alice", "ai", 3, reason="a gift", idempotency_key="k"),
        ]
        for other in others:
            with pytest.raises(IdempotencyConflict):
                await other()

    run(scenario)


def test_what_expires_first_is_spent_first() -> None:
    """Then what never expires, the oldest first."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        for days in (9, 3, 6):
            ends = to_datetime(bench.clock.now()) + timedelta(days=days)
            await bench.credits.grant("alice", "ai", 10, idempotency_key=f"g{days}", expires_at=ends)
        await bench.credits.consume("alice", "ai", 25, idempotency_key="k")
        left = [lot.left for lot in (await bench.credits.wallet("alice", "ai")).lots]
        assert left == [5, 500]
        bench.clock.advance(days=9)
        assert await spendable(bench) == 500
        with pytest.raises(ExceedsBalance):
            await bench.credits.consume("alice", "ai", 501, idempotency_key="k2")

    run(scenario)


def test_a_reservation_holds_until_it_is_settled_released_or_over() -> None:
    """Nothing has to run for it to be over."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        credits_ = bench.credits
        held = {
            key: (
                await credits_.reserve("alice", "ai", 100, idempotency_key=key, timeout_seconds=60)
            ).movement
            for key in ("a", "b", "c", "d")
        }
        assert await spendable(bench) == 100
        assert (await credits_.settle("alice", held["a"], 30, idempotency_key="s1")).balance == 170
        assert (await credits_.release("alice", held["b"], idempotency_key="r1")).balance == 270
        assert (await credits_.settle("alice", held["c"], idempotency_key="s2")).amount == 100
        with pytest.raises(ExceedsBalance):
            await credits_.settle("alice", held["d"], 101, idempotency_key="s3")
        for gone in (held["a"], held["b"], "reserve:never"):
            with pytest.raises(WrongState):
                await credits_.settle("alice", gone, idempotency_key="s4")
        wallet = await credits_.wallet("alice", "ai")
        assert (wallet.held, wallet.spendable, len(wallet.reservations)) == (100, 270, 1)
        bench.clock.advance(seconds=60)
        assert await spendable(bench) == 370
        with pytest.raises(WrongState):
            await credits_.settle("alice", held["d"], idempotency_key="s5")
        await credits_.consume("alice", "ai", 370, idempotency_key="all")
        assert [one.kind for one in await credits_.history("alice")][-2:] == ["lapse", "consume"]

    run(scenario)


def test_an_adjustment_has_a_reason_and_takes_no_more_than_there_is() -> None:
    """The reason is in the journal."""

    async def scenario(bench: Bench) -> None:
        for reason in ("", "  "):
            with pytest.raises(InvalidArgument):
                await bench.credits.adjust("alice", "ai", 5, reason=reason, idempotency_key="k")
        await bench.credits.adjust("alice", "ai", 5, reason="an outage", idempotency_key="k")
        with pytest.raises(ExceedsBalance):
            await bench.credits.adjust("alice", "ai", -6, reason="too many", idempotency_key="k2")
        await bench.credits.adjust("alice", "ai", -5, reason="by mistake", idempotency_key="k3")
        assert [one.reason for one in await bench.credits.history("alice")] == ["an outage", "by mistake"]
        assert await spendable(bench) == 0

    run(scenario)


def test_lots_that_never_expire_are_named_as_their_turn_comes() -> None:
    """So the document is short, whatever a customer has saved, and every credit can be spent all the same."""

    async def scenario(bench: Bench) -> None:
        count = 3 * NAMED_LOTS_MAX
        for number in range(count):
            await bench.credits.grant("alice", "ai", 10, idempotency_key=f"g{number}")
            bench.clock.advance(seconds=1)
        live = decode_live(bench.database.lanes["customer:alice"].document)
        assert len(live.purse.lots) == NAMED_LOTS_MAX
        assert (await bench.credits.wallet("alice", "ai")).unnamed == 10 * 2 * NAMED_LOTS_MAX
        await bench.credits.consume("alice", "ai", 10 * count - 15, idempotency_key="most")
        lots = {row.key: row.granted_at for row in await bench.store.rows(LotRow)}
        drawn = {row.key: row.drawn for row in await bench.store.rows(DrawnRow)}
        by_age = [drawn.get(key, 0) for key in sorted(lots, key=lambda key: lots[key])]
        assert by_age == [10] * (count - 2) + [5, 0]
        assert await spendable(bench) == 15

    run(scenario)


@pytest.mark.parametrize("held", [0, 35])
def test_more_than_many_lots_hold_is_refused_as_that_and_all_that_they_hold_can_be_spent(held: int) -> None:
    """Most have no entry of their own; some were reserved, and have just come back."""

    async def scenario(bench: Bench) -> None:
        count = NAMED_LOTS_MAX + 3
        for number in range(count):
            await bench.credits.grant("alice", "ai", 10, idempotency_key=f"g{number}")
        if held:
            await bench.credits.reserve("alice", "ai", held, idempotency_key="r", timeout_seconds=60)
            bench.clock.advance(seconds=60)
        with pytest.raises(ExceedsBalance, match="191 ai cannot be taken: 190 can be spent"):
            await bench.credits.consume("alice", "ai", 10 * count + 1, idempotency_key="too much")
        await bench.credits.consume("alice", "ai", 10 * count, idempotency_key="all")
        assert await spendable(bench) == 0

    run(scenario)


def test_f60_many_at_once_in_several_processes_never_spend_more_than_there_is() -> None:
    """Fifty ask for twice of what there is; two benches over one database are two processes."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        other = Bench(bench.database)
        conflicts = letting_others_in(bench) + letting_others_in(other)
        asked = [
            (bench, other)[number % 2].credits.consume("alice", "ai", 20, idempotency_key=f"k{number}")
            for number in range(50)
        ]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in outcomes if isinstance(one, ExceedsBalance)]
        assert (len(outcomes) - len(refused), len(refused)) == (25, 25)
        assert await spendable(bench) == 0
        assert any(conflicts), "the two were never at it at once"

    run(scenario)


def letting_others_in(bench: Bench) -> list[Counter[str]]:
    """Others have their turn between what a process reads and commits. Counts commits that met one."""
    store: Any = bench.store
    lane, commit, commit_all = store.lane, store.commit, store.commit_all
    met = Counter[str]()

    async def read(name: str) -> Any:
        found = await lane(name)
        await asyncio.sleep(0)
        return found

    def meeting(write: Any) -> Any:
        async def written(batches: Any) -> None:
            try:
                await write(batches)
            except LaneConflict:
                met["conflicts"] += 1
                raise

        return written

    store.lane, store.commit, store.commit_all = read, meeting(commit), meeting(commit_all)
    return [met]


def test_one_key_at_once_in_several_processes_spends_once() -> None:
    """All of them are told the same."""

    async def scenario(bench: Bench) -> None:
        await bench.record(*BOUGHT)
        other = Bench(bench.database)
        asked = [one.credits.consume("alice", "ai", 20, idempotency_key="k") for one in (bench, other) * 10]
        told = await asyncio.gather(*asked)
        assert {one.balance for one in told} == {480}
        assert await spendable(bench) == 480

    run(scenario)
