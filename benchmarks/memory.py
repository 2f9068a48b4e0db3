"""The memory of a process that works on a database of any size: a fresh one, which says its own peak.

python -m benchmarks.memory sqlite purchase.db
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import attrs

from benchmarks.webhooks import CONCURRENT, receive_all
from benchmarks.world import billing_over, interleaved, sell
from purchase_core.instants import SystemClock
from purchase_core.ports.store import Store
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_sandbox.testing import CONNECTION, SandboxHarness
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

SALES = 40


def peak_megabytes(kind: str, place: str) -> float:
    """How much a new process needs at most that sells on this database and receives what comes of it."""
    command = [sys.executable, "-m", "benchmarks.memory", kind, place]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root)  # noqa: S603  # ourselves
    return float(done.stdout)


@asynccontextmanager
async def _opened(kind: str, place: str) -> AsyncIterator[Store]:
    if kind == "sqlite":
        opening: Store = await SqliteStore.open(SqliteConfig(place))
    else:
        opening = await PostgresStore.open(PostgresConfig(Secret(place)))
    async with opening as store:
        yield store


async def _work(kind: str, place: str) -> None:
    name = uuid4().hex
    # An account of its own: prices belong to the account that they were made in.
    connection = attrs.evolve(CONNECTION, name=f"sandbox-{name}")
    async with (
        SandboxHarness(SystemClock(), connection=connection) as harness,
        _opened(kind, place) as store,
    ):
        one = billing_over(store, harness, SystemClock())
        sent = await sell(one, [f"{name}_{number}" for number in range(SALES)])
        await receive_all(one, interleaved(sent), CONCURRENT)
        for number in range(SALES):
            await one.billing.customers.entitlements(f"{name}_{number}")


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
