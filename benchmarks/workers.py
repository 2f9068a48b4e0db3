"""One worker process of the concurrency campaign: it receives, works off, stalls, spends, and may die."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter

import msgspec
from msgspec.structs import replace

from purchase_core.errors import KeyConflict, LaneConflict, LeaseLost, StoreUnavailable
from purchase_core.facts.fact import Fact
from purchase_core.identifiers import RandomIds
from purchase_core.instants import SECOND, Instant, SystemClock
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.command import Command
from purchase_core.records.delivery import DONE, PENDING, Delivery, Settlement
from purchase_core.records.lane import LaneStep
from purchase_core.secret import Secret
from purchase_core.testing.sales import VERSIONS, Sale, later
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

TASKS = 4  # that work off, in each process
CLAIM_MAX = 4
LEASE_SECONDS = 1.0
STALL_SECONDS = 1.3  # longer than a lease
STALLS = 0.03  # of all events, the part whose worker stalls
IDLE_SECONDS = 0.02
PURSE_AMOUNT = 20
OVERDRAFT = 2  # times as much as there is, is asked for
SHARED = 4  # how many processes receive one event, or ask for one spending
DIED = 9

clock = SystemClock()


class Spec(msgspec.Struct, frozen=True):
    """What a worker is told. `dies_after`: so many events are worked off before it ends without a word."""

    database: str
    place: str
    schema: str = ""
    number: int = 0
    processes: int = 1
    sales: int = 1
    purses: int = 1
    dies_after: int = 0


async def opened(spec: Spec) -> Store:
    """The store that all workers share."""
    if spec.database == "sqlite":
        return await SqliteStore.open(
            SqliteConfig(spec.place, several_writers=True, busy_timeout_seconds=30.0)
        )
    return await PostgresStore.open(
        PostgresConfig(Secret(spec.place), schema=spec.schema, pool_wait_seconds=30.0, pool_connections_max=5)
    )


def sold(sales: int) -> tuple[list[Fact], list[Fact]]:
    """The intents of all sales, and what a provider tells of them. Every third is of one customer."""
    intents, told = [], []
    for number in range(sales):
        customer = "hot" if number % 3 == 0 else f"user_{number}"
        offer = ("app:pro", "book:full", "tokens:small")[number % 4 % 3]
        sale = Sale(number, customer, offer)
        intents.append(sale.placed())
        told += [sale.tried(), sale.session(), sale.invoice("open"), sale.invoice("paid", later(seconds=2))]
        told += [sale.refund(300, "pending"), sale.refund(300, "succeeded", later(seconds=9))]
        if sale.subscription_id:
            told += [sale.subscription("incomplete"), sale.subscription("active", later(seconds=1))]
            told += [sale.renewal(1), sale.renewal(2), sale.subscription("canceled", later(days=90))]
    return intents, told


def recorder_of(store: Store) -> Recorder:
    """A recorder as a process has it."""
    return Recorder(store, OfferShelf(store, VERSIONS.values()), clock, RandomIds(), lambda _: None)


class Worker:
    """Receives, works off and spends, all at once."""

    def __init__(self, spec: Spec, store: Store) -> None:
        self._spec = spec
        self._store = store
        self._recorder = recorder_of(store)
        self._told = sold(spec.sales)[1]
        self._chance = random.Random(spec.number)
        self._received = False
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Until nothing is pending any more."""
        await asyncio.gather(self._receive(), self._spend(), *(self._work() for _ in range(TASKS)))

    def _mine(self, number: int) -> bool:
        return (number + self._spec.number) % self._spec.processes < min(SHARED, self._spec.processes)

    async def _receive(self) -> None:
        numbers = [number for number in range(len(self._told)) if self._mine(number)]
        self._chance.shuffle(numbers)
        for number in numbers:
            row = Delivery(
                id=RandomIds().new("delivery"),
                connection="stripe-eu",
                event_id=f"evt_{number}",
                event_type="told",
                object=self._told[number].object,
                occurred_at=later(),
                received_at=clock.now(),
                headers=(),
                body=b"%d" % number,
                state=PENDING,
                available_at=clock.now(),
            )
            await self._tried("received", Batch(RandomIds().new("batch"), clock.now(), deliveries=(row,)))
        self._received = True

    async def _work(self) -> None:
        while True:
            now = clock.now()
            until = Instant(now + int(LEASE_SECONDS * SECOND))
            try:
                rows = await self._store.claim(now=now, lease_until=until, limit=CLAIM_MAX)
            except StoreUnavailable:
                self.counts["unavailable"] += 1
                continue
            for row in rows:
                await self._work_off(row)
            if not rows:
                if self._received and not await self._store.deliveries(state=PENDING, limit=1):
                    return
                await asyncio.sleep(IDLE_SECONDS)

    async def _work_off(self, row: Delivery) -> None:
        if self._chance.random() < STALLS:
            self.counts["stalls"] += 1
            await asyncio.sleep(STALL_SECONDS)
        if self._spec.dies_after and self.counts["done"] >= self._spec.dies_after:
            os._exit(DIED)

        def settled(batch: Batch) -> Batch:
            one = Settlement(row.id, row.fence, DONE, "", row.attempts, row.available_at)
            return replace(batch, settlements=(one,))

        facts: tuple[Fact, ...] = (self._told[int(row.body)],)
        try:
            for _ in range(2):
                recorded = await self._recorder.record(Work(facts), cause=row.id, addition=settled)
                if not recorded.needs:
                    break
                wanted = recorded.needs[0].id
                found = [one for one in self._told if one.kind == "invoice" and one.body.id == wanted]
                facts = (max(found, key=lambda one: one.order), *facts)
            self.counts["done"] += 1
        except LeaseLost:
            self.counts["fenced off"] += 1
        except (LaneConflict, StoreUnavailable) as error:  # its lease runs out, and somebody else has it
            self.counts[error.code] += 1

    async def _spend(self) -> None:
        for number in range(self._spec.purses * PURSE_AMOUNT * OVERDRAFT):
            if self._mine(number):
                await self._spend_one(f"customer:purse_{number % self._spec.purses}", f"spend_{number}")

    async def _spend_one(self, purse: str, key: str) -> None:
        """One off the purse, if there is one left, and once for each key, whoever asks."""
        while True:
            if await self._store.command(key):
                self.counts["spent by another"] += 1
                return
            lane = await self._store.lane(purse)
            if int(lane.document) == 0:
                self.counts["overdrafts refused"] += 1
                return
            step = LaneStep(purse, lane.version, b"%d" % (int(lane.document) - 1))
            now, identifier = clock.now(), RandomIds().new("command")
            command = Command(
                key, identifier, "spend", purse, "", "confirmed", "", "", now, now, (), b"", b"", b""
            )
            batch = Batch(RandomIds().new("batch"), now, lanes=(step,), command=command)
            if await self._tried("spent", batch) != "conflict":
                return

    async def _tried(self, what: str, batch: Batch) -> str:
        while True:
            try:
                await self._store.commit(batch)
            except KeyConflict:
                self.counts[f"{what} by another"] += 1
                return "taken"
            except LaneConflict:
                return "conflict"
            except StoreUnavailable:
                self.counts["unavailable"] += 1
            else:
                self.counts[what] += 1
                return "written"


async def main() -> None:
    """Work as told, and say what was counted."""
    spec = msgspec.json.decode(sys.argv[1].encode(), type=Spec)
    async with await opened(spec) as store:
        worker = Worker(spec, store)
        await worker.run()
    print(msgspec.json.encode(worker.counts).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
