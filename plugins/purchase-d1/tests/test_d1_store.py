"""What is D1's own about the store: its limits, its numbers, and many that share one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from msgspec.structs import replace

from purchase_contract_tests.store.picture import picture
from purchase_contract_tests.store.samples import (
    ANA,
    NOW,
    batch_of_everything,
    case,
    command,
    delivery,
    recorded,
    refund,
    step,
)
from purchase_core.errors import InvalidArgument, LaneConflict, LeaseLost, SchemaError, StoreUnavailable
from purchase_core.facts.rows import CaseRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question
from purchase_core.records.delivery import DONE, Settlement
from purchase_core.secret import Secret
from purchase_d1.bodies import BODY_BYTES_MAX, PART_BYTES_MAX
from purchase_d1.config import D1Config
from purchase_d1.local import Address
from purchase_d1.running import Pace
from purchase_d1.store import D1Store
from purchase_d1.testing import FakeD1, FakeTransport, own_tables
from purchase_d1.transport import Answer
from purchase_sql.migration import migrations
from purchase_sql.wire import WHOLE_MAX, WHOLE_MIN, Sent

LEASE = Instant(NOW + 1)
PROCESSES = 8


@asynccontextmanager
async def migrated(database: Address) -> AsyncIterator[D1Store]:
    async with own_tables(database) as config, await D1Store.open(config) as store:
        await store.migrate()
        yield store


@asynccontextmanager
async def several(config: D1Config, number: int) -> AsyncIterator[list[D1Store]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(await D1Store.open(config)) for _ in range(number)]


def test_f85_integers_of_64_bits_are_kept_to_the_digit(database: Address) -> None:
    async def run() -> None:
        async with migrated(database) as store:
            amounts = (WHOLE_MAX, WHOLE_MIN, 2**53 + 1, -(2**53) - 1)
            rows = tuple(replace(case(f"case_{place}"), amount=one) for place, one in enumerate(amounts))
            await store.commit(Batch("batch_1", NOW, rows=rows))
            assert list(await store.rows(CaseRow)) == list(rows)
            with pytest.raises(InvalidArgument, match="64 bits"):
                await store.commit(Batch("batch_2", NOW, rows=(replace(case(), amount=WHOLE_MAX + 1),)))
            assert not await store.committed("batch_2")

    asyncio.run(run())


def test_f29_every_character_is_kept(database: Address) -> None:
    text = "\x01\x7f\x80\ud7ff\ue000\ufffd\uffff" + "".join(chr(plane << 16 | 0xFFFD) for plane in range(17))

    async def run() -> None:
        async with migrated(database) as store:
            row = case(f"key {text}", f"customer:{text}", detail=text)
            fact = recorded(refund(), f"customer:{text}", cause=text)
            body = replace(delivery(), event_id=text, headers=((text, text),), reason=text)
            lanes = (step(f"customer:{text}"),)
            await store.commit(Batch(text, NOW, lanes, rows=(row,), facts=(fact,), deliveries=(body,)))
            assert list(await store.rows(CaseRow, lane=f"customer:{text}")) == [row]
            assert [one for _, one in await store.facts(f"customer:{text}")] == [fact]
            assert await store.delivery("acme", text) == body
            assert await store.committed(text)

    asyncio.run(run())


@pytest.mark.parametrize("size", [PART_BYTES_MAX, PART_BYTES_MAX + 1, 2 * PART_BYTES_MAX + 1, BODY_BYTES_MAX])
def test_f85_a_body_in_parts_is_whole_again_in_one_batch(database: Address, size: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]

    async def run() -> None:
        async with migrated(database) as store:
            kept = (replace(delivery(1), body=body), replace(delivery(2), body=b"short"))
            with pytest.raises(LaneConflict):
                await store.commit(Batch("batch_1", NOW, lanes=(step(ANA, 7),), deliveries=kept))
            assert not await store.deliveries()
            await store.commit(Batch("batch_1", NOW, deliveries=kept))
            for one in kept:
                found = await store.delivery_by_id(one.id)
                assert found is not None
                assert found.body == one.body, "some of it is not as it was"

    asyncio.run(run())


def test_f85_a_body_that_d1_cannot_keep_is_refused_before_anything_is_sent() -> None:
    async def run() -> None:
        line = FakeTransport(FakeD1())
        async with D1Store(line) as store:
            with pytest.raises(InvalidArgument, match="1900001 bytes"):
                await store.commit(
                    Batch("batch_1", NOW, deliveries=(replace(delivery(), body=b"x" * (BODY_BYTES_MAX + 1)),))
                )
        assert not line.requests

    asyncio.run(run())


def test_f85_a_row_that_is_too_long_is_refused_whole() -> None:
    async def run() -> None:
        database = FakeD1()
        async with D1Store(FakeTransport(database)) as store:
            await store.migrate()
            with pytest.raises(InvalidArgument, match="larger than D1 takes"):
                await store.commit(
                    Batch("batch_1", NOW, lanes=(step(),), rows=(case(detail="x" * 2_000_000),))
                )
            assert (await store.lane(ANA)).version == 0

    asyncio.run(run())


def test_f85_a_large_batch_is_few_statements() -> None:
    async def run() -> None:
        line = FakeTransport(FakeD1())
        async with D1Store(line) as store:
            await store.migrate()
            line.requests.clear()
            large = replace(
                batch_of_everything(), rows=tuple(case(f"case_{number:04}") for number in range(900))
            )
            await store.commit(large)
            (statements,) = line.requests
            assert len(statements) == len({text for text, _ in statements})  # each once
            assert max(len(values) for _, values in statements) == 1
            assert list(await store.rows(CaseRow)) == list(large.rows)

    asyncio.run(run())


def test_f86_what_a_decision_reads_is_what_was_written_last(database: Address) -> None:
    """No replica is asked: what another instance has just written is in the next view of everybody."""

    async def run() -> None:
        async with own_tables(database) as config, several(config, 2) as (one, other):
            await one.migrate()
            for version in range(20):
                await one.commit(Batch(f"batch_{version}", NOW, lanes=(step(ANA, version),)))
                view = await other.look(Question(lanes=(ANA,)))
                assert view.lanes[ANA].version == version + 1

    asyncio.run(run())


def test_f85_many_instances_on_one_lane_lose_nothing_and_double_nothing(database: Address) -> None:
    async def add(store: D1Store, name: str) -> None:
        """Ten decisions, each taken again until its version is the newest."""
        for number in range(10):
            while True:
                version = (await store.lane(ANA)).version
                row = case(f"{name}_{number}")
                batch = Batch(f"{name}_{number}_{version}", NOW, lanes=(step(ANA, version),), rows=(row,))
                try:
                    await store.commit(batch)
                except LaneConflict:
                    continue
                break

    async def run() -> None:
        async with own_tables(database) as config, several(config, 4) as stores:
            await stores[0].migrate()
            await asyncio.gather(*(add(store, f"worker_{place}") for place, store in enumerate(stores)))
            assert (await stores[0].lane(ANA)).version == 40
            assert len(await stores[0].rows(CaseRow)) == 40

    asyncio.run(run())


def test_f88_several_processes_migrate_at_once(database: Address) -> None:
    async def run() -> None:
        async with own_tables(database) as config, several(config, PROCESSES) as stores:
            states = await asyncio.gather(*(store.migrate() for store in stores))
            assert {state.current for state in states} == {True}
            await stores[0].commit(batch_of_everything())
            before = await picture(stores[0])
            await asyncio.gather(*(store.migrate() for store in stores))
            assert await picture(stores[1]) == before

    asyncio.run(run())


def test_f88_tables_that_another_process_makes_meanwhile_are_ours() -> None:
    class Meanwhile(FakeTransport):
        """Lets another process migrate between two questions of this one."""

        async def batch(self, statements: Sequence[Sent]) -> Answer:
            if "json_each" in statements[0][0] and statements[0][0].startswith("SELECT name"):
                await D1Store(FakeTransport(self.database)).migrate()
            return await super().batch(statements)

    async def run() -> None:
        async with D1Store(Meanwhile(FakeD1())) as store:
            assert (await store.migrate()).current

    asyncio.run(run())


def test_f88_what_another_began_to_migrate_is_brought_to_its_end() -> None:
    """As wrangler may leave it, whose migrations are no transactions: some tables, and no version."""
    steps = migrations("sqlite", "")
    made = [statement for step in steps for statement in step.statements]

    async def run() -> None:
        for done in range(len(made)):
            database = FakeD1()
            for statement in made[: done + 1]:
                database.batch([(statement, ())])
            async with D1Store(FakeTransport(database)) as store:
                assert (await store.schema()).found == 0
                assert (await store.migrate()).current
                await store.commit(batch_of_everything())

    asyncio.run(run())


@pytest.mark.parametrize(
    "theirs",
    ['"{prefix}lanes" (colour TEXT)', '"{prefix}schema_version" (colour TEXT)'],
    ids=["lanes", "version"],
)
def test_f98_tables_that_are_not_ours_are_left_alone(database: Address, theirs: str) -> None:
    async def run() -> None:
        async with own_tables(database) as config, await D1Store.open(config) as store:
            await store.transport.batch([("CREATE TABLE " + theirs.replace("{prefix}", config.prefix), ())])
            with pytest.raises(SchemaError, match="not ours"):
                await store.migrate()
            assert (await store.schema()).found == 0

    asyncio.run(run())


def test_f82_f93_a_batch_that_fails_at_any_of_its_statements_leaves_nothing() -> None:
    class Breaking(FakeTransport):
        """Puts a statement that fails behind so many of a batch's own."""

        at = -1

        async def batch(self, statements: Sequence[Sent]) -> Answer:
            if self.at >= 0 and not statements[0][0].startswith("SELECT"):
                broken = [*statements[: self.at], ("SELECT * FROM nowhere", ()), *statements[self.at :]]
                return await super().batch(broken)
            return await super().batch(statements)

    async def run() -> None:
        line = Breaking(FakeD1())
        async with D1Store(line, pace=Pace(1, 0.0)) as store:
            await store.migrate()
            before = await picture(store)
            await store.commit(Batch("counted", NOW))
            line.requests.clear()
            counting = D1Store(FakeTransport(FakeD1()))
            await counting.migrate()
            await counting.commit(batch_of_everything())
            statements = len(counting.transport.requests[-1])  # type: ignore[attr-defined]
            assert statements > 15
            for place in range(statements + 1):
                line.at = place
                with pytest.raises(SchemaError):
                    await store.commit(batch_of_everything())
                line.at = -1
                assert await picture(store) == before
            await store.commit(batch_of_everything())
            assert await picture(store) == await picture(counting)

    asyncio.run(run())


