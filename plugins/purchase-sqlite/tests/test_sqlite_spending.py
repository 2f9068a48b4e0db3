"""Credits and quotas in a file: spent once, however many ask at a time, and there afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

from purchase_core.access.policy import AccessPolicy
from purchase_core.errors import ExceedsBalance
from purchase_core.identifiers import RandomIds
from purchase_core.instants import Clock, SystemClock
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.reads.wallets import Wallets
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.credits import Credits
from purchase_core.workflows.requests import Requests
from purchase_core.workflows.usage import Usage
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore


def spending_on(store: Store, clock: Clock) -> tuple[Credits, Usage]:
    """Credits and usage over a store, as a process of its own has them."""
    shelf, ids = OfferShelf(store, CATALOG.offers.values()), RandomIds()
    requests = Requests(store, Recorder(store, shelf, clock, ids, lambda batch: None))
    credits_ = Credits(Wallets(store, shelf, clock), requests, clock, ids)
    return credits_, Usage(store, requests, shelf, AccessPolicy(), CATALOG.defaults, clock)


def test_i05_fifty_at_once_over_several_instances_never_spend_more_than_there_is(tmp_path: Path) -> None:
    config = SqliteConfig(str(tmp_path / "purchase.db"), several_writers=True)

    async def scenario() -> None:
        async with (
            await SqliteStore.open(config) as one,
            await SqliteStore.open(config) as two,
            await SqliteStore.open(config) as three,
        ):
            await one.migrate()
            processes = [spending_on(store, SystemClock()) for store in (one, two, three)]
            await processes[0][0].grant("alice", "ai", 100, idempotency_key="g")
            asked = [
                processes[number % 3][0].consume("alice", "ai", 4, idempotency_key=f"k{number}")
                for number in range(50)
            ]
            uses = [
                processes[number % 3][1].try_use("api", customer="alice", idempotency_key=f"u{number}")
                for number in range(20)
            ]
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            used = await asyncio.gather(*uses)
            assert sum(isinstance(one, ExceedsBalance) for one in outcomes) == 25
            assert sum(not isinstance(one, BaseException) for one in outcomes) == 25
            assert sum(one.allowed for one in used) == 10
        async with await SqliteStore.open(config) as again:
            credits_, usage = spending_on(again, SystemClock())
            wallet = await credits_.wallet("alice", "ai")
            assert (wallet.spendable, wallet.debt) == (0, 0)
            assert (await usage.current("api", customer="alice")).remaining == 0
            assert (await credits_.verify("alice")).problems == ()
            assert [one.position for one in await credits_.history("alice")] == list(range(1, 37))

    asyncio.run(scenario())
