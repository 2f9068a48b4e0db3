"""Several processes: the writer's lock, crashes at any moment, and migrating at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from unittest.mock import AsyncMock, patch

import pytest

from purchase_contract_tests.store.samples import ANA, NOW, batch_of_everything, step
from purchase_core.errors import SchemaError, StoreUnavailable
from purchase_core.ports.batch import Batch
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

PREAMBLE = """
import asyncio, os, sys
from pathlib import Path
from purchase_contract_tests.store.samples import NOW, batch_of_everything, step
from purchase_core.errors import SchemaError, StoreUnavailable
from purchase_core.ports.batch import Batch
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

path = sys.argv[1]
"""
EXIT = 17

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def script(code: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREAMBLE + code, str(path), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603  # our own code


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, errors = process.communicate()
    return process.returncode, out + errors


def config(path: Path, **settings: bool) -> SqliteConfig:
    return SqliteConfig(str(path), **settings)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with tables in it."""

    async def run() -> None:
        async with await SqliteStore.open(config(tmp_path / "purchase.db")) as store:
            await store.migrate()

    asyncio.run(run())
    return tmp_path / "purchase.db"


# --- the lock --------------------------------------------------------------------------------


def test_a_second_writer_is_told_what_to_do(path: Path) -> None:
    async def run() -> None:
        async with await SqliteStore.open(config(path)) as store:
            assert store.sole_writer
            for several_writers in (False, True):
                with pytest.raises(StoreUnavailable, match="several_writers = true on all"):
                    await SqliteStore.open(config(path, several_writers=several_writers))
        async with await SqliteStore.open(config(path)) as store:
            await store.commit(Batch("batch_1", NOW))

    asyncio.run(run())


def test_several_writers_must_all_say_so(path: Path) -> None:
    async def run() -> None:
        async with (
            await SqliteStore.open(config(path, several_writers=True)) as one,
            await SqliteStore.open(config(path, several_writers=True)) as other,
        ):
            assert not one.sole_writer
            await one.commit(Batch("batch_1", NOW, lanes=(step(),)))
            assert (await other.lane(ANA)).version == 1
            with pytest.raises(StoreUnavailable, match="another process or store"):
                await SqliteStore.open(config(path))

    asyncio.run(run())


def test_two_names_of_one_file_are_one_file(path: Path) -> None:
    link = path.with_name("other.db")
    link.symlink_to(path)

    async def run() -> None:
        async with await SqliteStore.open(config(path)):
            with pytest.raises(StoreUnavailable, match="another process or store"):
                await SqliteStore.open(config(link))

    asyncio.run(run())


HOLD = """
async def run():
    store = await SqliteStore.open(SqliteConfig(path))
    print("open", flush=True)
    sys.stdin.readline()
    os._exit(0)

asyncio.run(run())
"""


def test_another_process_holds_the_lock_until_it_ends_however_it_ends(path: Path) -> None:
    command = [sys.executable, "-c", PREAMBLE + HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603  # our own code
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreUnavailable, match="another process or store"):
            asyncio.run(SqliteStore.open(config(path)))
        holder.kill()
        holder.wait()

    async def run() -> None:
        async with await SqliteStore.open(config(path)) as store:
            await store.commit(Batch("batch_1", NOW))

    asyncio.run(run())


def test_a_reader_looks_on_while_another_writes(path: Path) -> None:
    async def run() -> None:
        async with (
            await SqliteStore.open(config(path)) as store,
            await SqliteStore.open(config(path, read_only=True)) as reader,
        ):
            assert not reader.sole_writer
            await store.commit(batch_of_everything())
            assert (await reader.lane(ANA)).version == 1
            assert len(await reader.facts(ANA)) == 1
            assert (await reader.schema()).current
            assert (await reader.migrate()).current  # there is nothing to do
            for work in (
                reader.commit(Batch("batch_2", NOW)),
                reader.claim(now=NOW, lease_until=NOW, limit=1),
            ):
                with pytest.raises(StoreUnavailable, match="read only"):
                    await work

    asyncio.run(run())


def test_a_reader_neither_makes_nor_migrates_a_file(tmp_path: Path) -> None:
    absent, empty = tmp_path / "absent.db", tmp_path / "empty.db"

    async def run(path: Path) -> None:
        async with await SqliteStore.open(config(path, read_only=True)) as reader:
            assert (await reader.schema()).found == 0
            with pytest.raises(SchemaError, match="no such table"):
                await reader.lane(ANA)
            with pytest.raises(StoreUnavailable, match="read only"):
                await reader.migrate()

    asyncio.run(run(absent))
    assert list(tmp_path.iterdir()) == []
    empty.touch()
    asyncio.run(run(empty))


@needs_fork
def test_a_store_does_not_write_after_a_fork(path: Path) -> None:
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # that threads and fork do not mix is the point

async def run():
    store = await SqliteStore.open(SqliteConfig(path))
    await store.commit(Batch("batch_1", NOW))
    child = os.fork()
    if child == 0:
        try:
            await store.commit(Batch("batch_2", NOW))
        except StoreUnavailable as error:
            os._exit(5 if "fork" in error.message else 6)
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    await store.aclose()

asyncio.run(run())
"""
    assert ended(script(code, path)) == (0, "5\n")


# --- crashes ---------------------------------------------------------------------------------

# One process that has imported everything forks another for each statement to crash at: a process anew for
# each of them would take a minute.
CRASH = """
import sqlite3

