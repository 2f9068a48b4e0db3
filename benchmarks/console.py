"""The console: how long a page takes on the server, whatever the history, and whatever waits.

Each page as in a process that has just begun: what is kept for some seconds is read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import quote

import httpx

from benchmarks.growing import SEED_CUSTOMER
from benchmarks.history import SEED_SALES, Seed
from benchmarks.waiting import flood
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
                customers = [f"{SEED_CUSTOMER}{number}" for number in range(SEED_SALES)]
                await receive_all(one, interleaved(await sell(one, customers)), 50)
            seed = Seed(path)
            for size in sizes:
                seed.grow(size)
                async with world(path, harness) as one:
                    told = await pages(one.billing)
                if size == sizes[0]:
                    head(told)
                row(f"{seed.events():,}", told)
            flood(path, customers, SystemClock())
            async with world(path, harness) as one:
                row(f"{seed.events():,}, many of which wait", await pages(one.billing))


def head(told: dict[str, float]) -> None:
    """Print the head of a table of pages."""
    print(f"| events | {' | '.join(told)} |\n|---|{'---|' * len(told)}")


def row(what: str, told: dict[str, float]) -> None:
    """Print a row of it."""
    cells = (f"{milliseconds:,.0f} ms" for milliseconds in told.values())
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


async def pages(billing: Billing, seconds: Callable[[], float] = time.process_time) -> dict[str, float]:
    """How many milliseconds each page takes, the median of TIMES, by this clock."""
    customer = f"{SEED_CUSTOMER}0"
    (intent_row,) = await billing.store.rows(IntentRow, lane=f"customer:{customer}", limit=1)
    intent = intent_row.key.split(":", 2)[2]
    cases = await billing.cases.list(limit=1)
    operator = Operator("olga", frozenset(Role))
    transport = httpx.ASGITransport(billing.console(auth=lambda _: operator))
    async with httpx.AsyncClient(transport=transport, base_url="http://console.example") as client:
        receipt = (await client.get(f"/receipts/of/{intent}")).headers["location"]
        paths = {
            "overview": "/",
            "inbox": "/inbox",
            "inbox, filtering": "/inbox?state=done&type=unheard.of",
            "inbox, done": "/inbox?state=done",
            "inbox, quarantined": "/inbox?state=quarantined",
            "inbox, pending": "/inbox?state=pending",
            "quarantine": "/quarantine",
            "cases": "/cases",
            "cases of a kind": "/cases?kind=unmatched",
            "cases of a customer": f"/cases?customer={customer}",
            "case": f"/cases/case?case={quote(cases[0].key)}" if cases else "/cases",
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
        found = {name: await _median(billing, client, path, seconds) for name, path in paths.items()}
    started = seconds()
    await billing.metrics.read()
    return {**found, "metrics, read": 1_000 * (seconds() - started)}


async def _median(
    billing: Billing, client: httpx.AsyncClient, path: str, seconds: Callable[[], float]
) -> float:
    took = []
    for _ in range(TIMES):
        billing.attention._known = None
        started = seconds()
        answer = await client.get(path)
        took.append(1_000 * (seconds() - started))
        if answer.status_code not in (200, 303):
            raise AssertionError(path, answer.status_code)
    return median(took)
