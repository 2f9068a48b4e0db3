"""What indexes for operators cost a webhook: the same ones received with them, and without, in turns.

Of SQLite the processor time of this process, all threads; of Postgres that of the server's processes. What is
written depends on no machine: by how much the file grows, and how long the server's log becomes. No whole
pages are written to that: which ones would be, is chance.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.figures import median, spread
from benchmarks.postgres import warm, world_on
from benchmarks.webhooks import receive_all
from benchmarks.world import interleaved, sell, world
from purchase_core.instants import SystemClock
from purchase_core.ports.deadlines import DEADLINES
from purchase_core.ports.store import NEWEST_BY
from purchase_postgres.testing import from_wheel, schema
from purchase_sandbox.testing import SandboxHarness, Webhook

CONCURRENT = 50
GROUPS = {
    "newest": tuple(f"{one.TABLE}_newest" for one in NEWEST_BY),
    "due": tuple(f"due_{one.name}" for one in DEADLINES),
    "lists": (
        "intents_placed",
        "cases_open_key",
        "cases_resolved_key",
        "cases_kind",
        "cases_open",
        "refunds_stuck",
        "commands_lane",
        "invoices_open",
    ),
}
"""Of what they are: the newest rows of a customer, what falls due, and what waits, was placed lately or is a
customer's."""

Taken = dict[str, list[tuple[float, float]]]
"""Microseconds and bytes a webhook, of each round."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "all of them": (),
    **{f"without `{name}`": indexes for name, indexes in GROUPS.items()},
    "without any": tuple(index for indexes in GROUPS.values() for index in indexes),
}


async def run(*, short: bool) -> None:
    """Print a row for each group that is left out."""
    sales, rounds = (60, 3) if short else (200, 7)
    print(
        "| database | indexes | processor time a webhook (range) | of that with all (range) | written |\n"
        "|---|---|---|---|---|"
    )
    _print("SQLite", await _sqlite(sales, rounds))
    with from_wheel(durable=True) as address:
        _print("Postgres", await _postgres(address, sales, rounds))


def _print(database: str, taken: Taken) -> None:
    for name in VARIANTS:
        times, written = zip(*taken[name], strict=True)
        shares = [100 * one / whole for one, (whole, _) in zip(times, taken["all of them"], strict=True)]
        print(
            f"| {database} | {name} | {median(times):,.0f} us ({spread(times)}) "
            f"| {median(shares):.0f} % ({min(shares):.0f}..{max(shares):.0f}) | {median(written):,.0f} B |",
            flush=True,
        )


def _turns(rounds: int) -> list[str]:
    """Each variant as often, and each first in turn."""
    names = list(VARIANTS)
    return [
        name for turn in range(rounds) for name in names[turn % len(names) :] + names[: turn % len(names)]
    ]


async def _sqlite(sales: int, rounds: int) -> Taken:
    taken: Taken = defaultdict(list)
    with TemporaryDirectory() as folder:
        base, file = Path(folder) / "base.db", Path(folder) / "purchase.db"
        async with SandboxHarness(SystemClock()) as harness:
            deliveries = await _sold(base, harness, sales)
            for name in _turns(rounds):
                for old in file.parent.glob(f"{file.name}*"):
                    old.unlink()
                shutil.copy(base, file)
                with closing(sqlite3.connect(file)) as connection:
                    for index in VARIANTS[name]:
                        connection.execute(f"DROP INDEX {index}")
                    connection.execute("VACUUM")
                size = file.stat().st_size
                async with world(file, harness) as one:
                    before = time.process_time()
                    await receive_all(one, deliveries, CONCURRENT)
                    spent = time.process_time() - before
                grown = file.stat().st_size - size
                taken[name].append((1e6 * spent / len(deliveries), grown / len(deliveries)))
    return taken


async def _sold(path: Path, harness: SandboxHarness, sales: int) -> Sequence[Webhook]:
    async with world(path, harness) as one:
        return interleaved(await sell(one, [f"user_{number}" for number in range(sales)]))


async def _postgres(address: str, sales: int, rounds: int) -> Taken:
    taken: Taken = defaultdict(list)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
    server = _server_seconds(address)
    for name in _turns(rounds):
        with schema(address) as tables:
            async with SandboxHarness(SystemClock()) as harness, world_on(address, tables, harness) as one:
                deliveries = interleaved(await sell(one, [f"user_{number}" for number in range(sales)]))
                with psycopg.connect(address, autocommit=True) as connection:
                    for index in VARIANTS[name]:
                        connection.execute(f'DROP INDEX "{tables}"."{index}"')
                    await warm(one)
                    before, begin = server(), _log_bytes(connection)
                    await receive_all(one, deliveries, CONCURRENT)
                    spent, written = server() - before, _log_bytes(connection) - begin
                taken[name].append((1e6 * spent / len(deliveries), written / len(deliveries)))
    return taken


def _log_bytes(connection: psycopg.Connection) -> int:
    """How long the server's log has become, since ever."""
    ((found,),) = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchall()
    return int(found)


def _server_seconds(address: str) -> Callable[[], float]:
    """What the server's processes have spent so far: those that there are, and those that ended."""
    with psycopg.connect(address) as connection:
        root = int(_stat(connection.info.backend_pid)[1])
    ticks = os.sysconf("SC_CLK_TCK")

    def seconds() -> float:
        spent = sum(map(int, _stat(root)[11:15]))
        for one in Path("/proc").glob("[0-9]*"):
            try:
                fields = _stat(int(one.name))
            except OSError:
                continue
            if int(fields[1]) == root:
                spent += int(fields[11]) + int(fields[12])
        return spent / ticks

    return seconds


def _stat(pid: int) -> Sequence[str]:
    """What Linux says of a process, behind its name: state, parent, …; at 11, 12, 13, 14 its times."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
