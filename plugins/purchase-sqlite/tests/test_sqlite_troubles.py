"""What a file, a disk and other processes can do: everything is refused whole, and goes on afterwards."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import attrs
import pytest
from msgspec.structs import replace

from purchase_contract_tests.store.samples import ANA, BEN, NOW, case, delivery, step
from purchase_core.errors import InvalidArgument, SchemaError, StoreMissing, StoreUnavailable
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import SchemaState
from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sql.shapes import Value
from purchase_sql.texts import texts
from purchase_sqlite.binding import written_out
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore
from purchase_sqlite.writer import Recorder

READS = ("SELECT", "PRAGMA")
CONTROL = ("SAVEPOINT batch", "RELEASE batch", "ROLLBACK TO batch")


@asynccontextmanager
async def migrated(
    folder: Path, recorder: Recorder | None = None, **settings: object
) -> AsyncIterator[SqliteStore]:
    config = attrs.evolve(SqliteConfig("purchase.db"), **settings)  # type: ignore[arg-type]
    async with await SqliteStore.open(config, folder=folder, recorder=recorder) as store:
        await store.migrate()
        yield store


def writer_of(store: SqliteStore) -> sqlite3.Connection:
    assert store._writer is not None
    return store._writer.connection


async def use_everything(store: SqliteStore) -> None:
    """Write and read, with a conflict, a replay and a group in it."""
    await store.commit(Batch("batch_1", NOW, lanes=(step(),), rows=(case(),), deliveries=(delivery(),)))
    await store.commit(Batch("batch_1", NOW))
    await store.claim(now=NOW, lease_until=NOW, limit=1)
    commits = [store.commit(Batch(f"group_{one}", NOW, lanes=(step(BEN, one),))) for one in range(5)]
    await asyncio.gather(*commits, return_exceptions=True)
    assert await store.rows(CaseRow) == [case()]


def test_f74_f76_every_write_lies_in_a_transaction_that_began_immediate(tmp_path: Path) -> None:
    async def run() -> list[str]:
        trace: list[str] = []
        async with await SqliteStore.open(SqliteConfig("purchase.db"), folder=tmp_path) as store:
            # What SQLite itself has seen: whatever a driver might slip in would be here too.
            writer_of(store).set_trace_callback(trace.append)
            await store.migrate()
            await use_everything(store)
        return trace

    trace = asyncio.run(run())
    inside = False
    for text in trace:
        word = text.split()[0]
        if word == "BEGIN":
            assert text == "BEGIN IMMEDIATE"
            assert not inside
            inside = True
        elif text in ("COMMIT", "ROLLBACK"):
            assert inside
            inside = False
        else:
            assert inside or word in READS, text
    assert not inside
    assert sum(text == "COMMIT" for text in trace) >= 4
    assert any(text.startswith("CREATE TABLE") for text in trace)


def test_f74_readers_cannot_write(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path) as store:
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                store._reader.execute("DELETE FROM lanes")
            with pytest.raises(StoreUnavailable, match="cannot be written"):
                await store._long.rows("DELETE FROM lanes", ())

    asyncio.run(run())


def test_t07_no_input_becomes_part_of_a_statement(tmp_path: Path) -> None:
    async def run() -> set[str]:
        trace: list[str] = []

        def record(text: str, values: Sequence[Value]) -> None:
            trace.append(text)

        async with migrated(tmp_path, prefix="app_") as store:
            path = store.path
        async with await SqliteStore.open(SqliteConfig(str(path), prefix="app_"), recorder=record) as store:
            await use_everything(store)
            for text in ("'; DROP TABLE app_lanes; --", '"', "?1"):
                await store.lane(text)
                await store.command(text)
                await store.rows(CaseRow, lane=text)
                await store.references_of(text, text)
                await store.deliveries(state=text, before_id=text)
                await store.offers([text])
        return set(trace)

    known = {written_out(text)[0] for text in texts(STATEMENTS, "app_").all}
    left = asyncio.run(run()) - known
    assert left <= {"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", *CONTROL}


def test_t10_two_applications_of_one_file_share_no_table(tmp_path: Path) -> None:
    """With the same ids everywhere, each names its own tables only, and leaves the other's as they are."""

    def dump(prefix: str) -> list[str]:
        with closing(sqlite3.connect(tmp_path / "purchase.db")) as reader:
            return [line for line in reader.iterdump() if f'"{prefix}' in line]

    async def run() -> list[str]:
        trace: list[str] = []
        async with (
            migrated(tmp_path, prefix="one_", several_writers=True),
            migrated(tmp_path, prefix="two_", several_writers=True) as other,
        ):
            config = SqliteConfig("purchase.db", prefix="one_", several_writers=True)
            await use_everything(other)
            before = dump("two_")
            assert any(line.startswith("INSERT") for line in before)
            async with await SqliteStore.open(
                config, folder=tmp_path, recorder=lambda text, _values: trace.append(text)
            ) as store:
                await use_everything(store)
            assert dump("two_") == before
            assert len(dump("one_")) == len(before)
        return trace

    named = {name for text in asyncio.run(run()) for name in re.findall(r'"(one_|two_)?\w+"\.?', text)}
    assert "one_" in named
    assert "two_" not in named


