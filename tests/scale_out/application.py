"""The process that is killed: an application with an endpoint and a worker, as a small deployment runs it.

It is forked from a process that has imported everything, so that the next one is there in no time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import httpx
import msgspec
import uvicorn

from purchase_core.billing import Billing, Parts
from purchase_core.errors import PurchaseError
from purchase_core.facts.rows import PurchaseRow
from purchase_core.identifiers import RandomIds
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import Instant
from purchase_core.operations.worker import Stop
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider.pages import Receive, Scope, Send
from purchase_core.records.delivery import DONE, IGNORED, Delivery
from purchase_core.records.effect import Effect
from purchase_core.records.mailbox import Mailbox
from purchase_core.routing.router import PolicyRouter
from purchase_core.secret import Secret
from purchase_core.testing.sales import CATALOG
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.client import SandboxClient
from purchase_sandbox.config import SandboxConfig
from purchase_sandbox.testing import API_KEY, CONNECTION, WEBHOOK_SECRET, no_pause
from tests.scale_out import planted
from tests.scale_out.held import Hold
from tests.scale_out.journal import BACK, CLAIMED, CLOSED, OPENED, SETTLED, TOLD, Journal
from tests.scale_out.messages import Answer, Ask, FastClock, Life

POOL_CONNECTIONS = 6
SUBSCRIBER = "ledger"
LANES_AT_ONCE = 20  # four processes tell 266 effects a second, and there is one for every third event
TELL_SECONDS = 0.3  # as somebody on the other side of a network takes
ASKED = "/asked"


class WatchedStore(PostgresStore):
    """The store, with what it claims and settles written down."""

    journal: Journal

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        """Likewise."""
        rows = await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)
        for one in rows:
            self.journal.note(CLAIMED, one.id, one.fence)
        return rows

    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        """Likewise."""
        found = await super().claim_mailboxes(subscriber, now=now, lease_until=lease_until, limit=limit)
        for one in found:
            self.journal.note(OPENED, one.lane, one.fence, one.told)
        return found

    async def commit(self, batch: Batch) -> None:
        """Likewise."""
        try:
            await super().commit(batch)
        finally:
            for one in batch.told:
                self.journal.note(CLOSED, one.lane, one.fence)
        self._settled(batch)

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Likewise."""
        await super().commit_all(batches)
        if len(batches) > 1:  # else it came by way of `commit`
            for one in batches:
                self._settled(one)

    def _settled(self, batch: Batch) -> None:
        for one in batch.settlements:
            if one.state in (DONE, IGNORED):
                self.journal.note(SETTLED, one.id, one.fence)


class FastStop(Stop):
    """Waits as long as the fast clock says."""

    def __init__(self, speed: int) -> None:
        super().__init__()
        self._speed = speed

    async def wait(self, seconds: float) -> None:
        """Wait so long by that clock, or until it is set."""
        await super().wait(seconds / self._speed)


class Application:
    """An endpoint for webhooks, and one for what the world asks."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing
        self._webhooks = billing.asgi()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] != ASKED:
            await self._webhooks(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = await self._answer(msgspec.json.decode(body, type=Ask))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})

    async def _answer(self, ask: Ask) -> Answer:
        try:
            if ask.what == "checkout":
                opened = await self._billing.checkout.start(
                    customer=ask.customer,
                    offer=ask.offer,
                    success_url="https://shop.example/thanks",
                    cancel_url="https://shop.example/cart",
                    idempotency_key=ask.key,
                )
                return Answer(opened.session, opened.id)
            if ask.what == "refund":
                return Answer(await self._refund(ask))
            spent = await self._billing.credits.consume(
                ask.customer, "ai", ask.amount, idempotency_key=ask.key
            )
            return Answer(spent.movement)
        except PurchaseError as error:
            return Answer(error=error.code)
        except Exception as error:  # whatever it is, the world is to hear of it
            return Answer(error=f"{type(error).__name__}: {error}"[:300], odd=True)

    async def _refund(self, ask: Ask) -> str:
        rows = await self._billing.store.rows(PurchaseRow, lane=f"customer:{ask.customer}")
        bought = next((one for one in rows if one.intent == ask.intent), None)
        if bought is None:
            return (await self._billing.purchases.get(ask.customer, ask.intent)).key  # raises NotFound
        done = await self._billing.purchases.refund(
            ask.customer, bought.key, idempotency_key=ask.key, amount=ask.amount
        )
        return done.refund.provider_id


def live(life: Life) -> None:
    """One life, until it is killed."""
    logging.disable(logging.CRITICAL)  # what becomes of it is read from what it leaves
    if life.bug:
        planted.BUGS[life.bug].plant()
    asyncio.run(_live(life))


async def _live(life: Life) -> None:
    clock, journal = FastClock(life.epoch, life.speed), Journal(life.journal)
    store = await _opened(life, clock)
    store.journal = journal
    # Nothing here speaks TLS, and reading a machine's certificates is slow.
    transport = httpx.AsyncHTTPTransport(verify=False)
    config = SandboxConfig(base_url=life.provider)
    client = SandboxClient(config, API_KEY, clock, transport=transport, pause=no_pause)

    hold = Hold(life.journal)

    async def tell(effect: Effect) -> None:
        journal.note(TOLD, effect.lane, effect.place)
        await asyncio.sleep(TELL_SECONDS)
        if hold.takes(effect.lane):
            try:
                await hold.wait()
            finally:
                journal.note(BACK, effect.lane, effect.place)

    billing = Billing(
        Parts(
            catalog=CATALOG,
            store=store,
            connections={
                CONNECTION.name: SandboxProvider(CONNECTION, config.account, client, (WEBHOOK_SECRET,))
            },
            router=PolicyRouter(),
            listeners=Listeners(Registry()),
            clock=clock,
            ids=RandomIds(),
            # Every other process works at once, every other only keeps: a deployment may have both.
            inbox=InboxSettings(mode="inline" if life.number % 2 else "queue"),
            subscribers={SUBSCRIBER: Subscriber(SUBSCRIBER, tell, lanes_at_once=LANES_AT_ONCE)},
        )
    )
    server = uvicorn.Server(
        uvicorn.Config(
            Application(billing), uds=life.socket, lifespan="off", log_level="critical", access_log=False
        )
    )
    await asyncio.gather(server.serve(), billing.worker().run(FastStop(life.speed), lambda task, count: None))


async def _opened(life: Life, clock: FastClock) -> WatchedStore:
    """The store; a server that is just being restarted is waited for, as a supervisor would."""
    config = PostgresConfig(Secret(life.database), schema=life.schema, pool_connections_max=POOL_CONNECTIONS)
    while True:
        try:
            store = await WatchedStore.open(config, clock=clock)
        except PurchaseError:
            await asyncio.sleep(0.1)
            continue
        assert isinstance(store, WatchedStore)
        return store
