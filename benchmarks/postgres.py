"""The same webhooks on Postgres: verified, stored, folded, readable, in one guarded batch of one round trip.

The raw limit is bare psycopg, which sends the recorded statements in the recorded transactions, on one
connection after the other as they came: in pipeline mode, prepared, and reading every row.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import msgspec
import psycopg
from psycopg import AsyncConnection, AsyncRawCursor

from benchmarks.figures import RATIO_HEAD, ratio_row
from benchmarks.webhooks import receive_all
from benchmarks.world import World, billing_over, interleaved, sell
from purchase_core.instants import SystemClock
from purchase_core.secret import Secret
from purchase_postgres import running
from purchase_postgres.config import PostgresConfig
from purchase_postgres.connect import STATEMENTS_PREPARED_MAX, WholeDumper
from purchase_postgres.store import PostgresStore
from purchase_postgres.testing import from_wheel, schema
from purchase_sandbox.testing import CONNECTION, SandboxHarness, Webhook

CONCURRENT = 50
POOL = 8
Transaction = tuple[bool, list[tuple[str, tuple[object, ...]]]]
"""(whether it is one pipeline, statements)"""


async def run(*, short: bool) -> None:
    """Print the tables."""
    sales, rounds = (60, 2) if short else (200, 5)
    with from_wheel(durable=True) as address:
        print(RATIO_HEAD)
        for concurrent, goal in ((1, ">= 50 %"), (CONCURRENT, ">= 50 %")):
            ours, raw = [], []
            for _ in range(rounds):
                mine, bare = await _round(address, concurrent, sales)
                ours.append(mine)
                raw.append(bare)
            what = "one after the other" if concurrent == 1 else f"{concurrent} at once"
            print(ratio_row(f"webhooks on Postgres, {what}", ours, raw, "/s", goal), flush=True)
        await _processes(address, rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nMost memory of this process: {peak:,.0f} MB; {os.cpu_count()} cores, shared with the server.")


@asynccontextmanager
async def world_on(address: str, name: str, harness: SandboxHarness) -> AsyncIterator[World]:
    """A billing over a schema of this server ("": the one that the server would choose)."""
    config = PostgresConfig(Secret(address), schema=name, pool_connections_max=POOL)
    async with await PostgresStore.open(config) as store:
        await store.migrate()
        yield billing_over(store, harness, SystemClock())


async def _round(address: str, concurrent: int, sales: int) -> tuple[float, float]:
    """The rate of new sales, and that of the same statements by bare psycopg on a copy of the tables."""
    with schema(address) as name:
        async with SandboxHarness(SystemClock()) as harness:
            async with world_on(address, name, harness) as one:
                deliveries = interleaved(await sell(one, [f"user_{number}" for number in range(sales)]))
            _copy_schema(address, name, f"{name}_raw")
            try:
                async with world_on(address, name, harness) as one:
                    await warm(one)
                    with recorded() as transactions:
                        ours = len(deliveries) / await receive_all(one, deliveries, concurrent)
                moved = [(piped, [(text.replace(f'"{name}".', f'"{name}_raw".'), values) for text, values in
                         statements]) for piped, statements in transactions]  # fmt: skip
                raw = len(deliveries) / await replay(address, moved, min(concurrent, POOL))
            finally:
                with psycopg.connect(address, autocommit=True) as connection:
                    connection.execute(f"DROP SCHEMA {name}_raw CASCADE")
    return ours, raw


async def warm(one: World) -> None:
    """Open every connection of the pool."""
    await asyncio.gather(*(one.store.lane("nobody") for _ in range(4 * POOL)))


class recorded:  # noqa: N801  # a context manager, used like a function
    """Takes down every transaction that stores of this process send."""

    def __enter__(self) -> list[Transaction]:
        taken: list[Transaction] = []
        kind = running.Runner
        self._before = (kind.rows, kind.snapshot, kind._write_once)
        rows, snapshot, write = self._before

        async def rows_(runner, text, values):
            taken.append((False, [(text, values)]))
            return await rows(runner, text, values)

        async def snapshot_(runner, operations):
            begin, end = (running.BEGIN_SNAPSHOT, ()), ("COMMIT", ())
            taken.append((True, [begin, *operations, end]))
            return await snapshot(runner, operations)

        async def write_(runner, operations, *, guarded):
            begin = [("BEGIN", ()), (running.SET_TIMEOUTS, runner._timeouts)]
            taken.append((True, [*begin, *operations, ("COMMIT", ())]))
            await write(runner, operations, guarded=guarded)

        kind.rows, kind.snapshot, kind._write_once = rows_, snapshot_, write_
        return taken

    def __exit__(self, *exc_info: object) -> None:
        kind = running.Runner
        kind.rows, kind.snapshot, kind._write_once = self._before


async def replay(address: str, transactions: Sequence[Transaction], connections: int) -> float:
    """Send the transactions over so many connections, and return how many seconds that took."""
    waiting = iter(transactions)

    async def worker(connection: AsyncConnection) -> None:
        for piped, statements in waiting:
            if not piped:
                ((text, values),) = statements
                await (await connection.execute(text, values, binary=True)).fetchall()
                continue
            reads = statements[0][0] == running.BEGIN_SNAPSHOT
            async with connection.pipeline():
                if reads:
                    asked = [
                        await connection.execute(text, values, binary=True) for text, values in statements
                    ]
                else:
                    cursor = connection.cursor()
                    for text, values in statements:
                        await cursor.execute(text, values)
            if reads:
                for one in asked[1:-1]:
                    await one.fetchall()

    opened = []
    for _ in range(connections):
        connection = await AsyncConnection.connect(
            address, autocommit=True, prepare_threshold=0, cursor_factory=AsyncRawCursor
        )
        connection.adapters.register_dumper(int, WholeDumper)
        connection.prepared_max = STATEMENTS_PREPARED_MAX
        opened.append(connection)
    started = time.perf_counter()
    try:
        await asyncio.gather(*map(worker, opened))
        return time.perf_counter() - started
    finally:
        for connection in opened:
            await connection.close()


def _copy_schema(address: str, name: str, copy: str) -> None:
    """The same tables and rows under another name."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {copy}")
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (name,)
        ).fetchall()
        for (table,) in found:
            connection.execute(f'CREATE TABLE {copy}."{table}" (LIKE {name}."{table}" INCLUDING ALL)')
            connection.execute(f'INSERT INTO {copy}."{table}" SELECT * FROM {name}."{table}"')  # noqa: S608