def test_f75_a_long_writer_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path, busy_timeout_seconds=0.05) as store:
            with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                for work in (
                    store.commit(Batch("batch_1", NOW, lanes=(step(),))),
                    store.claim(now=NOW, lease_until=NOW, limit=1),
                ):
                    with pytest.raises(StoreUnavailable, match="lock") as busy:
                        await work
                    assert not busy.value.outcome_unknown
                    assert busy.value.retryable
                assert (await store.lane(ANA)).version == 0
                other.execute("COMMIT")
            await store.commit(Batch("batch_1", NOW, lanes=(step(),)))
            assert (await store.lane(ANA)).version == 1

    asyncio.run(run())


def test_f75_those_who_wait_behind_others_wait_for_the_lock_once_between_them(tmp_path: Path) -> None:
    """Else each group would wait for it anew, and whoever comes last for all of them."""
    begun: list[str] = []

    def note(text: str, values: Sequence[Value]) -> None:
        begun.extend([text] if text.startswith("BEGIN") else [])

    async def run() -> None:
        waiting = {"busy_timeout_seconds": 0.5, "group_batches_max": 1}
        async with migrated(tmp_path, recorder=note, **waiting) as store:
            with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                begun.clear()
                batches = [Batch(f"batch_{number}", NOW, lanes=(step(),)) for number in range(20)]
                ended = await asyncio.gather(*map(store.commit, batches), return_exceptions=True)
                assert [type(one) for one in ended] == [StoreUnavailable] * 20
                assert len(begun) <= 4, "each waited for itself"
                other.execute("COMMIT")
            await store.commit(batches[0])
            assert (await store.lane(ANA)).version == 1

    asyncio.run(run())


def test_f75_a_store_that_is_closed_while_others_write_has_answered_everybody(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path, busy_timeout_seconds=0.05, group_batches_max=1) as store:
            with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                batches = [Batch(f"batch_{number}", NOW, lanes=(step(),)) for number in range(5)]
                committing = [asyncio.create_task(store.commit(one)) for one in batches]
                await asyncio.sleep(0)
                await store.aclose()
                ended = await asyncio.gather(*committing, return_exceptions=True)
                assert [type(one) for one in ended] == [StoreUnavailable] * 5

    asyncio.run(run())


def test_f75_a_writer_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path, busy_timeout_seconds=30.0) as store:
            with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                committing = asyncio.create_task(store.commit(Batch("batch_1", NOW, lanes=(step(),))))
                await asyncio.sleep(0)
                other.execute("COMMIT")
            await committing
            assert (await store.lane(ANA)).version == 1

    asyncio.run(run())


