"""Flat in history on Postgres: the same webhooks on a database that holds more and more events of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.growing import SEED_CUSTOMER, SHARED, copies
from benchmarks.memory import peak_megabytes
from benchmarks.postgres import CONCURRENT, POOL, recorded, replay, warm, world_on
from benchmarks.webhooks import receive_all
from benchmarks.world import interleaved, sell
from purchase_core.instants import SystemClock
from purchase_postgres.testing import from_wheel
from purchase_sandbox.testing import SandboxHarness

SEED_SALES = 250
MEASURED_SALES = 60
SEED = "seed"


async def run(*, short: bool) -> None:
    """Print the curve: rates and ratios at 10^3 events and more, up to 10^6 in full."""
    sizes = (1_000, 10_000) if short else (1_000, 10_000, 100_000, 1_000_000)
    print("| events | database | one after the other | raw | ratio | 50 at once | raw | ratio | memory |")
    print("|---|---|---|---|---|---|---|---|---|")
    with from_wheel(durable=True) as server:
        async with SandboxHarness(SystemClock()) as harness:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {SEED}")
            place = address_of(server, SEED)
            async with world_on(place, "", harness) as one:
                customers = [f"{SEED_CUSTOMER}{number}" for number in range(SEED_SALES)]
                await receive_all(one, interleaved(await sell(one, customers)), CONCURRENT)
            seed = Seed(place)
            for size in sizes:
                seed.grow(size)
                cells = []
                for concurrent in (1, CONCURRENT):
                    ours, raw = await _measure(server, harness, f"new_{size}_{concurrent}", concurrent)
                    cells.append(f"{ours:,.0f}/s | {raw:,.0f}/s | {100 * ours / raw:.0f} %")
                memory = peak_megabytes("postgres", place)
                print(f"| {seed.events():,} | {seed.megabytes():,.0f} MB | {' | '.join(cells)} "
                      f"| {memory:,.0f} MB |", flush=True)  # fmt: skip


async def _measure(server: str, harness: SandboxHarness, name: str, concurrent: int) -> tuple[float, float]:
    """The rate of new sales on a copy, and that of the same statements by bare psycopg on another one."""
    with _copy(server, SEED, "ours") as ours_place:
        async with world_on(ours_place, "", harness) as one:
            deliveries = interleaved(
                await sell(one, [f"{name}_{number}" for number in range(MEASURED_SALES)])
            )
        with _copy(server, "ours", "raw") as raw_place:
            async with world_on(ours_place, "", harness) as one:
                await warm(one)
                with recorded() as transactions:
                    ours = len(deliveries) / await receive_all(one, deliveries, concurrent)
            raw = len(deliveries) / await replay(raw_place, transactions, min(concurrent, POOL))
    return ours, raw


@contextmanager
def _copy(server: str, database: str, name: str) -> Iterator[str]:
    """The address of a copy of a database, page by page, and on the disk."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {database} STRATEGY file_copy")
        connection.execute("CHECKPOINT")
        try:
            yield address_of(server, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def address_of(server: str, database: str) -> str:
    """Where a database of this server is."""
    return make_conninfo(server, dbname=database)


class Seed:
    """A small database that is made large."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._copies = 0
        self._tables: dict[str, list[tuple[object, ...]]] = {}
        with psycopg.connect(place) as connection:
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            for (name,) in found:
                if name not in SHARED:
                    every = sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))
                    self._tables[name] = connection.execute(every).fetchall()

    def events(self) -> int:
        """How many deliveries the database holds."""
        return self._number("SELECT count(*) FROM deliveries")

    def megabytes(self) -> float:
        """Its size on the disk."""
        return self._number("SELECT pg_database_size(current_database())") / 1e6

    def grow(self, events: int) -> None:
        """Add copies until the database holds so many."""
        missing = max(0, events - self.events()) // len(self._tables["deliveries"])
        with psycopg.connect(self._place, autocommit=True) as connection, connection.cursor() as cursor:
            connection.execute("SET synchronous_commit = off")
            for number in range(self._copies + 1, self._copies + missing + 1):
                for name, rows in self._tables.items():
                    into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
                    with cursor.copy(into) as copy:
                        for row in copies(rows, number, {}):
                            copy.write_row(row)
            self._copies += missing
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def _number(self, question: str) -> int:
        with psycopg.connect(self._place) as connection:
            ((number,),) = connection.execute(question).fetchall()  # type: ignore[call-overload]
        return int(number)
