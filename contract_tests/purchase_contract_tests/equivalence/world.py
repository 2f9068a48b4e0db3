"""One store in a history: it takes the steps, and tells all that its readers say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import msgspec
from msgspec.structs import replace

from purchase_contract_tests.equivalence.engine import OpenStore
from purchase_contract_tests.equivalence.in_turn import in_turn
from purchase_contract_tests.equivalence.spending import Spending
from purchase_contract_tests.equivalence.steps import (
    Again,
    Ask,
    Drain,
    History,
    Keep,
    Link,
    Merge,
    Record,
    Restart,
    Spend,
    Stale,
    Step,
    Together,
    Wait,
    Work,
)
from purchase_contract_tests.store.samples import later as after
from purchase_core.errors import KeyConflict, StoreError
from purchase_core.facts.cluster import encode_cluster
from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import canonical_hash
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import TABLES, Question, Store, TableRow
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work as Recording
from purchase_core.records.command import Command, Stage
from purchase_core.records.delivery import DONE, PENDING, Delivery, Settlement
from purchase_core.records.lane import LaneStep, customer_lane, customer_of
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import CONNECTIONS, T0, VERSIONS, later, price_references

LEASE_SECONDS = 30
KINDS = ("customer", "session", "subscription", "invoice")
COMMANDS = 3
EVENTS_MAX = 1_010
PAGE_ROWS = 4  # few, so that histories are read in several pages
PAGES_MAX = 100  # a store that pages in circles is told from the others all the same

_encode = msgspec.json.Encoder().encode

Told = Mapping[str, str]
"""What each reader said, by what it was asked."""


async def prepare(store: Store) -> None:
    """Tables, and everything that is sold."""
    await store.migrate()
    await store.commit(
        Batch("catalog", T0, prices=price_references(), offers=tuple(VERSIONS.values())),
    )


class World:
    """A store, a clock, and what has been committed so far."""

    def __init__(self, history: History, open_store: OpenStore) -> None:
        self.history = history
        self.clock = ManualClock(later(days=40))
        self._open = open_store
        self._stack = AsyncExitStack()
        self._ids = SeededIds(history.seed)
        self._batches: list[Batch] = []
        self._lanes: dict[str, None] = dict.fromkeys(map(customer_lane, history.customers))
        self._fresh: list[str] = list(self._lanes)
        self._objects = tuple(dict.fromkeys(fact.object for fact in history.facts))

    async def __aenter__(self) -> World:
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _begin(self) -> None:
        self.store = await self._stack.enter_async_context(self._open())
        asked = in_turn(self.store)
        shelf = OfferShelf(asked, VERSIONS.values())
        self.recorder = Recorder(asked, shelf, self.clock, self._ids, self._noted)
        self.spending = Spending(asked, self.recorder, shelf, self.clock, self._ids, self.history.seed)

    def _noted(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._fresh = [one.lane for one in batch.lanes]
        self._lanes.update(dict.fromkeys(self._fresh))

    # --- steps -------------------------------------------------------------------------------

    async def take(self, step: Step) -> str:
        """Take one step, and say how it ended: every store must say the same."""
        self._fresh = []
        try:
            return await self._take(step)
        except StoreError as error:
            key = f" {error.kind} {error.key}" if isinstance(error, KeyConflict) else ""
            return f"{type(error).__name__}{key}"

    async def _take(self, step: Step) -> str:
        match step:
            case Record(facts, event):
                return await self._record(facts, event)
            case Work(limit, state, late):
                return await self._work(limit, state, late=late)
            case Link(reference):
                await self.recorder.link(reference, cause="link")
            case Keep(event):
                await self._commit(self._batch(deliveries=(self._delivery(event, PENDING),)))
            case Ask():
                await self._commit(self._batch(command=self._command(step)))
            case Spend():
                return await self.spending.take(step)
            case Together(asked):
                told = await self.spending.take_all(asked)
                # Each lane has an order; which of two is written last is no part of the history.
                self._fresh = list(dict.fromkeys(customer_lane(one.customer) for one in asked))
                return told
            case Merge(customer, into):
                return await self.spending.merge(customer, into)
            case Stale(customer, ahead):
                await self._decide_on(customer_lane(customer), ahead)
            case _:
                return await self._go_on(step)
        return "committed"

    async def _go_on(self, step: Step) -> str:
        match step:
            case Again(back) if len(self._batches) >= back:
                await self.store.commit(self._batches[-back])
            case Wait(seconds):
                self.clock.advance(seconds=seconds)
            case Restart():
                await self._stack.aclose()
                await self._begin()
            case Drain():
                self.clock.advance(days=400)
                return await self._work(EVENTS_MAX, DONE, late=False)
        return "done"

    async def _decide_on(self, name: str, ahead: int) -> None:
        lane = await self.store.lane(name)
        guard = LaneStep(name, max(0, lane.version + ahead), lane.document, lane.linked_to)
        await self._commit(self._batch(lanes=(guard,)))

    async def _commit(self, batch: Batch) -> None:
        await self.store.commit(batch)
        self._noted(batch)

    async def _record(self, facts: tuple[Fact, ...], event: int) -> str:
        def kept(batch: Batch) -> Batch:
            return replace(batch, deliveries=(self._delivery(event, DONE),))

        recorded = await self.recorder.record(Recording(facts), cause=f"event {event}", addition=kept)
        if recorded.needs:
            wanted = {one.id for one in recorded.needs}
            known = [one for one in self.history.facts if one.kind == "invoice" and one.body.id in wanted]
            if known:
                return await self._record((max(known, key=lambda one: (one.final, one.order)), *facts), event)
        return f"{len(recorded.needs)} needs, {recorded.foreign} foreign, {recorded.contested}"

    async def _work(self, limit: int, state: str, *, late: bool) -> str:
        held = await self._claim(limit)
        if late:
            self.clock.advance(seconds=LEASE_SECONDS + 1)
            await self._claim(limit)
        for row in held:
            again = after(1, self.clock.now())
            done = Settlement(row.id, row.fence, state, "because", row.attempts, again)
            await self._commit(self._batch(settlements=(done,)))
        return f"held {[(row.id, row.fence, row.attempts) for row in held]}"

    async def _claim(self, limit: int) -> Sequence[Delivery]:
        now = self.clock.now()
        return await self.store.claim(now=now, lease_until=after(LEASE_SECONDS, now), limit=limit)

    def _batch(self, **parts: object) -> Batch:
        return Batch(self._ids.new("batch"), self.clock.now(), **parts)  # type: ignore[arg-type]

    def _delivery(self, event: int, state: str) -> Delivery:
        seed = self.history.seed
        return Delivery(
            id=f"delivery_{seed:012}_{event:06}",
            connection=CONNECTIONS[event % len(CONNECTIONS)],
            event_id=f"evt_{seed}_{event // 2}",
            event_type="told",
            object=self._objects[event % len(self._objects)],
            occurred_at=self.clock.now(),
            received_at=self.clock.now(),
            headers=(("signature", f"t={event}"),),
            body=bytes(range(256)) + str(event).encode(),
            state=state,
            available_at=self.clock.now(),
        )

    def _command(self, asked: Ask) -> Command:
        seed, now = self.history.seed, self.clock.now()
        return Command(
            key=f"{seed}:{asked.key}",
            id=f"command_{seed}_{asked.identifier}",
            kind="checkout",
            lane=next(iter(self._lanes)),
            fingerprint=f"{asked.key}",
            state=asked.state,
            connection=CONNECTIONS[0],
            reference="",
            created_at=now,
            updated_at=now,
            stages=(Stage(asked.state, now, "\u2028 because"),),
            request=b"\x00\xff",
        )

    # --- reads -------------------------------------------------------------------------------

    async def tell(self, *, everything: bool = False) -> Told:
        """What the readers say about the lanes that were just written; or about everything there is."""
        lanes = list(self._lanes) if everything else self._fresh
        told: dict[str, object] = {}
        for one in await asyncio.gather(*map(self._lane, lanes)):
            told |= one
        view = await self.store.look(Question(self._objects, lanes=tuple(lanes), whole_lanes=tuple(lanes)))
        told["references"] = sorted(view.references.items())
        told["lanes"] = sorted(view.lanes.items())
        told["clusters"] = [encode_cluster(one).decode() for _, one in sorted(view.clusters.items())]
        told["commands"] = [await self.store.command(f"{self.history.seed}:{key}") for key in range(COMMANDS)]
        if everything:
            told |= await self._everything()
        return {name: _encode(value).decode() for name, value in told.items()}

    async def _lane(self, name: str) -> dict[str, object]:
        store = self.store
        lane, facts, effects, references, tables = await asyncio.gather(
            store.lane(name),
            self._facts(name),
            store.effects(name),
            asyncio.gather(*(store.references_of(name, kind) for kind in KINDS)),
            asyncio.gather(*(self._rows(table, name) for table in TABLES)),
        )
        rows = [row for table in tables for row in table]
        return {
            f"rows of {name}": [canonical_hash(rows), rows],
            f"lane {name}": lane,
            f"wallet of {name}": await self._wallet(name),
            f"facts of {name}": facts,
            f"effects of {name}": effects,
            f"references of {name}": references,
        }

    async def _wallet(self, lane: str) -> object:
        customer = customer_of(lane)
        return await self.spending.tell(customer) if customer else []

    async def _rows(self, table: type[TableRow], lane: str) -> list[TableRow]:
        found: list[TableRow] = []
        for _ in range(PAGES_MAX):
            key = found[-1].key if found else ""
            page = await self.store.rows(table, lane=lane, after_key=key, limit=PAGE_ROWS)
            found += page
            if len(page) < PAGE_ROWS:
                break
        return found

    async def _facts(self, lane: str, known_at: Instant | None = None) -> list[object]:
        lanes = (lane, *await self.store.linked_lanes(lane))
        return [fact for one in lanes for fact in await self._facts_in(one, known_at)]

    async def _facts_in(self, lane: str, known_at: Instant | None) -> list[object]:
        found: list[object] = []
        after = 0
        for _ in range(PAGES_MAX):
            page = await self.store.facts(lane, known_at=known_at, after=after, limit=PAGE_ROWS)
            found += [
                [position, one.fact.key, one.fact.kind, one.lane, one.recorded_at, one.cause]
                for position, one in page
            ]
            if len(page) < PAGE_ROWS:
                break
            after = page[-1][0]
        return found

    async def _everything(self) -> dict[str, object]:
        store, seed = self.store, self.history.seed
        listed = [one for one in await store.deliveries(limit=EVENTS_MAX) if f"_{seed:012}_" in one.id]
        half = later(days=40, seconds=30)
        return {
            "deliveries": listed,
            "whole deliveries": [await store.delivery(one.connection, one.event_id) for one in listed],
            "open commands": [
                one
                for one in await store.open_commands(["checkout"], before=Instant(2**52), limit=1_000)
                if one.key.startswith(f"{seed}:")
            ],
            "the past": {lane: await self._facts(lane, half) for lane in self._lanes},
            "facts about": {
                key: [one.fact.key for one in await store.facts_about(key)] for key in self._objects
            },
            "committed": [await store.committed(one.id) for one in self._batches],
        }