@pytest.mark.parametrize(("version", "warns"), [((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False)])
def test_f77_several_writers_on_a_sqlite_with_the_wal_reset_bug_are_warned_of(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    version: tuple[int, int, int],
    warns: bool,
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)

    async def run(several_writers: bool) -> None:
        async with migrated(tmp_path, several_writers=several_writers) as store:
            await store.commit(Batch(f"batch_{several_writers}", NOW))

    with caplog.at_level(logging.WARNING, logger="purchase.sqlite"):
        asyncio.run(run(several_writers=False))
        assert not caplog.records
        asyncio.run(run(several_writers=True))
    assert ["WAL-reset" in record.getMessage() for record in caplog.records] == [True] * warns


def test_a_sqlite_that_is_too_old_is_refused_before_it_makes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    path = tmp_path / "purchase.db"
    with pytest.raises(StoreUnavailable, match="too old"):
        asyncio.run(SqliteStore.open(SqliteConfig(str(path))))
    assert not path.exists()


def fill(store: SqliteStore, pages: int) -> None:
    """Let the file grow by so many pages and no more."""
    (count,) = writer_of(store).execute("PRAGMA page_count").fetchone()
    writer_of(store).execute(f"PRAGMA max_page_count = {count + pages}")


def big(number: int) -> Batch:
    lane = f"customer:{number}"
    body = replace(delivery(number), body=bytes(200_000))
    return Batch(f"big_{number}", NOW, lanes=(step(lane),), deliveries=(body,))


def test_f78_a_full_disk_refuses_writing_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path) as store:
            await store.commit(Batch("batch_1", NOW, lanes=(step(),)))
            fill(store, pages=4)
            with pytest.raises(StoreUnavailable, match="full") as full:
                await store.commit(big(1))
            assert not full.value.outcome_unknown
            assert (await store.lane(ANA)).version == 1
            assert await store.delivery("acme", "evt_1") is None
            assert not await store.committed("big_1")
            await store.commit(Batch("small", NOW, lanes=(step(ANA, 1),)))
            fill(store, pages=1_000)
            await store.commit(big(1))
            assert (await store.lane("customer:1")).version == 1
            assert writer_of(store).execute("PRAGMA integrity_check").fetchone() == ("ok",)

    asyncio.run(run())


def test_f78_a_batch_that_fills_the_disk_takes_no_other_of_its_group_along(tmp_path: Path) -> None:
    async def run() -> None:
        async with migrated(tmp_path) as store:
            fill(store, pages=20)
            with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")  # all of them wait behind this one
                first = asyncio.create_task(store.commit(Batch("first", NOW)))
                await asyncio.sleep(0)
                batches = [Batch(f"small_{one}", NOW, lanes=(step(f"lane_{one}"),)) for one in range(4)]
                batches.insert(2, big(9))
                group = asyncio.gather(*(store.commit(one) for one in batches), return_exceptions=True)
                await asyncio.sleep(0)
                other.execute("COMMIT")
            await first
            errors = await group
            assert [type(one) for one in errors] == [type(None)] * 2 + [StoreUnavailable] + [type(None)] * 2
            assert [await store.committed(one.id) for one in batches] == [True, True, False, True, True]

    asyncio.run(run())