def one_life(crash_at, work):
    seen = 0

    def crash(text, values):
        nonlocal seen
        seen += 1
        if seen == crash_at:
            os._exit(17)

    async def run():
        store = await SqliteStore.open(SqliteConfig(path), recorder=crash)
        await work(store)
        os._exit(18)  # done and acknowledged, but nothing was closed

    child = os.fork()
    if child == 0:
        asyncio.run(run())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def lives(work):
    at, code = 0, 17
    while code == 17:
        at += 1
        code = one_life(at, work)
        print(at, code, *found())

def counts(*tables):
    database = sqlite3.connect(path)
    numbers = [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    database.close()
    return numbers
"""


def lives_of(process: subprocess.Popen[str]) -> list[list[int]]:
    """For each life: the statement that it crashed at, its exit code, and what was found afterwards."""
    code, said = ended(process)
    assert code == 0, said
    return [list(map(int, line.split())) for line in said.splitlines()]


@needs_fork
def test_f01_a_crash_at_any_statement_leaves_all_or_nothing(path: Path) -> None:
    code = """
TABLES = ("batches", "lanes", "facts", "clusters", "cases", "lots", "commands", "deliveries", "effects")

def found():
    return counts(*TABLES)

lives(lambda store: store.commit(batch_of_everything()))
"""
    *crashed, last = lives_of(script(CRASH + code, path))
    assert [life for life in crashed if life[1] != EXIT or any(life[2:])] == []
    assert len(crashed) > len(batch_of_everything().rows) + 10
    assert last[1] == EXIT + 1
    assert last[2:] == [1, 2, 1, 1, 1, 1, 1, 1, 1]


# --- migrating -------------------------------------------------------------------------------

MIGRATE = """
async def run():
    async with await SqliteStore.open(SqliteConfig(path, several_writers=True)) as store:
        state = await store.migrate()
        await store.commit(Batch("batch " + sys.argv[2], NOW, lanes=(step("customer:" + sys.argv[2]),)))
        print(state.current)

asyncio.run(run())
"""
PROCESSES = 6


def test_f88_several_processes_migrate_at_once(tmp_path: Path) -> None:
    path = tmp_path / "purchase.db"
    processes = [script(MIGRATE, path, number) for number in range(PROCESSES)]
    for process in processes:
        code, said = ended(process)
        assert code == 0, said
        assert "True\n" in said
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
        assert database.execute("SELECT count(*) FROM lanes").fetchone() == (PROCESSES,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_f88_whoever_was_overtaken_on_the_way_to_the_lock_takes_no_step_again(tmp_path: Path) -> None:
    """Both have seen that there are no tables; the second gets to write when the first is done."""
    taken: list[str] = []

    async def run() -> None:
        shared = config(tmp_path / "purchase.db", several_writers=True)
        async with (
            await SqliteStore.open(shared) as one,
            await SqliteStore.open(shared, recorder=lambda text, _values: taken.append(text)) as other,
        ):
            seen = await other.schema()
            await one.migrate()
            with patch.object(other, "schema", AsyncMock(return_value=seen)):
                await other.migrate()
            assert (await other.schema()).current

    asyncio.run(run())
    assert "BEGIN IMMEDIATE" in taken
    assert [text for text in taken if text.startswith(("CREATE", "INSERT"))] == []


@needs_fork
def test_f88_a_crash_in_any_step_of_a_migration_leaves_no_half_of_it(tmp_path: Path) -> None:
    code = """
def found():
    return counts("sqlite_master") if os.path.exists(path) else [0]

lives(lambda store: store.migrate())
"""
    *crashed, last = lives_of(script(CRASH + code, tmp_path / "purchase.db"))
    # All or nothing; the last crashes come after the commit, when the new version is read.
    assert [life for life in crashed if life[2] not in (0, last[2])] == []
    assert [life[1:] for life in crashed[:40]] == [[EXIT, 0]] * 40
    assert last[1] == EXIT + 1
    assert last[2] > 40


def test_f98_tables_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "application.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE subscriptions (id INTEGER PRIMARY KEY, newsletter TEXT)")

    async def run() -> None:
        async with await SqliteStore.open(config(path)) as store:
            with pytest.raises(SchemaError, match="subscriptions") as refused:
                await store.migrate()
            assert "prefix" in refused.value.hint
            assert (await store.schema()).found == 0
        async with await SqliteStore.open(SqliteConfig(str(path), prefix="billing_")) as store:
            assert (await store.migrate()).current
            await store.commit(batch_of_everything())
            assert (await store.lane(ANA)).version == 1

    asyncio.run(run())


def test_two_applications_share_a_file_under_their_prefixes(tmp_path: Path) -> None:
    async def run() -> None:
        for number, prefix in enumerate(("one_", "two_", "")):
            settings = SqliteConfig(str(tmp_path / "purchase.db"), prefix=prefix)
            async with await SqliteStore.open(settings) as store:
                await store.migrate()
                assert (await store.lane(ANA)).version == 0
                await store.commit(Batch("batch_1", NOW, lanes=(step(ANA, 0, b"%d" % number),)))
                assert (await store.lane(ANA)).document == b"%d" % number

    asyncio.run(run())
