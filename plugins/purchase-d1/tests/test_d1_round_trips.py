"""What a webhook costs: one question and one batch, whatever it tells of and however long the history.

What means nothing here, and is of a customer, costs one question more: were they erased while it was kept?
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import pytest

from purchase_core import Billing
from purchase_core.billing import Parts
from purchase_core.identifiers import SeededIds
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import Instant
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.clocks import ManualClock
from purchase_d1.local import Address
from purchase_d1.store import D1Store
from purchase_d1.testing import FakeD1, FakeTransport, own_tables, reached
from purchase_d1.transport import Answer, Transport
from purchase_sandbox.demo.catalog import CATALOG
from purchase_sandbox.testing import SandboxHarness
from purchase_sql.wire import Sent

START = Instant(1_790_000_000_000_000)
READ, WRITTEN, CLAIMED = "read", "written", "claimed"


class Counting(Transport):
    """Notes each round trip by what it does."""

    def __init__(self, line: Transport) -> None:
        self.line = line
        self.trips: list[str] = []
        self.statements: list[int] = []

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        verbs = {text.split(maxsplit=1)[0] for text, _ in statements}
        kind = READ if verbs == {"SELECT"} else CLAIMED if verbs == {"UPDATE"} else WRITTEN
        self.trips.append(kind)
        self.statements.append(len(statements))
        return await self.line.batch(statements)

    async def aclose(self) -> None:
        await self.line.aclose()

    def taken(self) -> list[str]:
        """The trips since this was last asked."""
        trips, self.trips = self.trips, []
        return trips


@attrs.frozen
class Shop:
    """A billing that sells through a sandbox."""

    billing: Billing
    harness: SandboxHarness
    line: Counting

    async def receive(self) -> list[tuple[str, list[str]]]:
        """Deliver what was sent; of each event its type, and the trips that it took."""
        told = []
        self.line.taken()
        for webhook in self.harness.webhooks():
            receipt = await self.billing.webhooks.receive("sandbox", webhook.body, webhook.headers)
            trips = self.line.taken()
            if receipt.status == "ignored" and trips == [READ, WRITTEN, READ]:
                trips.pop()
            told.append((receipt.event_type, trips))
        return told

    async def sell(self, customer: str, offer: str = "app:pro_monthly") -> list[tuple[str, list[str]]]:
        """A checkout, paid; what its webhooks took."""
        checkout = await self.billing.checkout.start(
            customer=customer,
            offer=offer,
            success_url="https://shop.example/thanks",
            cancel_url="https://shop.example/prices",
            idempotency_key=f"{customer}-{offer}",
        )
        await self.harness.pay(checkout.session)
        return await self.receive()


@asynccontextmanager
async def fake() -> AsyncIterator[tuple[Transport, str]]:
    database = FakeD1()
    yield FakeTransport(database), ""
    database.close()


@pytest.fixture(params=["engine", "fake"])
def line(request: pytest.FixtureRequest) -> Callable[[], AbstractAsyncContextManager[tuple[Transport, str]]]:
    if request.param == "fake":
        return fake
    address: Address = request.getfixturevalue("database")

    @asynccontextmanager
    async def engine() -> AsyncIterator[tuple[Transport, str]]:
        async with own_tables(address) as config, reached(address) as line:
            yield line, config.prefix

    return engine


Line = Callable[[], AbstractAsyncContextManager[tuple[Transport, str]]]


@asynccontextmanager
async def opened(line: Line, inbox: InboxSettings) -> AsyncIterator[Shop]:
    clock = ManualClock(START)
    async with line() as (transport, prefix), SandboxHarness(clock) as harness:
        counting = Counting(transport)
        async with D1Store(counting, prefix=prefix, clock=clock) as store:
            await store.migrate()
            counting.statements.clear()  # tables are made once, and not in a Worker's invocation
            parts = Parts(
                catalog=CATALOG,
                store=store,
                connections={"sandbox": harness.provider},
                router=PolicyRouter(),
                listeners=Listeners(Registry(listed=())),
                clock=clock,
                ids=SeededIds(1),
                inbox=inbox,
            )
            yield Shop(Billing(parts), harness, counting)


def test_f84_a_webhook_is_one_question_and_one_batch(line: Line) -> None:
    async def run() -> None:
        async with opened(line, InboxSettings(mode="inline")) as shop:
            first = await shop.sell("ana")
            assert {event for event, _ in first} >= {"subscription.created", "invoice.paid"}
            for number in range(5):
                shop.harness.advance(days=31)
                renewed = await shop.receive()
                assert "invoice.paid" in {event for event, _ in renewed}, number
                first += renewed
            first += await shop.sell("ben")
            more = {event: trips for event, trips in first if trips not in ([READ, WRITTEN], [WRITTEN])}
            assert more == {}
            assert max(shop.line.statements) < 50  # the queries of a Worker's invocation on the free plan

    asyncio.run(run())


def test_f84_what_is_drained_adds_the_receiving_insert_and_shares_its_claim(line: Line) -> None:
    async def run() -> None:
        async with opened(line, InboxSettings(mode="queue")) as shop:
            received = await shop.sell("ana")
            received += await shop.sell("ben")
            assert {tuple(trips) for _, trips in received} == {(WRITTEN,)}
            report = await shop.billing.webhooks.drain()
            trips = shop.line.taken()
            assert report.worked == report.done + report.ignored == len(received)
            assert trips.count(CLAIMED) == 2  # one for all of them, and one that finds no more
            # Several are worked on at once: those of one customer share a batch, and one may read again.
            assert trips.count(WRITTEN) <= len(received)
            assert trips.count(READ) + trips.count(WRITTEN) <= 2 * len(received) + report.ignored

    asyncio.run(run())
