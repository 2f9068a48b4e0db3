"""What must hold after a wave: against what one process leaves behind that is told everything in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from purchase_core.billing import Billing, Parts
from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import canonical_hash
from purchase_core.facts.rows import ROW_TYPES, Row
from purchase_core.identifiers import RandomIds
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.reads.facts import recorded_facts
from purchase_core.records.delivery import DONE, EPOCH, IGNORED, QUARANTINED
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.testing.sales import CATALOG, VERSIONS
from purchase_sandbox.account.objects import Refund, Session
from purchase_sandbox.testing import CONNECTION
from tests.scale_out.journal import lines, read

if TYPE_CHECKING:
    from tests.scale_out.wave import Wave

EFFECTS_MAX = 1_000_000
TOKENS = 500  # of the pack that is sold
NAMED_MAX = 3
OWN = "own"  # the connection of our own decisions


async def checked(wave: Wave) -> None:
    """Note everything that is not as it must be."""
    await _deliveries(wave)
    _at_the_provider(wave)
    await _spendings(wave)
    await _told(wave)
    await _compared(wave)
    await _true(wave)


async def _deliveries(wave: Wave) -> None:
    """All that was acknowledged is there and done: every one was sent until it was acknowledged."""
    ids = [wave.harness.provider.parse(body).id for body in wave.sent]
    known = await wave.store.known_events(CONNECTION.name, ids)
    if lost := [one for one in ids if one not in known]:
        wave.find(f"{len(lost)} deliveries that were acknowledged are gone: {lost[:NAMED_MAX]}")
    for one in await wave.store.deliveries(state=QUARANTINED):
        wave.find(f"{one.event_type} {one.event_id} is quarantined: {one.reason}")
    states = Counter([one.state for one in await wave.store.deliveries(limit=1_000)])
    if odd := set(states) - {DONE, IGNORED}:
        wave.find(f"deliveries are {sorted(odd)}")


def _at_the_provider(wave: Wave) -> None:
    """What was asked for was done once."""
    for kind, wanted in ((Session, wave.tally.sales), (Refund, wave.refunds)):
        made = len(list(wave.harness.account.book.all(kind)))
        if made != wanted:
            wave.find(f"{wanted} times {kind.__name__} was asked for, and {made} were made")


async def _spendings(wave: Wave) -> None:
    """What was spent is spent once, and nothing else is."""
    billing = _billing(wave, wave.store)
    for customer, movements in wave.spent.items():
        journal = await billing.credits.history(customer, unit="ai")
        found = Counter([one.key for one in journal if one.kind == "consume"])
        if found != Counter(movements):
            wave.find(f"{customer} spent {len(movements)} times, and {sum(found.values())} are written down")
        for what in (await billing.credits.verify(customer)).problems:
            wave.find(f"the journal of {customer}: {what}")


async def _told(wave: Wave) -> None:
    """Fences held; each customer's effects were told in order, and all of them."""
    seen = read(lines(Path(wave.crowd.life.journal)))
    wave.tally.claims, wave.tally.told, wave.tally.told_again = seen.claims, seen.told, seen.told_again
    for what in seen.findings:
        wave.find(what)
    for customer in sorted(wave.customers):
        lane = f"customer:{customer}"
        places = [one.place for one in await wave.store.effects(lane, limit=EFFECTS_MAX)]
        if places != seen.firsts.get(lane, []):
            wave.find(f"{len(places)} effects of {customer}, and {len(seen.firsts.get(lane, []))} were told")


async def _compared(wave: Wave) -> None:
    """Rows and facts are those of one process that was told everything in order."""
    async with _in_order(wave) as alone:
        for customer in sorted(wave.customers):
            lane = f"customer:{customer}"
            found, wanted = await _rows(wave.store, lane), await _rows(alone, lane)
            if canonical_hash(found.values()) != canonical_hash(wanted.values()):
                wave.find(f"rows of {customer} are not those of one process in order: {_odd(found, wanted)}")
            here, there = await _facts(wave.store, lane), await _facts(alone, lane)
            # What was looked up is a fact of the moment at which it was: each side has its own.
            if lost := [one for one in there if one not in here]:
                wave.find(f"{len(lost)} facts of {customer} are lost: {lost[:NAMED_MAX]}")
            if doubled := [one for one, count in here.items() if count > 1]:
                wave.find(f"facts of {customer} are doubled: {doubled[:NAMED_MAX]}")


async def _true(wave: Wave) -> None:
    """What is stored of each customer is what its facts amount to."""
    billing = _billing(wave, wave.store)
    for customer in sorted(wave.customers):
        rebuilt = await billing.rebuild.one(f"customer:{customer}", shadow=True)
        for one in rebuilt.differences:
            wave.find(f"{customer} is not the fold of its facts: {one}")


async def _rows(store: Store, lane: str) -> dict[str, Row]:
    """The rows, but for when each was last seen: what was looked up was seen once more."""
    rows = [row for table in ROW_TYPES for row in await store.rows(table, lane=lane)]
    return {row.key: replace(row, seen_at=EPOCH) if hasattr(row, "seen_at") else row for row in rows}


def _odd(found: dict[str, Row], wanted: dict[str, Row]) -> str:
    """The first row that differs, and how."""
    for key in sorted({*found, *wanted}):
        one, other = found.get(key), wanted.get(key)
        if one is None or other is None:
            return f"{key} is {'missing' if one is None else 'too much'}"
        if one != other:
            names = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)]
            return ", ".join(
                f"{key}.{name} is {getattr(one, name)!r}, not {getattr(other, name)!r}" for name in names
            )
    return "nothing"


async def _facts(store: Store, lane: str) -> Counter[str]:
    return Counter([one.fact.key async for one in recorded_facts(store, lane)])


@asynccontextmanager
async def _in_order(wave: Wave) -> AsyncIterator[Store]:
    """A store in memory, after what was decided and then every webhook, one after the other."""
    async with MemoryStore(MemoryDatabase(1)) as store:
        await store.migrate()
        prices = await wave.store.prices_of(CONNECTION.name)
        await store.commit(
            Batch("first", wave.clock.now(), prices=tuple(prices), offers=tuple(VERSIONS.values()))
        )
        offers = OfferShelf(store, VERSIONS.values())
        recorder = Recorder(store, offers, wave.clock, RandomIds(), lambda _: None)
        for customer in sorted(wave.customers):
            lane = f"customer:{customer}"
            for one in await wave.store.references_of(lane, "customer"):
                await recorder.link(one, cause="checkout")
            for fact in await _decided(wave.store, lane):
                await recorder.record(Work((fact,)), cause="checkout", addition=lambda batch: batch)
        billing = _billing(wave, store)
        for body in wave.sent:
            await billing.webhooks.receive(CONNECTION.name, body, wave.harness.sign(body))
        while (await billing.webhooks.drain()).worked:
            pass
        yield store


async def _decided(store: Store, lane: str) -> Sequence[Fact]:
    """What the application itself decided: nobody else can tell of that."""
    return [one.fact async for one in recorded_facts(store, lane) if one.fact.connection == OWN]


def _billing(wave: Wave, store: Store) -> Billing:
    return Billing(
        Parts(
            catalog=CATALOG,
            store=store,
            connections={CONNECTION.name: wave.harness.provider},
            router=PolicyRouter(),
            listeners=Listeners(Registry()),
            clock=wave.clock,
            ids=RandomIds(),
        )
    )
