"""A rebuild puts facts right, and leaves what was spent as it is."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from purchase_core.access.live import decode_live, encode_live
from purchase_core.access.purse import Purse
from purchase_core.facts.rows import LotRow
from purchase_core.identifiers import SeededIds
from purchase_core.operations.rebuild import CHANGED, UNCHANGED, Rebuild
from purchase_core.projection.offers import OfferShelf
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.sales import VERSIONS, Sale

PACK = Sale(offer="tokens:small")
LANE = "customer:alice"


async def spent(bench: Bench) -> None:
    """A wallet with a bit of everything."""
    await bench.record(PACK.placed(), PACK.tried(), PACK.invoice())
    for number in range(20):
        await bench.credits.grant("alice", "ai", 10, idempotency_key=f"g{number}")
        bench.clock.advance(seconds=1)
    await bench.credits.consume("alice", "ai", 530, idempotency_key="k")
    await bench.credits.reserve("alice", "ai", 15, idempotency_key="r")
    await bench.usage.try_use("api", 3, customer="alice", idempotency_key="u")
    await bench.record(PACK.refund(100))


def rebuild_of(bench: Bench) -> Rebuild:
    """A rebuild over the bench's store."""
    shelf = OfferShelf(bench.store, VERSIONS.values())
    return Rebuild(bench.store, shelf, bench.clock, SeededIds(99), lambda batch: None, code="test")


def test_i13_what_was_spent_is_as_it_was_after_a_rebuild() -> None:
    """Nothing differs in a shadow; a document that was lost is made anew, with all that was spent."""

    async def scenario() -> None:
        bench = await Bench().open()
        await spent(bench)
        before = await bench.credits.wallet("alice", "ai")
        used = await bench.usage.current("api", customer="alice")
        rebuild = rebuild_of(bench)
        assert (await rebuild.one(LANE, shadow=True)).status == UNCHANGED
        lane = bench.database.lanes[LANE]
        live = decode_live(lane.document)
        lost = replace(live, subscriptions={}, purse=Purse(holds=live.purse.holds, lots=live.purse.lots))
        bench.database.lanes[LANE] = replace(lane, document=encode_live(lost))
        (key,) = (key for table, key in bench.database.rows if table is LotRow and ":in_1_1:" in key)
        whole = bench.database.rows[LotRow, key]
        assert isinstance(whole, LotRow)
        bench.database.rows[LotRow, key] = replace(whole, clawed=0)
        assert (await rebuild.one(LANE, shadow=False)).status == CHANGED
        after = await bench.credits.wallet("alice", "ai")
        assert (after.spendable, after.live, after.debt, after.held) == (
            before.spendable,
            before.live,
            before.debt,
            before.held,
        )
        assert await bench.usage.current("api", customer="alice") == used
        assert (await rebuild.one(LANE, shadow=True)).status == UNCHANGED
        # The journal was told of the lot as it was found, so that it agrees with the tables again only here.
        bench.database.rows[LotRow, key] = whole
        await bench.credits.consume("alice", "ai", 1, idempotency_key="again")
        assert (await bench.credits.wallet("alice", "ai")).spendable == before.spendable - 1

    asyncio.run(scenario())


def test_i13_a_rebuild_of_what_is_right_writes_nothing() -> None:
    """And nothing contradicts itself afterwards."""

    async def scenario() -> None:
        bench = await Bench().open()
        await spent(bench)
        version = bench.database.lanes[LANE].version
        assert (await rebuild_of(bench).one(LANE, shadow=False)).status == UNCHANGED
        assert bench.database.lanes[LANE].version == version
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(scenario())
