"""Many processes on one database: duplicates, overdrafts, stalls and deaths, and what must hold afterwards.

Not a benchmark of speed: it fails if anything was lost, doubled, or left otherwise than by one process.
The second table says what a hot customer costs: decisions of one process on one lane, against fifty lanes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.figures import median
from benchmarks.workers import DIED, OVERDRAFT, PURSE_AMOUNT, Spec, opened, recorder_of, sold
from purchase_core.facts.fold import canonical_hash
from purchase_core.facts.rows import ROW_TYPES
from purchase_core.identifiers import RandomIds
from purchase_core.instants import SystemClock
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import Store
from purchase_core.projection.work import Work
from purchase_core.reads.facts import recorded_facts
from purchase_core.records.delivery import DONE
from purchase_core.records.lane import LaneStep
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.testing.sales import T0, VERSIONS, price_references
from purchase_postgres.testing import from_wheel, schema

PROCESSES = 8
CAMPAIGN_SECONDS_MAX = 600
CONCURRENT = 50
HEAD = (
    "| database | processes | events | received again | stalls | fenced off | died | overdrafts refused "
    "| lost | doubled | state | outbox |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


async def run(*, short: bool) -> None:
    """Print what was counted and found, for each database, and then the hot customer."""
    sales, purses, rounds = (40, 3, 3) if short else (600, 10, 9)
    print(HEAD)
    async with databases() as specs:
        for spec in specs:
            await campaign(msgspec.structs.replace(spec, processes=PROCESSES, sales=sales, purses=purses))
    print(f"\n| database | {CONCURRENT} customers | one customer | ratio | goal |\n|---|---|---|---|---|")
    async with databases() as specs:
        for spec in specs:
            await hot(spec, rounds)


@asynccontextmanager
async def databases() -> AsyncIterator[Sequence[Spec]]:
    """An empty one of each kind, both of which sync what they commit."""
    with TemporaryDirectory() as folder, from_wheel(durable=True) as address, schema(address) as name:
        yield Spec("sqlite", str(Path(folder) / "purchase.db")), Spec("postgres", address, name)


async def prepare(store: Store, spec: Spec) -> None:
    """Tables, offers, prices, purses, and the intents, which are there before anybody can tell of them."""
    await store.migrate()
    purses = tuple(
        LaneStep(f"customer:purse_{number}", 0, b"%d" % PURSE_AMOUNT) for number in range(spec.purses)
    )
    await store.commit(
        Batch("first", T0, lanes=purses, prices=price_references(), offers=tuple(VERSIONS.values()))
    )
    recorder = recorder_of(store)
    for intent in sold(spec.sales)[0]:
        await recorder.record(Work((intent,)), cause="checkout", addition=lambda batch: batch)


async def campaign(spec: Spec) -> None:
    """Let all processes work at once, and compare with what one leaves behind."""
    async with await opened(spec) as store:
        await prepare(store, spec)
    started = time.monotonic()
    counts, died = work(spec)
    seconds = time.monotonic() - started
    expected = await in_order(spec)
    async with await opened(spec) as store:
        found = await state(store, spec)
        lost, doubled = expected.facts - found.facts, found.facts - expected.facts
        events = len(sold(spec.sales)[1])
        done = await deliveries(store)
        spent = [await store.lane(f"customer:purse_{number}") for number in range(spec.purses)]
        assert [int(lane.document) for lane in spent] == [0] * spec.purses
        asked = spec.purses * PURSE_AMOUNT * OVERDRAFT
        spendings = [await store.command(f"spend_{number}") for number in range(asked)]
        assert len([one for one in spendings if one]) == spec.purses * PURSE_AMOUNT
        assert sorted(done) == sorted(f"evt_{number}" for number in range(events))
        assert found.hash == expected.hash
        assert found.ordered
        assert not lost
        assert not doubled
    cells = (
        spec.database,
        spec.processes,
        f"{events:,} in {seconds:.0f} s",
        f"{counts['received by another']:,}",
        counts["stalls"],
        counts["fenced off"],
        died,
        f"{counts['overdrafts refused']:,}",
        len(lost),
        len(doubled),
        "equal",
        "in order",
    )
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def work(spec: Spec) -> tuple[Counter[str], int]:
    """Run all workers, of which one dies and is replaced. What they counted, and how many died."""
    counts: Counter[str] = Counter()
    died = 0
    events = len(sold(spec.sales)[1])
    workers = [worker(spec, number, 0 if number else events // 40) for number in range(spec.processes)]
    while workers:
        process = workers.pop(0)
        out, _ = process.communicate(timeout=CAMPAIGN_SECONDS_MAX)
        if process.returncode == DIED:
            died += 1
            workers.append(worker(spec, 0, 0))
            continue
        assert process.returncode == 0
        counts += Counter(msgspec.json.decode(out))
    return counts, died


def worker(spec: Spec, number: int, dies_after: int) -> subprocess.Popen[bytes]:
    """Start one worker."""
    told = msgspec.structs.replace(spec, number=number, dies_after=dies_after)
    command = [sys.executable, "-m", "benchmarks.workers", msgspec.json.encode(told).decode()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])  # noqa: S603  # ourselves


class State(msgspec.Struct, frozen=True):
    """What a database holds: canonical hash, how often each fact is there, whether the outbox is in order."""

    hash: str
    facts: Counter[str]
    ordered: bool


async def state(store: Store, spec: Spec) -> State:
    """Read everything."""
    rows = []
    for table in ROW_TYPES:
        after = ""
        while page := await store.rows(table, after_key=after):
            rows += page
            after = page[-1].key
    facts: Counter[str] = Counter()
    ordered = True
    for customer in {getattr(one.body, "customer", "") for one in sold(spec.sales)[0]}:
        lane = await store.lane(f"customer:{customer}")
        facts += Counter([one.fact.key async for one in recorded_facts(store, lane.lane)])
        places = [(one.lane_version, one.position) for one in await store.effects(lane.lane, limit=1_000_000)]
        ordered &= places == sorted(set(places)) and all(version <= lane.version for version, _ in places)
    return State(canonical_hash(rows), facts, ordered)


async def deliveries(store: Store) -> list[str]:
    """The events that are done."""
    found: list[str] = []
    before = ""
    while page := await store.deliveries(state=DONE, before_id=before, limit=PAGE_ROWS_MAX):
        found += [one.event_id for one in page]
        before = page[-1].id
    return found


async def in_order(spec: Spec) -> State:
    """What one process leaves behind that does everything in order."""
    async with MemoryStore(MemoryDatabase(1)) as store:
        await prepare(store, spec)
        recorder = recorder_of(store)
        for fact in sold(spec.sales)[1]:
            await recorder.record(Work((fact,)), cause="told", addition=lambda batch: batch)
        return await state(store, spec)


async def hot(spec: Spec, rounds: int) -> None:
    """Decisions a second of one process: on fifty customers, and on one."""
    async with await opened(spec) as store:
        await store.migrate()
        recorder, ids, clock = recorder_of(store), RandomIds(), SystemClock()
        rates: dict[bool, list[float]] = {True: [], False: []}
        each = 10

        async def decide(lane: str) -> None:
            for _ in range(each):
                await recorder.record(Work(lanes=(lane,)), cause=ids.new("c"), addition=lambda batch: batch)

        await store.commit(Batch("made", clock.now(), lanes=(LaneStep("customer:one", 0, b""),)))
        for round_ in range(rounds + 1):
            for one in (False, True):
                lanes = ["customer:one" if one else f"customer:{number}" for number in range(CONCURRENT)]
                started = time.perf_counter()
                await asyncio.gather(*map(decide, lanes))
                if round_:  # the first warms up
                    rates[one].append(CONCURRENT * each / (time.perf_counter() - started))
        ratios = [one / many for one, many in zip(rates[True], rates[False], strict=True)]
        print(
            f"| {spec.database} | {median(rates[False]):,.0f}/s | {median(rates[True]):,.0f}/s "
            f"| {100 * median(ratios):.0f} % ({100 * min(ratios):.0f}..{100 * max(ratios):.0f}) | >= 50 % |",
            flush=True,
        )
