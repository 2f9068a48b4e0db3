"""What goes wrong between a store and its server, and what the caller is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import psycopg
import pytest
from msgspec.structs import replace
from psycopg.conninfo import make_conninfo

from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    case,
    command,
    delivery,
    row_of_each_table,
    step,
)
from purchase_core.errors import (
    InvalidArgument,
    InvalidText,
    LaneConflict,
    PurchaseError,
    SchemaError,
    StoreMissing,
    StoreUnavailable,
)
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_postgres.troubles import trouble

SOON = 0.2  # seconds, of timeouts that are to run out
WAIT_SECONDS = 60  # for what is there in a moment, or never


@asynccontextmanager
async def migrated(address: str, **settings: Any) -> AsyncIterator[PostgresStore]:
    async with await PostgresStore.open(PostgresConfig(Secret(address), **settings)) as store:
        await store.migrate()
        yield store


def batch(number: int = 1) -> Batch:
    return Batch(f"batch_{number}", NOW, lanes=(step(f"customer:{number}"),), rows=(case(f"case_{number}"),))


def test_f75_a_lane_that_another_transaction_holds_is_waited_for_only_so_long(address: str) -> None:
    async def run() -> None:
        async with migrated(address, lock_timeout_seconds=SOON) as store:
            await store.commit(batch())
            async with await psycopg.AsyncConnection.connect(address) as other:
                await other.execute("UPDATE lanes SET version = version WHERE lane = 'customer:1'")
                with pytest.raises(StoreUnavailable, match="holds a row") as busy:
                    await store.commit(replace(batch(2), lanes=(step("customer:1", 1),)))
                assert not busy.value.outcome_unknown
                await store.commit(batch(3))
            await store.commit(replace(batch(2), lanes=(step("customer:1", 1),)))

    asyncio.run(run())


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_f80_a_batch_without_lanes_is_to_be_sent_again(state: str) -> None:
    error = psycopg.errors.lookup(state)("quoted")
    assert isinstance(trouble(error, outcome_unknown=True, guarded=True), LaneConflict)
    plain = trouble(error, outcome_unknown=True)
    assert isinstance(plain, StoreUnavailable)
    assert not plain.outcome_unknown


@pytest.mark.parametrize(
    ("state", "kind", "unknown"),
    [
        ("08006", StoreUnavailable, True),
        ("40003", StoreUnavailable, True),
        ("57P01", StoreUnavailable, True),
        ("53100", StoreUnavailable, False),
        ("25006", StoreUnavailable, False),
        ("XX000", StoreUnavailable, False),
        ("42P01", SchemaError, False),
        ("22003", InvalidArgument, False),
        ("54000", InvalidArgument, False),
        ("22021", InvalidText, False),
    ],
)
def test_an_answer_says_whether_anything_was_written(
    state: str, kind: type[PurchaseError], *, unknown: bool
) -> None:
    meant = trouble(psycopg.errors.lookup(state)("Failing row contains (hunter2)"), outcome_unknown=True)
    assert type(meant) is kind
    assert meant.outcome_unknown is unknown
    assert "hunter2" not in str(meant)


TEXTS = [
    Batch("b\x00", NOW),
    Batch("b", NOW, lanes=(step("a\x00"),)),
    Batch("b", NOW, rows=(case(detail="a\ud800"),)),
    Batch("b", NOW, lanes=(step(),), command=attrs.evolve(command(), fingerprint="\x00")),
    Batch("b", NOW, deliveries=(replace(delivery(), headers=(("a", "\udfff"),)),)),
]


@pytest.mark.parametrize("refused", TEXTS, ids=["id", "lane", "row", "command", "headers"])
def test_text_that_postgres_cannot_hold_is_refused_whole(address: str, refused: Batch) -> None:
    async def run() -> None:
        async with migrated(address) as store:
            with pytest.raises(InvalidText) as error:
                await store.commit(refused)
            assert error.value.__suppress_context__
            assert (await store.lane(ANA)).version == 0
            await store.commit(Batch("b", NOW, lanes=(step(),)))

    asyncio.run(run())


@pytest.mark.parametrize("text", ["a\x00", "a\ud800"], ids=["NUL", "surrogate"])
def test_text_that_postgres_cannot_hold_is_refused_by_reads(address: str, text: str) -> None:
    async def run() -> None:
        async with migrated(address) as store:
            for reading in (
                lambda: store.lane(text),
                lambda: store.look(Question(objects=(text,))),
                lambda: store.look(Question(lanes=(text,))),
                lambda: store.look(Question(prices=(("acme", text),))),
                lambda: store.offers([text]),
                lambda: store.delivery("acme", text),
                lambda: store.rows(CaseRow, after_key=text),
            ):
                with pytest.raises(InvalidText):
                    await reading()
            assert (await store.lane(ANA)).version == 0

    asyncio.run(run())


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**70])
def test_an_integer_of_more_than_64_bits_is_refused(address: str, number: int) -> None:
    async def run() -> None:
        async with migrated(address) as store:
            with pytest.raises(InvalidArgument):
                await store.commit(Batch("b", NOW, lanes=(step(),), rows=(replace(case(), amount=number),)))
            assert (await store.lane(ANA)).version == 0
            biggest = replace(case(), amount=2**63 - 1)
            await store.commit(Batch("b", NOW, lanes=(step(),), rows=(biggest,)))
            assert list(await store.rows(CaseRow)) == [biggest]

    asyncio.run(run())


def test_a_server_that_is_not_there_is_unavailable_and_nothing_is_quoted() -> None:
    url = "postgresql://user:hunter2@127.0.0.1:1/none"
    with pytest.raises(StoreUnavailable) as refused:
        asyncio.run(PostgresStore.open(PostgresConfig(Secret(url), pool_wait_seconds=SOON)))
    assert not refused.value.outcome_unknown
    assert "hunter2" not in str(refused.value)


def test_a_database_that_the_server_does_not_have_is_missing_and_not_busy(address: str) -> None:
    url = make_conninfo(address, dbname="misspelled", password="hunter2")
    with pytest.raises(StoreMissing, match="the server has no database 'misspelled'") as refused:
        asyncio.run(PostgresStore.open(PostgresConfig(Secret(url), pool_wait_seconds=SOON)))
    assert not refused.value.retryable
    assert "purchase migrate" in refused.value.hint
    assert "hunter2" not in str(refused.value)


def test_a_call_that_gets_no_connection_in_time_has_done_nothing(address: str) -> None:
    async def run() -> None:
        async with migrated(address, pool_connections_max=1, pool_wait_seconds=SOON) as store:
            async with store._pool.connection():
                with pytest.raises(StoreUnavailable) as refused:
                    await store.commit(batch())
                assert not refused.value.outcome_unknown
            await store.commit(batch())

    asyncio.run(run())


def test_f83_f88_processes_that_migrate_at_once_take_turns_and_keep_no_lock(address: str) -> None:
    async def run() -> None:
        stores = [await PostgresStore.open(PostgresConfig(Secret(address), prefix="app_")) for _ in range(4)]
        async with asyncio.timeout(WAIT_SECONDS):  # a lock that outlives its transaction would never be free
            states = await asyncio.gather(*(store.migrate() for store in stores))
        assert {state.current for state in states} == {True}
        async with await psycopg.AsyncConnection.connect(address) as other:
            found = await other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            assert await found.fetchone() == (0,)
        for store in stores:
            await store.aclose()

    asyncio.run(run())


def test_f83_a_connection_keeps_no_setting_of_ours(address: str) -> None:
    """Behind a pooler, it is somebody else's next."""
    names = ("lock_timeout", "statement_timeout", "transaction_isolation", "transaction_read_only")
    asked = f"SELECT {', '.join(f'current_setting({name!r})' for name in names)}"

    async def run() -> None:
        async with migrated(address, pool_connections_max=1, lock_timeout_seconds=7.0) as store:
            async with store._pool.connection() as connection:
                backend = connection.info.backend_pid
            await store.commit(batch())
            with pytest.raises(LaneConflict):
                await store.commit(replace(batch(), id="batch_2"))
            await store.look(Question((), lanes=("customer:1",)))
            async with store._pool.connection() as connection:
                assert connection.info.backend_pid == backend
                found = await (await connection.execute(asked)).fetchone()
            assert found == ("0", "0", "read committed", "off")

    asyncio.run(run())