def commit_error(code: int, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


def test_f79_after_a_lost_sync_the_outcome_is_unknown_and_nothing_more_is_written(tmp_path: Path) -> None:
    async def run() -> None:
        failing = False

        def fail(text: str, values: Sequence[Value]) -> None:
            if failing and text == "COMMIT":
                raise commit_error(sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC")

        async with migrated(tmp_path, fail) as store:
            await store.commit(Batch("batch_1", NOW, lanes=(step(),)))
            failing = True
            with pytest.raises(StoreUnavailable) as lost:
                await store.commit(Batch("batch_2", NOW, lanes=(step(ANA, 1),)))
            assert lost.value.outcome_unknown
            failing = False
            with pytest.raises(StoreUnavailable, match="writes no more") as stopped:
                await store.commit(Batch("batch_2", NOW, lanes=(step(ANA, 1),)))
            assert not stopped.value.outcome_unknown
            assert (await store.lane(ANA)).version == 1
        async with migrated(tmp_path) as store:
            await store.commit(Batch("batch_2", NOW, lanes=(step(ANA, 1),)))

    asyncio.run(run())


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are a Unix matter")
def test_f78_a_commit_whose_write_fails_is_refused_and_can_be_sent_again(tmp_path: Path) -> None:
    code = """
import asyncio, resource, sys
from pathlib import Path
from msgspec.structs import replace
from purchase_contract_tests.store.samples import NOW, delivery, step
from purchase_core.errors import StoreUnavailable
from purchase_core.ports.batch import Batch
from purchase_sqlite.binding import written_out
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

async def run():
    path = Path(sys.argv[1])
    async with await SqliteStore.open(SqliteConfig(str(path))) as store:
        await store.migrate()
        body = replace(delivery(1), body=bytes(400_000))
        batch = Batch("batch_1", NOW, lanes=(step(),), deliveries=(body,))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = path.with_name(path.name + "-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, limits[1]))
        try:
            await store.commit(batch)
        except StoreUnavailable as error:
            print("refused", error.outcome_unknown, (await store.lane("customer:ana")).version)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await store.commit(batch)
        print("committed", (await store.lane("customer:ana")).version)

asyncio.run(run())
"""
    command = [sys.executable, "-c", code, str(tmp_path / "purchase.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert done.stdout.split("\n")[:2] == ["refused True 0", "committed 1"]


def test_reading_before_migrating_says_what_to_do(tmp_path: Path) -> None:
    async def run() -> None:
        async with await SqliteStore.open(SqliteConfig("purchase.db"), folder=tmp_path) as store:
            for work in (store.lane(ANA), store.commit(Batch("batch_1", NOW)), store.rows(CaseRow)):
                with pytest.raises(SchemaError, match="purchase migrate"):
                    await work

    asyncio.run(run())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "purchase.db").write_bytes(b"not a database, but long enough to look at " * 30)
    why = f"the file is not a SQLite database: {re.escape(str(tmp_path))}/purchase.db"
    with pytest.raises(StoreUnavailable, match=why):
        asyncio.run(SqliteStore.open(SqliteConfig("purchase.db"), folder=tmp_path))
    # What could not be opened holds no lock.
    (tmp_path / "purchase.db").unlink()

    async def run() -> None:
        async with migrated(tmp_path) as store:
            assert (await store.schema()).current

    asyncio.run(run())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for read_only in (True, False):
        config = SqliteConfig("nowhere/purchase.db", read_only=read_only)
        with pytest.raises(StoreMissing, match=f"there is no folder {re.escape(str(tmp_path))}/nowhere"):
            asyncio.run(SqliteStore.open(config, folder=tmp_path))


def test_a_file_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    async def look(*, read_only: bool) -> SchemaState:
        config = SqliteConfig("purchase.db", read_only=read_only)
        async with await SqliteStore.open(config, folder=tmp_path) as store:
            return await store.schema()

    there = tmp_path / "purchase.db"
    state = asyncio.run(look(read_only=True))
    assert (state.found, state.pending) == (0, f"there is no file {there}")
    assert not there.exists()
    assert (
        asyncio.run(look(read_only=False)).pending
        == f"the tables are missing; this code needs {state.wanted}"
    )


@pytest.mark.parametrize("path", ["", ":memory:", "a\x00b"])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument):
        SqliteConfig(path)


@pytest.mark.parametrize(
    "setting", [{"group_batches_max": 0}, {"queue_batches_max": 0}, {"busy_timeout_seconds": -0.1}]
)
def test_limits_that_allow_nothing_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(setting))):
        attrs.evolve(SqliteConfig("purchase.db"), **setting)  # type: ignore[arg-type]
