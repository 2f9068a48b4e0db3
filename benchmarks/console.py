"""The console: how long a page takes on the server, whatever the history."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from benchmarks.history import SEED_SALES, Seed
from benchmarks.webhooks import receive_all
from benchmarks.world import interleaved, sell, world
from purchase_core.billing import Billing
from purchase_core.console import Operator, Role
from purchase_core.facts.rows import IntentRow
from purchase_core.instants import SystemClock
from purchase_sandbox.testing import SandboxHarness

TIMES = 7


async def run(*, short: bool) -> None:
    """Print the median of each page, over files of 10^4 events and more, up to 10^6 in full."""
    sizes = (10_000,) if short else (10_000, 100_000, 1_000_000)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "purchase.db"
        async with SandboxHarness(SystemClock()) as harness:
            async with world(path, harness) as one:
                customers = [f"user_m0_{number}" for number in range(SEED_SALES)]
                await receive_all(one, interleaved(await sell(one, customers)), 50)
            seed = Seed(path)
            for size in sizes:
                seed.grow(size)
                async with world(path, harness) as one:
                    told = await _pages(one.billing)
                if size == sizes[0]:
                    print(f"| events | {' | '.join(told)} |\n|---|{'---|' * len(told)}")
                cells = (f"{milliseconds:,.0f} ms" for milliseconds in told.values())
                print(f"| {seed.events():,} | {' | '.join(cells)} |", flush=True)


async def _pages(billing: Billing) -> dict[str, float]:
    intents = await billing.store.rows(IntentRow, limit=1)
    customer, intent = intents[0].customer, intents[0].key.split(":", 2)[2]
    operator = Operator("olga", frozenset(Role))
    transport = httpx.ASGITransport(billing.console(auth=lambda _: operator))
    async with httpx.AsyncClient(transport=transport, base_url="http://console.example") as client:
        receipt = (await client.get(f"/receipts/of/{intent}")).headers["location"]
        paths = {
            "overview": "/",
            "inbox": "/inbox",
            "inbox, filtering": "/inbox?state=done&type=unheard.of",
            "quarantine": "/quarantine",
            "cases": "/cases",
            "customers, searching": f"/customers?q={receipt.rpartition('/')[2]}",
            "customer": f"/customers/of/{customer}",
            "customer, as of": f"/customers/of/{customer}?place=2&mode=knew",
            "customer, explaining": f"/customers/of/{customer}?feature=export",
            "receipts": "/receipts",
            "receipt": receipt,
            "routing": "/routing",
            "decision": receipt.replace("/receipts/", "/routing/"),
            "catalog": "/catalog",
            "runs": "/runs",
            "doctor": "/doctor",
        }
        found = {name: await _median(client, path) for name, path in paths.items()}
    started = time.perf_counter()
    await billing.metrics.read()
    return {**found, "metrics, read": 1_000 * (time.perf_counter() - started)}


async def _median(client: httpx.AsyncClient, path: str) -> float:
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        answer = await client.get(path)
        took.append(1_000 * (time.perf_counter() - started))
        if answer.status_code not in (200, 303):
            raise AssertionError(path, answer.status_code)
    return median(took)
