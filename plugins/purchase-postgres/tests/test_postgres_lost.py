"""Connections that break, and transactions that the server ends: what is done about it, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from purchase_contract_tests.store.inbox import claim, keep
from purchase_contract_tests.store.samples import (
    ANA,
    NOW,
    case,
    delivery,
    reference,
    row_of_each_table,
    step,
)
from purchase_core.errors import LaneConflict, StoreUnavailable
from purchase_core.facts.rows import ROW_TYPES, CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.running import SENDS_MAX
from purchase_postgres.store import PostgresStore
from purchase_postgres.testing import Line
from purchase_sql.encode import Operation

CUTS = 24  # places at which a batch is cut, spread over all of its bytes
WAIT_SECONDS_MAX = 60
BLOCKED = "SELECT pid FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"


@asynccontextmanager
async def migrated(address: str, *, connections: int = 1) -> AsyncIterator[PostgresStore]:
    config = PostgresConfig(
        Secret(address),
        prepared_statements=False,
        pool_connections_max=connections,
        pool_wait_seconds=WAIT_SECONDS_MAX,
    )
    async with await PostgresStore.open(config) as store:
        await store.migrate()
        yield store


@asynccontextmanager
async def behind(line: Line, address: str) -> AsyncIterator[PostgresStore]:
    """A store whose server is behind the line."""
    async with line.listening(address) as through, migrated(through) as store:
        line.count_anew()
        yield store


def batch(number: int = 1) -> Batch:
    return Batch(f"batch_{number}", NOW, lanes=(step(f"customer:{number}"),), rows=(case(f"case_{number}"),))


def wide(number: int) -> Batch:
    """A batch with a row in every table of the projection; all of them are equally long."""
    rows = tuple(replace(row, key=f"{number:03}") for row in row_of_each_table())
    return Batch(
        f"batch_{number:03}", NOW, lanes=(step(ANA, number),), rows=rows, deliveries=(delivery(number),)
    )


async def who_waits_for(address: str, pid: int) -> int:
    """The process that waits for a lock of this one, as soon as there is one."""
    async with (
        asyncio.timeout(WAIT_SECONDS_MAX),
        await AsyncConnection.connect(address, autocommit=True) as observer,
    ):
        while True:
            found = await (await observer.execute(BLOCKED, (pid,))).fetchone()
            if found:
                return int(found[0])


@pytest.mark.parametrize("passes_on", [True, False], ids=["answer lost", "request lost"])
def test_f81_a_batch_whose_commit_got_no_answer_is_looked_for_and_counts_once(
    address: str, *, passes_on: bool
) -> None:
    async def run() -> None:
        line = Line(address)
        async with migrated(address) as beside, behind(line, address) as store:
            line.cut_at, line.passes_on = b"COMMIT", passes_on
            await store.commit(batch())
            assert line.cuts_left == 0
            assert await beside.committed("batch_1")
            assert (await beside.lane("customer:1")).version == 1
            assert list(await beside.rows(CaseRow)) == [case("case_1")]

    asyncio.run(run())


@pytest.mark.parametrize("passes_on", [True, False], ids=["answer lost", "request lost"])
def test_f81_a_line_that_breaks_every_time_leaves_the_outcome_unknown(
    address: str, *, passes_on: bool
) -> None:
    async def run() -> None:
        line = Line(address)
        async with migrated(address) as beside, behind(line, address) as store:
            line.cut_at, line.passes_on, line.cuts_left = b"COMMIT", passes_on, SENDS_MAX
            with pytest.raises(StoreUnavailable) as lost:
                await store.commit(batch())
            assert lost.value.outcome_unknown
            assert line.cuts_left == 0
            assert await beside.committed("batch_1") == passes_on
            await store.commit(batch())
            assert (await beside.lane("customer:1")).version == 1

    asyncio.run(run())


@pytest.mark.parametrize("side", ["cut_after", "cut_answer_after"])
def test_f82_f93_a_batch_that_is_cut_at_any_byte_is_written_whole_and_once(address: str, side: str) -> None:
    async def run() -> None:
        line = Line(address)
        async with migrated(address) as beside, behind(line, address) as store:
            await store.commit(wide(0))
            size = line.sent if side == "cut_after" else line.answered
            for number in range(1, CUTS):
                line.count_anew()
                line.cuts_left = 1
                setattr(line, side, number * size // CUTS)
                await store.commit(wide(number))
                setattr(line, side, None)
                assert line.cuts_left == 0
                assert (await beside.lane(ANA)).version == number + 1
                assert await beside.delivery("acme", f"evt_{number}")
            for kind in ROW_TYPES:
                assert len(await beside.rows(kind)) == CUTS

    asyncio.run(run())


def test_f82_a_batch_that_loses_its_connection_while_it_waits_is_sent_again(address: str) -> None:
    async def run() -> None:
        async with migrated(address) as store:
            await store.commit(batch())
            async with await AsyncConnection.connect(address) as other:
                await other.execute("UPDATE lanes SET version = version WHERE lane = 'customer:1'")
                waiting = asyncio.create_task(store.commit(replace(batch(2), lanes=(step("customer:1", 1),))))
                pid = await who_waits_for(address, other.info.backend_pid)
                await other.execute("SELECT pg_terminate_backend(%s)", (pid,))
                assert await who_waits_for(address, other.info.backend_pid) != pid
                await other.rollback()
                await waiting
            assert [row.key for row in await store.rows(CaseRow)] == ["case_1", "case_2"]

    asyncio.run(run())


def test_f82_a_batch_that_is_sent_again_under_a_lane_that_moved_is_to_be_decided_again(address: str) -> None:
    async def run() -> None:
        line = Line(address)
        async with migrated(address) as beside, behind(line, address) as store:
            line.cut_at, line.passes_on = b"COMMIT", False
            write_once = store._run._write_once

            async def overtaken(operations: Sequence[Operation], *, guarded: bool) -> None:
                try:
                    await write_once(operations, guarded=guarded)
                finally:
                    await beside.commit(replace(batch(3), lanes=(step(ANA),)))

            store._run._write_once = overtaken  # type: ignore[method-assign]
            with pytest.raises(LaneConflict):
                await store.commit(replace(batch(2), lanes=(step(ANA),)))
            assert [row.key for row in await store.rows(CaseRow)] == ["case_3"]

    asyncio.run(run())


def test_connections_that_ended_while_nobody_used_them_are_noticed(address: str) -> None:
    """As after a restart of the server. A claim is sent once, so it must not be sent to nobody."""

    async def run() -> None:
        async with migrated(make_conninfo(address, application_name="idle"), connections=3) as store:
            await asyncio.gather(*(store.commit(batch(number)) for number in range(9)))
            await keep(store, delivery())
            with psycopg.connect(address, autocommit=True) as other:
                ended = other.execute(
                    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                    "WHERE application_name = 'idle'"
                ).fetchone()
            assert ended is not None
            assert ended[0] >= 1, "as many as were needed, of three"
            assert len(await claim(store)) == 1
            assert (await store.lane("customer:1")).version == 1
            await store.commit(batch(10))

    asyncio.run(run())


def test_a_question_whose_answer_is_lost_is_asked_again(address: str) -> None:
    async def run() -> None:
        line = Line(address)
        async with behind(line, address) as store:
            await store.commit(batch())
            line.cut_at = b"SELECT"
            assert (await store.lane("customer:1")).version == 1
            assert line.cuts_left == 0

    asyncio.run(run())


def test_f80_what_the_server_ends_is_decided_again(address: str) -> None:
    """A transaction of somebody else takes our rows in another order than ours."""

    async def run() -> None:
        async with migrated(address) as store:
            there = Batch("batch_0", NOW, references=(reference("re_1"), reference("re_2")))
            await store.commit(there)
            async with crossing(address, store, replace(there, id="batch_1", lanes=(step(ANA),))) as mine:
                with pytest.raises(LaneConflict, match="40P01"):
                    await mine
            assert not await store.committed("batch_1")
            await store.commit(replace(there, id="batch_1", lanes=(step(ANA),)))

    asyncio.run(run())


def test_f80_a_batch_that_nothing_guards_is_sent_again_when_the_server_ends_it(address: str) -> None:
    async def run() -> None:
        async with migrated(address) as store:
            there = Batch("batch_0", NOW, references=(reference("re_1"), reference("re_2")))
            await store.commit(there)
            async with crossing(address, store, replace(there, id="batch_1")) as mine:
                pass
            await mine
            assert await store.committed("batch_1")

    asyncio.run(run())


@asynccontextmanager
async def crossing(address: str, store: PostgresStore, ours: Batch) -> AsyncIterator[asyncio.Task[None]]:
    """Commit a batch while another transaction wants its two references in the opposite order."""
    first, second = (one.object for one in ours.references)
    update = "UPDATE object_references SET root = root WHERE object = %s"
    async with await AsyncConnection.connect(address) as other:
        await other.execute(update, (second,))
        mine = asyncio.create_task(store.commit(ours))
        await who_waits_for(address, other.info.backend_pid)
        theirs = asyncio.create_task(other.execute(update, (first,)))
        yield mine
        await theirs
        await other.rollback()
