"""The writer: one transaction for whatever waits, a savepoint each, nothing acknowledged before COMMIT."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from purchase_contract_tests.store.samples import ANA, NOW, batch_of_everything, case, delivery, step
from purchase_core.errors import (
    InvalidArgument,
    InvalidText,
    KeyConflict,
    LaneConflict,
    StoreUnavailable,
)
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.records.lane import Lane
from purchase_sql.shapes import Value
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

WAIT_SECONDS_MAX = 30.0


class Gate:
    """Records statements, and holds the writer's thread at one of them until it is opened."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.hold_at = ""
        self.error: Exception | None = None
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, text: str, values: Sequence[Value]) -> None:
        self.statements.append(text)
        if text != self.hold_at:
            return
        if self.error is not None:
            raise self.error
        self.reached.set()
        assert self.opened.wait(WAIT_SECONDS_MAX)

    def close(self, hold_at: str) -> None:
        """Hold the next such statement."""
        self.statements.clear()
        self.hold_at = hold_at
        self.reached.clear()
        self.opened.clear()

    async def until_reached(self) -> None:
        """Wait for the writer to come to the gate."""
        assert await asyncio.to_thread(self.reached.wait, WAIT_SECONDS_MAX)


@asynccontextmanager
async def migrated(
    folder: Path, gate: Gate | None = None, config: SqliteConfig | None = None
) -> AsyncIterator[SqliteStore]:
    config = config or SqliteConfig("purchase.db")
    async with await SqliteStore.open(config, folder=folder, recorder=gate) as store:
        await store.migrate()
        yield store


def numbered(number: int, version: int = 0) -> Batch:
    lane = f"customer:{number}"
    return Batch(f"batch_{number}", NOW, lanes=(step(lane, version),), rows=(case(f"case_{number}"),))


async def outcome(store: SqliteStore, batch: Batch) -> str:
    try:
        await store.commit(batch)
    except Exception as error:
        return type(error).__name__
    return "committed"


async def together(store: SqliteStore, gate: Gate, batches: Sequence[Batch]) -> list[str]:
    """Commit so that all of them wait at once: the writer is held at a batch before them."""
    gate.close("COMMIT")
    first = asyncio.create_task(store.commit(Batch("first", NOW)))
    await gate.until_reached()
    waiting = [asyncio.create_task(outcome(store, batch)) for batch in batches]
    await asyncio.sleep(0)  # each has put its batch into the queue
    gate.hold_at = ""
    gate.statements.clear()
    gate.opened.set()
    await first
    return list(await asyncio.gather(*waiting))