def test_f91_a_worker_that_comes_back_after_its_lease_commits_nothing(database: Address) -> None:
    async def run() -> None:
        async with own_tables(database) as config, several(config, 2) as (slow, quick):
            await slow.migrate()
            await slow.commit(Batch("batch_1", NOW, deliveries=(delivery(),)))
            (held,) = await slow.claim(now=NOW, lease_until=LEASE, limit=1)
            (taken,) = await quick.claim(now=Instant(LEASE + 1), lease_until=Instant(LEASE + 2), limit=1)
            assert (held.fence, taken.fence) == (1, 2)
            late = Settlement(held.id, held.fence, DONE, "", held.attempts, NOW)
            with pytest.raises(LeaseLost):
                await slow.commit(Batch("batch_2", NOW, lanes=(step(),), settlements=(late,)))
            assert (await slow.lane(ANA)).version == 0
            await quick.commit(Batch("batch_3", NOW, settlements=(replace(late, fence=taken.fence),)))

    asyncio.run(run())


def test_f92_claims_of_many_instances_share_no_row(database: Address) -> None:
    async def run() -> None:
        async with own_tables(database) as config, several(config, 4) as stores:
            await stores[0].migrate()
            rows = tuple(delivery(number) for number in range(40))
            await stores[0].commit(Batch("batch_1", NOW, deliveries=rows))
            claims = await asyncio.gather(
                *(store.claim(now=NOW, lease_until=LEASE, limit=3) for store in stores for _ in range(5))
            )
            held = [row.id for claim in claims for row in claim]
            assert sorted(held) == sorted(row.id for row in rows)

    asyncio.run(run())


def test_t07_a_hostile_value_is_data_in_json_too(database: Address) -> None:
    async def run() -> None:
        async with migrated(database) as store:
            text = "'); DROP TABLE lanes; -- \"]]"
            await store.commit(Batch("batch_1", NOW, lanes=(step(text),), command=command(text, text)))
            assert (await store.lane(text)).version == 1
            assert await store.command(text) == command(text, text)

    asyncio.run(run())


def test_nobody_there_is_unavailable_and_nothing_happened() -> None:
    async def run() -> None:
        config = D1Config("http://127.0.0.1:9", Secret("t" * 32), tries_max=2, retry_seconds=0.001)
        async with await D1Store.open(config) as store:
            with pytest.raises(StoreUnavailable, match="nobody answers") as unavailable:
                await store.commit(Batch("batch_1", NOW))
            assert not unavailable.value.outcome_unknown

    asyncio.run(run())
