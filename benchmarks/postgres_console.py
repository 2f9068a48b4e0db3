"""The console on Postgres: what a page costs on the processor, here and at the server, whatever waits.

Reads what Linux has counted of the server's processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from benchmarks.console import head, pages, row
from benchmarks.growing import SEED_CUSTOMER
from benchmarks.postgres import CONCURRENT, world_on
from benchmarks.postgres_history import SEED, SEED_SALES, Seed, address_of
from benchmarks.waiting import COPIED, waiting
from benchmarks.webhooks import receive_all
from benchmarks.world import interleaved, sell
from purchase_core.instants import Clock, SystemClock
from purchase_postgres.testing import from_wheel
from purchase_sandbox.testing import SandboxHarness


async def run(*, short: bool) -> None:
    """Print how long each page takes, before and after a flood, over 10^4 events, or 10^6 in full."""
    with from_wheel(durable=False) as server:
        async with SandboxHarness(SystemClock()) as harness:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {SEED}")
            place = address_of(server, SEED)
            customers = [f"{SEED_CUSTOMER}{number}" for number in range(SEED_SALES)]
            async with world_on(place, "", harness) as one:
                await receive_all(one, interleaved(await sell(one, customers)), CONCURRENT)
            seed = Seed(place)
            seed.grow(10_000 if short else 1_000_000)
            async with world_on(place, "", harness) as one:
                told = await pages(one.billing, processor(place))
            head(told)
            row(f"{seed.events():,}", told)
            flood(place, customers, SystemClock())
            async with world_on(place, "", harness) as one:
                told = await pages(one.billing, processor(place))
            row(f"{seed.events():,}, many of which wait", told)


def processor(place: str) -> Callable[[], float]:
    """How many seconds this process and all of the server's have had."""
    with psycopg.connect(place) as connection:
        server = _parent(Path(f"/proc/{connection.info.backend_pid}/stat").read_text(encoding="ascii"))

    asking = 0.0  # what it costs to find that out, which is no page's

    def seconds() -> float:
        nonlocal asking
        begun, nanoseconds = time.process_time(), 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                if _parent(stat.read_text(encoding="utf-8", errors="replace")) == server:
                    nanoseconds += int(stat.with_name("schedstat").read_text(encoding="ascii").split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
        found = begun - asking + nanoseconds / 1e9
        asking += time.process_time() - begun
        return found

    return seconds


def _parent(stat: str) -> str:
    return stat.rpartition(")")[2].split()[1]


def flood(place: str, customers: Sequence[str], clock: Clock) -> None:
    """Add to a database what a bad month leaves."""
    with psycopg.connect(place, autocommit=True) as connection:
        with connection.cursor(row_factory=dict_row) as cursor:
            alike = {}
            for name in COPIED:
                cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(name)))
                alike[name] = cursor.fetchall()[0]
        rows = sorted(waiting(customers, clock.now(), alike), key=lambda one: one[0])
        for table, alike_rows in groupby(rows, key=lambda one: one[0]):
            into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
            with connection.cursor() as cursor, cursor.copy(into) as copy:
                for _, values in alike_rows:
                    copy.write_row(values)
        connection.execute("VACUUM ANALYZE")
