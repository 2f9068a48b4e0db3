"""The same webhooks on D1: the real engine on this machine, over HTTP. One question and one batch each.

The raw limit is a bare HTTP client that posts what was recorded to tables of the same shape.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx
import msgspec

from benchmarks.figures import RATIO_HEAD, ratio_row
from benchmarks.webhooks import receive_all
from benchmarks.world import billing_over, interleaved, sell
from purchase_core.errors import StoreUnavailable
from purchase_core.instants import SystemClock
from purchase_d1.http import HttpTransport
from purchase_d1.local import Address, local_d1
from purchase_d1.store import D1Store
from purchase_d1.testing import own_tables
from purchase_d1.transport import Answer
from purchase_sandbox.testing import SandboxHarness
from purchase_sql.wire import Sent

CONCURRENT = 50
CONNECTIONS = 8


class Recording(HttpTransport):
    """Takes down every batch that it sends."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.url, address.token, connections_max=CONNECTIONS)
        self.batches: list[Sequence[Sent]] = []

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        """Run statements in one transaction."""
        self.batches.append(statements)
        return await super().batch(statements)


async def run(*, short: bool) -> None:
    """Print the table, and what a webhook needs."""
    sales, rounds = (20, 2) if short else (60, 5)
    try:
        with local_d1() as address:
            print(RATIO_HEAD)
            for concurrent in (1, CONCURRENT):
                ours, raw, shape = [], [], ""
                for _ in range(rounds):
                    mine, bare, shape = await _round(address, sales, concurrent)
                    ours.append(mine)
                    raw.append(bare)
                what = "one after the other" if concurrent == 1 else f"{concurrent} at once"
                print(ratio_row(f"webhooks on D1, {what}: {shape}", ours, raw, "/s", ""), flush=True)
    except StoreUnavailable as missing:
        print(f"not measured: {missing}")


async def _round(address: Address, sales: int, concurrent: int) -> tuple[float, float, str]:
    """Our rate, that of the same requests sent by nobody in particular, and how many there are."""
    async with SandboxHarness(SystemClock()) as harness, own_tables(address) as tables:
        recording = Recording(address)
        async with D1Store(recording, prefix=tables.prefix) as store:
            await store.migrate()
            one = billing_over(store, harness, SystemClock())
            deliveries = interleaved(await sell(one, [f"user_{number}" for number in range(sales)]))
            before = len(recording.batches)
            ours = len(deliveries) / await receive_all(one, deliveries, concurrent)
        # Begins like the other, so that these tables are dropped with those.
        other = f"{tables.prefix}raw_"
        batches = [
            [(text.replace(tables.prefix, other), values) for text, values in batch]
            for batch in recording.batches
        ]
        await _replay(address, batches[:before], 1)
        raw = len(deliveries) / await _replay(address, batches[before:], min(concurrent, CONNECTIONS))
    sent = batches[before:]
    statements = sum(map(len, sent)) / len(deliveries)
    return ours, raw, f"{len(sent) / len(deliveries):.1f} requests, {statements:.0f} statements each"


async def _replay(address: Address, batches: Sequence[Sequence[Sent]], connections: int) -> float:
    """Post the batches over so many connections, and return how many seconds that took."""
    bodies = iter([
        msgspec.json.encode({"batch": [{"sql": text, "params": values} for text, values in batch]})
        for batch in batches
    ])  # fmt: skip
    url = f"{address.url.rstrip('/')}/raw"
    headers = {"authorization": f"Bearer {address.token.reveal()}", "content-type": "application/json"}

    async def worker(client: httpx.AsyncClient) -> None:
        for body in bodies:
            (await client.post(url, content=body, headers=headers)).read()

    async with httpx.AsyncClient(timeout=30.0, trust_env=False) as client:
        started = time.perf_counter()
        await asyncio.gather(*(worker(client) for _ in range(connections)))
        return time.perf_counter() - started