# --- several processes -------------------------------------------------------------------------


class Share(msgspec.Struct, frozen=True):
    """What one process of several is told."""

    address: str
    schema: str
    sales: int
    number: int


async def _processes(address: str, rounds: int) -> None:
    """Rates of one and of two processes, which each bring sales of their own."""
    print("\n| processes | webhooks, 50 at once | against one |\n|---|---|---|")
    one = 0.0
    for count in (1, 2):
        rates = []
        for _ in range(rounds):
            with schema(address) as name:
                async with await PostgresStore.open(PostgresConfig(Secret(address), schema=name)) as store:
                    await store.migrate()
                rates.append(_together(Share(address, name, 100, 0), count))
        rate = sorted(rates)[len(rates) // 2]
        one = one or rate
        print(f"| {count} | {rate:,.0f}/s | {rate / one:.2f} x |", flush=True)


def _together(share: Share, count: int) -> float:
    """Start processes, let them get ready, let them go at once, and add up their rates."""
    processes = []
    for number in range(count):
        told = msgspec.json.encode(msgspec.structs.replace(share, number=number)).decode()
        command = [sys.executable, "-m", "benchmarks.postgres", told]
        processes.append(
            subprocess.Popen(  # noqa: S603  # ourselves
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[1],
            )
        )
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in processes)


async def _one_of_several(share: Share) -> None:
    # An account of its own: prices belong to the account that they were made in.
    connection = attrs.evolve(CONNECTION, name=f"sandbox-{share.number}")
    async with (
        SandboxHarness(SystemClock(), connection=connection) as harness,
        world_on(share.address, share.schema, harness) as one,
    ):
        customers = [f"user_{share.number}_{number}" for number in range(share.sales)]
        deliveries: list[Webhook] = interleaved(await sell(one, customers))
        await warm(one)
        print("ready", flush=True)
        sys.stdin.readline()
        print(len(deliveries) / await receive_all(one, deliveries, CONCURRENT), flush=True)


if __name__ == "__main__":
    asyncio.run(_one_of_several(msgspec.json.decode(sys.argv[1].encode(), type=Share)))