def test_f98_tables_that_are_not_ours_are_left_alone(address: str) -> None:
    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as other:
            await other.execute("CREATE TABLE lanes (colour text)")
        async with await PostgresStore.open(PostgresConfig(Secret(address))) as store:
            with pytest.raises(SchemaError, match="not ours: lanes"):
                await store.migrate()
            with pytest.raises(SchemaError):
                await store.commit(batch())
            assert (await store.schema()).found == 0

    asyncio.run(run())


def test_a_conflict_costs_no_later_batch_its_prepared_statements(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was not prepared, since the pipeline ended before, must not be taken for prepared."""

    async def run() -> None:
        async with migrated(address, pool_connections_max=1) as store:
            everything = tuple(row_of_each_table())
            for number in range(3):
                with pytest.raises(LaneConflict):
                    await store.commit(Batch("b", NOW, lanes=(step(ANA, 7),), rows=everything))
                await store.commit(Batch(f"b_{number}", NOW, lanes=(step(ANA, number),), rows=everything))
            await store.commit(Batch("b", NOW, lanes=(step(BEN),)))
            assert (await store.lane(ANA)).version == 3
            many = tuple(case(f"case_{number}") for number in range(2_000))
            with pytest.raises(LaneConflict):
                await store.commit(Batch("c", NOW, lanes=(step(ANA, 7),), rows=many))

    asyncio.run(run())
    assert not [record for record in caplog.records if record.name.startswith("psycopg")]
