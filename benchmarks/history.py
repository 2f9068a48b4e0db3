"""Flat in history: the same webhooks on a file that holds more and more events of other customers."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.growing import SEED_CUSTOMER, SHARED, copies, digests
from benchmarks.memory import peak_megabytes
from benchmarks.replaying import Recording, replay
from benchmarks.webhooks import receive_all
from benchmarks.world import interleaved, sell, world
from purchase_core.instants import SystemClock
from purchase_sandbox.testing import SandboxHarness

SEED_SALES = 250
MEASURED_SALES = 60
GROWING_KIBIBYTES = 1_000_000


async def run(*, short: bool) -> None:
    """Print the curve: rates and ratios at 10^3 events and more, up to 10^6 in full."""
    sizes = (1_000, 10_000) if short else (1_000, 10_000, 100_000, 1_000_000)
    print("| events | file | one after the other | raw | ratio | 50 at once | raw | ratio | memory |")
    print("|---|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "purchase.db"
        async with SandboxHarness(SystemClock()) as harness:
            async with world(path, harness) as one:
                customers = [f"{SEED_CUSTOMER}{number}" for number in range(SEED_SALES)]
                await receive_all(one, interleaved(await sell(one, customers)), 50)
            seed = Seed(path)
            for size in sizes:
                seed.grow(size)
                cells = []
                for concurrent in (1, 50):
                    ours, raw = await _measure(path, harness, f"new_{size}_{concurrent}", concurrent)
                    cells.append(f"{ours:,.0f}/s | {raw:,.0f}/s | {100 * ours / raw:.0f} %")
                megabytes = path.stat().st_size / 1e6
                memory = peak_megabytes("sqlite", str(path))
                print(f"| {seed.events():,} | {megabytes:,.0f} MB | {' | '.join(cells)} | {memory:,.0f} MB |",
                      flush=True)  # fmt: skip


async def _measure(path: Path, harness: SandboxHarness, name: str, concurrent: int) -> tuple[float, float]:
    """The rate of new sales on this file, and that of the same statements by bare sqlite3 on a copy."""
    async with world(path, harness) as one:
        deliveries = interleaved(await sell(one, [f"{name}_{number}" for number in range(MEASURED_SALES)]))
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    for file in (path, copy):
        _settle(file)
    recording = Recording()
    async with world(path, harness, recorder=recording) as one:
        recording.on = True
        ours = len(deliveries) / await receive_all(one, deliveries, concurrent)
        recording.on = False
    raw = len(deliveries) / replay(copy, recording.statements)
    copy.unlink()
    return ours, raw


def _settle(path: Path) -> None:
    """Have the file on the disk and in its cache: else what is measured is the writing of the seed."""
    with path.open("rb+") as file:
        while file.read(1 << 24):
            pass
        os.fsync(file.fileno())


class Seed:
    """A small file that is made large."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copies = 0
        self._tables: dict[str, list[tuple[object, ...]]] = {}
        with sqlite3.connect(path) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                if name not in SHARED and not name.startswith("sqlite_"):
                    columns = ", ".join(self._columns(connection, name))
                    self._tables[name] = connection.execute(f"SELECT {columns} FROM {name}").fetchall()  # noqa: S608
            self._facts = connection.execute("SELECT kind, digest, body FROM facts").fetchall()
        connection.close()

    def events(self) -> int:
        """How many deliveries the file holds."""
        return self._count("deliveries")

    def grow(self, rows: int, *, of: str = "deliveries") -> None:
        """Add copies until this table of the file holds so many."""
        connection = sqlite3.connect(self._path, isolation_level=None)
        # The file is thrown away: nothing need survive, and its indexes are written at random places.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute(f"PRAGMA cache_size = -{GROWING_KIBIBYTES}")
        missing = rows - self._count(of)
        for _ in range(max(0, missing) // len(self._tables[of])):
            self._copies += 1
            fresh = digests(self._facts, self._copies)
            connection.execute("BEGIN")
            for name, held in self._tables.items():
                columns = self._columns(connection, name)
                places = ", ".join("?" * len(columns))
                text = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608
                connection.executemany(text, copies(held, self._copies, fresh))
            connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()

    def _count(self, table: str) -> int:
        connection = sqlite3.connect(self._path)
        ((count,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608
        connection.close()
        return int(count)

    def _columns(self, connection: sqlite3.Connection, table: str) -> list[str]:
        found = connection.execute(f"PRAGMA table_info({table})").fetchall()
        return [f'"{name}"' for _, name, *_ in found]