def test_batches_that_wait_share_one_transaction(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            assert await together(store, gate, [numbered(one) for one in range(20)]) == ["committed"] * 20
            control = [one for one in gate.statements if one.split()[0] in ("BEGIN", "SAVEPOINT", "COMMIT")]
            assert control == ["BEGIN IMMEDIATE", *["SAVEPOINT batch"] * 20, "COMMIT"]

    asyncio.run(run())


def test_a_group_ends_where_its_limit_says(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        config = SqliteConfig("purchase.db", group_batches_max=8)
        async with migrated(tmp_path, gate, config) as store:
            await together(store, gate, [numbered(one) for one in range(20)])
            assert gate.statements.count("COMMIT") == 3

    asyncio.run(run())


def test_a_failing_batch_takes_no_other_of_its_group_along(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            await store.commit(Batch("before", NOW, deliveries=(delivery(1),)))
            batches = [numbered(one) for one in range(9)]
            batches[1] = numbered(1, version=4)
            batches[3] = replace(batches[3], deliveries=(delivery(7), delivery(1)))
            batches[5] = replace(batches[5], rows=(case("\ud800"),))
            batches[7] = replace(batches[7], rows=(replace(case("case_7"), amount=2**63),))
            assert await together(store, gate, batches) == [
                "committed", "LaneConflict", "committed", "KeyConflict", "committed", "InvalidText",
                "committed", "InvalidArgument", "committed",
            ]  # fmt: skip
            assert gate.statements.count("COMMIT") == 1
            assert [row.key for row in await store.rows(CaseRow)] == [f"case_{one}" for one in range(0, 9, 2)]
            assert await store.delivery("acme", "evt_7") is None
            assert [await store.committed(one.id) for one in batches] == [one % 2 == 0 for one in range(9)]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (case("\ud800"), InvalidText),
        (replace(case(), amount=2**63), InvalidArgument),
        (replace(case(), amount="many"), InvalidArgument),
        (replace(case(), lane=None), InvalidArgument),
    ],
    ids=["surrogate", "65 bits", "text", "null"],
)
def test_a_value_that_no_column_takes_is_the_callers_mistake(
    tmp_path: Path, row: CaseRow, error: type[Exception]
) -> None:
    async def run() -> None:
        async with migrated(tmp_path) as store:
            with pytest.raises(error):
                await store.commit(Batch("batch_1", NOW, lanes=(step(),), rows=(row,)))
            assert await store.lane(ANA) == Lane(ANA)
            await store.commit(Batch("batch_1", NOW, lanes=(step(),)))

    asyncio.run(run())


def test_f01_nobody_hears_of_success_before_commit(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            gate.close("COMMIT")
            committing = asyncio.create_task(store.commit(batch_of_everything()))
            await gate.until_reached()
            await asyncio.sleep(0)
            assert not committing.done()
            assert not await store.committed("batch_1")
            gate.opened.set()
            await committing
            assert await store.committed("batch_1")

    asyncio.run(run())


def test_f81_a_waiting_commit_can_be_cancelled(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            gate.close("COMMIT")
            first = asyncio.create_task(store.commit(numbered(0)))
            await gate.until_reached()
            waiting = [asyncio.create_task(store.commit(numbered(one))) for one in range(1, 4)]
            await asyncio.sleep(0)
            for task in (first, waiting[1]):  # one that is being written, and one that waits
                task.cancel()
            gate.opened.set()
            async with asyncio.timeout(WAIT_SECONDS_MAX):  # whoever is not told waits for ever
                done = await asyncio.gather(first, *waiting, return_exceptions=True)
            assert [type(one) for one in done] == [
                asyncio.CancelledError, type(None), asyncio.CancelledError, type(None)
            ]  # fmt: skip
            await store.commit(numbered(0))
            await store.commit(numbered(2))
            assert [(await store.lane(f"customer:{one}")).version for one in range(4)] == [1] * 4

    asyncio.run(run())


def test_a_full_queue_refuses_and_empties_again(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        config = SqliteConfig("purchase.db", queue_batches_max=3)
        async with migrated(tmp_path, gate, config) as store:
            gate.close("COMMIT")
            waiting = [asyncio.create_task(store.commit(numbered(one))) for one in range(3)]
            await gate.until_reached()
            with pytest.raises(StoreUnavailable, match="3 batches wait") as refused:
                await store.commit(numbered(3))
            assert not refused.value.outcome_unknown
            gate.opened.set()
            await asyncio.gather(*waiting)
            await store.commit(numbered(3))
            assert (await store.lane("customer:3")).version == 1

    asyncio.run(run())


def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            gate.close("COMMIT")
            waiting = [asyncio.create_task(outcome(store, numbered(one))) for one in range(5)]
            await gate.until_reached()
            closing = asyncio.create_task(store.aclose())
            await asyncio.sleep(0)
            gate.opened.set()
            assert await asyncio.gather(*waiting) == ["committed"] * 5
            await closing
            with pytest.raises(StoreUnavailable, match="closed"):
                await store.lane(ANA)
            with pytest.raises(StoreUnavailable, match="closed"):
                await store.rows(CaseRow)

    asyncio.run(run())


def test_a_fault_in_the_writer_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            gate.hold_at, gate.error = "BEGIN IMMEDIATE", RuntimeError("a bug of ours")
            with pytest.raises(StoreUnavailable, match="RuntimeError") as failed:
                await store.commit(numbered(1))
            assert failed.value.outcome_unknown
            gate.hold_at = ""
            await store.commit(numbered(1))

    asyncio.run(run())


def test_a_refusal_keeps_the_errors_of_the_database_as_its_cause(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path) as store:
            with pytest.raises(LaneConflict) as stale:
                await store.commit(numbered(1, version=2))
            assert isinstance(stale.value.__cause__, sqlite3.IntegrityError)
            await store.commit(Batch("batch_2", NOW, deliveries=(delivery(),)))
            with pytest.raises(KeyConflict) as taken:
                await store.commit(Batch("batch_3", NOW, deliveries=(delivery(),)))
            assert taken.value.key == "acme:evt_1"

    asyncio.run(run())


def failing(gate: Gate, at: str, code: int) -> None:
    """From now on such a statement fails."""
    error = sqlite3.OperationalError("planted")
    error.sqlite_errorcode = code
    gate.hold_at, gate.error = at, error


def healed(gate: Gate) -> None:
    gate.hold_at, gate.error = "", None


def test_f03_f78_nobody_is_refused_for_a_batch_whose_commit_then_fails(tmp_path: Path) -> None:
    """Else the second of two deliveries of one event would be called a duplicate of what is not there."""

    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            gate.close("COMMIT")
            first = asyncio.create_task(store.commit(Batch("first", NOW)))
            await gate.until_reached()
            twice = [Batch(f"batch_{one}", NOW, deliveries=(delivery(1),)) for one in range(2)]
            waiting = [asyncio.create_task(store.commit(batch)) for batch in twice]
            await asyncio.sleep(0)
            failing(gate, "COMMIT", sqlite3.SQLITE_FULL)
            gate.opened.set()
            await first
            errors = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(one) for one in errors] == [StoreUnavailable] * 2
            healed(gate)
            assert await store.delivery("acme", "evt_1") is None
            assert await outcome(store, twice[1]) == "committed"
            assert await outcome(store, twice[0]) == "KeyConflict"

    asyncio.run(run())


def test_f93_a_rollback_that_fails_is_made_up_for_before_anything_else_is_written(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            await store.commit(numbered(1))
            failing(gate, "ROLLBACK", sqlite3.SQLITE_IOERR_READ)
            again = Batch("batch_again", NOW, rows=(case("half"),), lanes=(step("customer:1", 7),))
            assert await outcome(store, again) == "StoreUnavailable"
            assert await outcome(store, numbered(2)) == "StoreUnavailable"
            healed(gate)
            assert await outcome(store, again) == "LaneConflict"
            assert await outcome(store, numbered(2)) == "committed"
            assert {row.key for row in await store.rows(CaseRow)} == {"case_1", "case_2"}
            assert not await store.committed("batch_again")

    asyncio.run(run())


@pytest.mark.parametrize("control", ["SAVEPOINT batch", "RELEASE batch", "ROLLBACK TO batch"])
def test_f93_a_group_that_cannot_go_on_is_written_one_by_one(tmp_path: Path, control: str) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            gate.close("COMMIT")
            first = asyncio.create_task(store.commit(Batch("first", NOW)))
            await gate.until_reached()
            batches = [numbered(1), numbered(2, version=4), numbered(3)]
            waiting = [asyncio.create_task(outcome(store, batch)) for batch in batches]
            await asyncio.sleep(0)
            failing(gate, control, sqlite3.SQLITE_IOERR_WRITE)
            gate.opened.set()
            await first
            assert await asyncio.gather(*waiting) == ["committed", "LaneConflict", "committed"]
            assert [await store.committed(batch.id) for batch in batches] == [True, False, True]

    asyncio.run(run())


def test_f79_a_sync_that_fails_before_the_commit_ends_the_writing_too(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            failing(gate, "BEGIN IMMEDIATE", sqlite3.SQLITE_IOERR_FSYNC)
            assert await outcome(store, numbered(1)) == "StoreUnavailable"
            healed(gate)
            with pytest.raises(StoreUnavailable, match="writes no more"):
                await store.commit(numbered(1))

    asyncio.run(run())


def test_f93_a_question_that_fails_after_a_refusal_is_an_error_of_ours(tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate()
        async with migrated(tmp_path, gate) as store:
            await store.commit(numbered(1))
            asked = [text for text in gate.statements if text.startswith("SELECT")]
            await outcome(store, numbered(1))
            (inquiry,) = [text for text in gate.statements if text.startswith("SELECT")][len(asked) :]
            failing(gate, inquiry, sqlite3.SQLITE_IOERR_READ)
            assert await outcome(store, numbered(1)) == "StoreUnavailable"
            healed(gate)
            assert await outcome(store, numbered(1)) == "committed"

    asyncio.run(run())


def test_f79_every_commit_is_synced(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path) as store:
            assert store._writer is not None
            execute = store._writer.connection.execute
            assert execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
            assert execute("PRAGMA journal_mode").fetchone() == ("wal",)

    asyncio.run(run())
