"""The process that dies: an application that does what it is told over a socket, and says when it is done.

    python -m tests.crash_points.worker

A *nursery* has imported everything, and forks a worker for each line of its standard input, so that a worker
starts in milliseconds. What the worker has answered is acknowledged: it must be there for ever.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import msgspec

from purchase_core.billing import Billing, Parts
from purchase_core.errors import PurchaseError, StoreError
from purchase_core.facts.fold import fold, rows_of
from purchase_core.facts.rows import ROW_TYPES, PurchaseRow
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import Instant
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.provider import Connection, Provider
from purchase_core.ports.store import Store
from purchase_core.reads.facts import recorded_facts
from purchase_core.records.lane import customer_of
from purchase_core.records.movement import FACTS
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import CATALOG, VERSIONS
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.client import SandboxClient
from purchase_sandbox.config import SandboxConfig
from purchase_sandbox.testing import API_KEY, WEBHOOK_SECRET, no_pause
from tests.crash_points import planted, stores
from tests.crash_points.messages import Answer, Picture, Start, Told

CONNECTION = Connection("sandbox", "sandbox", "test", "shop", "dev")
LANES = ("customer:ana", "customer:ben", "customer:cleo")
LINE_BYTES_MAX = 1 << 24
HELD_SECONDS = 7 * 86_400  # longer than the story, however often somebody dies in it


class FreshIds:
    """No two processes make the same identifier; those made later sort later."""

    def __init__(self, life: int) -> None:
        self._life = life
        self._count = 0

    def new(self, kind: str) -> str:
        """The next one."""
        self._count += 1
        return f"{kind}_{self._life:08x}{self._count:024x}"


class Worker:
    """One life of the application. `inline` and `queue` are two front doors over one store."""

    store: Store
    inline: Billing
    queue: Billing

    def __init__(self, start: Start) -> None:
        self.start = start
        self.clock = ManualClock(Instant(start.now))
        self.ids = FreshIds(start.life)
        self.provider: Provider | None = None

    async def prepare(self) -> None:
        """Open the store, without tables."""
        self.store = await stores.opened(self.start, self.clock)

    async def open(self) -> None:
        """Make the tables, and open the doors."""
        await self.store.migrate()
        config = SandboxConfig(base_url=self.start.provider)
        # Nothing here speaks TLS, and reading a machine's certificates is slow.
        transport = httpx.AsyncHTTPTransport(verify=False)
        client = SandboxClient(config, API_KEY, self.clock, transport=transport, pause=no_pause)
        self.provider = SandboxProvider(CONNECTION, config.account, client, (WEBHOOK_SECRET,))
        self.inline, self.queue = self._door("inline"), self._door("queue")

    def _door(self, mode: Any) -> Billing:
        assert self.provider is not None
        return Billing(
            Parts(
                catalog=CATALOG,
                store=self.store,
                connections={CONNECTION.name: self.provider},
                router=PolicyRouter(),
                listeners=Listeners(Registry()),
                clock=self.clock,
                ids=self.ids,
                inbox=InboxSettings(mode=mode),
            )
        )

    async def checkout(self, told: Told) -> str:
        """Start a checkout, or find it started."""
        opened = await self.inline.checkout.start(
            customer=told.customer,
            offer=told.offer,
            success_url="https://shop.example/thanks",
            cancel_url="https://shop.example/cart",
            idempotency_key=told.key,
        )
        return opened.session

    async def refund(self, told: Told) -> str:
        """Pay back what the customer bought."""
        (bought,) = await self.store.rows(PurchaseRow, lane=f"customer:{told.customer}")
        done = await self.inline.purchases.refund(
            told.customer, bought.key, idempotency_key=told.key, amount=told.amount or None
        )
        return done.refund.provider_id

    async def spend(self, told: Told) -> str:
        """Consume credits, or reserve and settle them; the movement."""
        credits_, key = self.inline.credits, told.key
        match told.kind:
            case "consume":
                done = await credits_.consume(told.customer, "ai", told.amount, idempotency_key=key)
            case "reserve":
                done = await credits_.reserve(
                    told.customer, "ai", told.amount, idempotency_key=key, timeout_seconds=HELD_SECONDS
                )
            case _:
                held = f"reserve:{key}"
                done = await credits_.settle(told.customer, held, told.amount, idempotency_key=key)
        return done.movement

    async def receive(self, told: Told, say: Callable[[Answer], None]) -> str:
        """Take deliveries at once, and answer each as soon as it is taken."""
        door = (self.inline if told.door == "inline" else self.queue).webhooks

        async def take(number: int, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
            receipt = await door.receive(CONNECTION.name, body, headers)
            say(Answer(receipt=number, said=receipt.event_id, state=receipt.status))

        work = [take(number, one.body, one.headers) for number, one in enumerate(told.webhooks)]
        ended = await asyncio.gather(*work, return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return ""

    async def work(self, told: Told) -> str:
        """What a worker does from time to time."""
        await self.inline.checkout.resolve()
        await self.inline.commands.resolve()
        report = await self.inline.webhooks.drain()
        return "again" if report.worked else ""

    async def close(self) -> None:
        """End well."""
        await self.store.aclose()

    async def picture(self) -> Picture:
        """All that the store tells, and whether it contradicts itself."""
        store = self.store
        offers = {version.hash: version for version in VERSIONS.values()}
        rows, wrong, effects = [], [], []
        spent = {}
        for lane in LANES:
            facts = [one.fact async for one in recorded_facts(store, lane)]
            live = [row for table in ROW_TYPES for row in await store.rows(table, lane=lane)]
            rebuilt = rows_of(fold(lane, facts), offers)
            if sorted(live, key=_place) != sorted(rebuilt, key=_place):
                wrong.append(f"{lane} is not the fold of its facts")
            rows += [[row.TABLE, msgspec.to_builtins(row)] for row in sorted(live, key=_place)]
            effects += [one.key for one in await store.effects(lane)]
            wrong += (await self.inline.credits.verify(customer_of(lane))).problems
            for one in await store.movements(lane):
                if one.kind != FACTS:
                    spent[one.key] = " ".join(f"{leg.account} {leg.amount}" for leg in one.legs)
        commands = [await store.command(key) for key in self.start.commands]
        return Picture(
            rows=msgspec.json.encode(rows, order="sorted").decode(),
            effects=effects,
            deliveries={one.event_id: one.state for one in await store.deliveries(limit=1_000)},
            commands={one.key: one.state for one in commands if one is not None},
            spent=spent,
            wrong=wrong,
        )


def _place(row: Any) -> tuple[str, str]:
    return row.TABLE, row.key


async def serve(start: Start) -> None:
    """Do what comes over the socket, until it is told to go."""
    if start.bug:
        planted.BUGS[start.bug].plant()
    reader, writer = await asyncio.open_unix_connection(start.socket, limit=LINE_BYTES_MAX)

    def say(answer: Answer) -> None:
        # At once, and not when the loop has time: whoever is killed after this has acknowledged it.
        os.write(writer.get_extra_info("socket").fileno(), msgspec.json.encode(answer) + b"\n")

    worker = Worker(start)
    say(Answer(said=str(os.getpid())))
    while line := await reader.readline():
        told = msgspec.json.decode(line, type=Told)
        if told.now:
            worker.clock.set_to(Instant(told.now))
        say(await answered(worker, told, say))
        if told.step == "close":
            return


async def answered(worker: Worker, told: Told, say: Callable[[Answer], None]) -> Answer:
    """The answer to one step; an error of ours is one, another is a finding."""
    try:
        if told.step == "picture":
            return Answer(picture=await worker.picture())
        if told.step == "receive":
            return Answer(said=await worker.receive(told, say))
        if told.step in ("checkout", "refund", "spend", "work"):
            return Answer(said=await getattr(worker, told.step)(told))
        await getattr(worker, told.step)()
        return Answer(said=_threads())
    except PurchaseError as error:
        return Answer(
            error=error.code,
            text=error.message,
            unknown=bool(getattr(error, "outcome_unknown", False)),
            of_store=isinstance(error, StoreError),
        )
    except Exception as error:  # whatever it is, the world is to hear of it
        return Answer(error=type(error).__name__, text=f"{type(error).__name__}: {error}"[:400], odd=True)


def _threads() -> str:
    """The threads that strace can be attached to."""
    named = {one.name: one.native_id for one in threading.enumerate()}
    return f"{named.get('purchase-sqlite-writer', 0)}"


def nursery() -> None:
    """Fork a worker for each line."""
    stores.imported()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in iter(sys.stdin.buffer.readline, b""):
        if os.fork() == 0:
            code = 1
            try:
                os.dup2(os.open(os.devnull, os.O_RDWR), 0)
                os.dup2(0, 2)  # what its death makes it say is nobody's business
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _allow_tracing()
                asyncio.run(serve(msgspec.json.decode(line, type=Start)))
                code = 0
            finally:
                os._exit(code)


def _allow_tracing() -> None:
    """Where only parents may trace, say that others may too."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1 & (2**64 - 1)), 0, 0, 0)  # PR_SET_PTRACER


if __name__ == "__main__":
    nursery()
