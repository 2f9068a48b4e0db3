"""A shop for tests: one application's billing over a store, selling through a sandbox, in its own time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from purchase_core.access.rights import Rights
from purchase_core.billing import Billing
from purchase_core.catalog.catalog import Catalog
from purchase_core.facts.fold import canonical_hash, fold, rows_of
from purchase_core.facts.rows import ROW_TYPES, Row
from purchase_core.identifiers import IdSource, SeededIds
from purchase_core.inbox.inbox import DeliveryReceipt
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.opening import Opening
from purchase_core.plugins.descriptors import (
    NoConfig,
    ProviderOpening,
    ProviderPlugin,
    StoreOpening,
    StorePlugin,
    Subscriber,
)
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.provider import Connection, Headers, Provider
from purchase_core.ports.store import Store
from purchase_core.reads.facts import recorded_facts
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.checkout import Checkout
from purchase_sandbox.account.objects import Customer, Price, Session, Subscription, Thing
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.config import CAPABILITIES
from purchase_sandbox.sandbox import DEFAULT_ACCOUNT
from purchase_sandbox.signature import FORM
from purchase_sandbox.testing import WEBHOOK_SECRET, SandboxHarness, Webhook
from purchase_simulators.wire.chaos import CERTAIN_PPM, Chaos, Fault
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore
from purchase_sqlite.writer import Recorder

T = TypeVar("T")
Made = TypeVar("Made", bound=Thing)

START = Instant(1_790_000_000 * SECOND)
SUCCESS, CANCEL = "https://shop.example/thanks", "https://shop.example/cart"
ENVIRON = {"KEY": "sk_unused_0123456789", "WEBHOOK": WEBHOOK_SECRET.reveal()}
SESSIONS, CUSTOMERS, PRICES = "/v1/checkout/sessions", "/v1/customers", "/v1/prices"
FIRST_SEED = 7
_seeds = count(FIRST_SEED + 1)
_SILENT = re.compile(rb'"type":"(customer|price|product)\.')


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run one test to its end."""
    return asyncio.run(work())


class Shop:
    """An application and its provider. `billing` is the first process; `another()` opens more of them.

    `database` is a memory database, or the path of a SQLite file; `meddle` wraps each store that is opened.
    """

    billing: Billing
    provider: SandboxProvider

    def __init__(
        self,
        database: MemoryDatabase | Path | None = None,
        *,
        catalog: Catalog = CATALOG,
        project: str = "shop",
        name: str = "sandbox",
        account: str = DEFAULT_ACCOUNT,
        secrets: Sequence[Secret] = (WEBHOOK_SECRET,),
        chaos: Chaos | None = None,
        loopback: bool = False,
        inbox: Mapping[str, object] | None = None,
        reads: Mapping[str, object] | None = None,
        meddle: Callable[[Store], Store] | None = None,
        recorder: Recorder | None = None,
        plugins: Sequence[object] = (),
        subscribers: Sequence[Subscriber] = (),
        harness: SandboxHarness | None = None,
        ids: IdSource | None = None,
        sole_writer: bool = False,
    ) -> None:
        self.database = MemoryDatabase() if database is None else database
        self.catalog = catalog
        self.manual = ManualClock(START)
        self.connection = Connection(name, "sandbox", "test", project, "development")
        self.harness = harness or SandboxHarness(
            self.manual,
            connection=self.connection,
            secrets=secrets,
            account=account,
            chaos=chaos,
            loopback=loopback,
        )
        self.clock = self.harness.clock
        self.account = self.harness.account
        self.chaos = self.harness.sandbox.chaos
        self._own_harness = harness is None
        self._inbox, self._reads = dict(inbox or {}), dict(reads or {})
        self._meddle, self._recorder, self._plugins = meddle, recorder, tuple(plugins)
        self.subscribers = tuple(subscribers)
        self._secrets = tuple(secrets)
        # A database that was there before has ids in it already.
        self._ids = ids or SeededIds(FIRST_SEED if database is None else next(_seeds))
        self._sole_writer = sole_writer
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Shop:
        if self._own_harness:
            await self._stack.enter_async_context(self.harness)
        self.billing = await self.another()
        provider = self.billing.connections[self.connection.name]
        assert isinstance(provider, SandboxProvider)
        self.provider = provider
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def another(self, **settings: object) -> Billing:
        """One more process over the same database and account."""
        return await self._stack.enter_async_context(self.opening(**settings))

    @asynccontextmanager
    async def opening(self, **settings: object) -> AsyncIterator[Billing]:
        """A process that lives as long as the block."""
        async with self.unopened(**settings) as billing:
            yield billing

    def unopened(self, **settings: object) -> Opening:
        """A process that is not open yet: what a command line opens."""
        config: dict[str, object] = {
            "project": self.connection.project,
            "connections": {
                self.connection.name: {
                    "plugin": "sandbox",
                    "mode": "test",
                    "api_key": "env:KEY",
                    "webhook_secrets": ["env:WEBHOOK"],
                }
            },
            "store": {"plugin": "shelf"},
            "inbox": self._inbox,
            "reads": self._reads,
            **settings,
        }
        plugins = (_Parts(self), *self._plugins)
        return Billing.open(
            catalog=self.catalog,
            config=config,
            plugins=plugins,
            subscribers=self.subscribers,
            environ=ENVIRON,
            clock=self.clock,
            ids=self._ids,
        )

    async def open_store(self) -> Store:
        """The store, as each process opens it."""
        store: Store
        if isinstance(self.database, Path):
            config = SqliteConfig(str(self.database), several_writers=not self._sole_writer)
            store = await SqliteStore.open(config, clock=self.clock, recorder=self._recorder)
        else:
            store = MemoryStore(self.database)
            store.sole_writer = self._sole_writer
        return self._meddle(store) if self._meddle else store

    def open_provider(self) -> Provider:
        """The adapter, as each process opens it."""
        return self.harness.open(self.connection, secrets=self._secrets)

    # --- what the application does -----------------------------------------------------------

    async def start(self, key: str = "cart-1", *, billing: Billing | None = None, **other: Any) -> Checkout:
        """Start a checkout; by default ana's of the pro plan."""
        wish: dict[str, Any] = {
            "customer": "ana",
            "offer": "app:pro",
            "success_url": SUCCESS,
            "cancel_url": CANCEL,
            "idempotency_key": key,
            **other,
        }
        return await (billing or self.billing).checkout.start(**wish)

    async def buy(self, key: str = "cart-1", **other: Any) -> Checkout:
        """Start a checkout and pay it. Nothing is delivered yet."""
        checkout = await self.start(key, **other)
        await self.harness.pay(checkout.session)
        return checkout

    async def sold(self, key: str = "cart-1", **other: Any) -> Checkout:
        """Start a checkout, pay it, and take the webhooks."""
        checkout = await self.buy(key, **other)
        await self.deliver()
        return checkout

    async def take(
        self, body: bytes, headers: Headers | None = None, *, billing: Billing | None = None
    ) -> DeliveryReceipt:
        """Take one delivery, signed now unless it comes with headers."""
        signed = self.harness.sign(body) if headers is None else headers
        return await (billing or self.billing).webhooks.receive(self.connection.name, body, signed)

    async def deliver(self, webhooks: Sequence[Webhook] | None = None) -> list[DeliveryReceipt]:
        """Take these webhooks, or all that were sent since last time."""
        fresh = self.webhooks() if webhooks is None else webhooks
        return [await self.take(one.body, one.headers) for one in fresh]

    def webhooks(self) -> list[Webhook]:
        """What was sent since last time of sales, signed now; customers, products and prices tell nothing."""
        return [one for one in self.harness.webhooks() if not _SILENT.search(one.body)]

    async def rights(self, customer: str = "ana") -> Rights:
        """What a customer may do now."""
        return await self.billing.customers.entitlements(customer)

    def advance(self, *, days: int = 0, seconds: int = 0) -> None:
        """Let time pass for everybody."""
        self.manual.advance(days=days, seconds=seconds)
        self.harness.sandbox.catch_up()

    # --- what there is -----------------------------------------------------------------------

    def made(self, kind: type[Made]) -> list[Made]:
        """Everything of a kind at the provider."""
        return list(self.account.book.all(kind))

    @property
    def memory(self) -> MemoryDatabase:
        """The database, where it is one in memory."""
        assert isinstance(self.database, MemoryDatabase)
        return self.database

    async def rows(self, customer: str = "ana") -> list[Row]:
        """Every row of one customer."""
        return await rows_in(self.billing.store, f"customer:{customer}")

    async def checked_hash(self, customer: str = "ana") -> str:
        """The canonical hash of a customer's rows, after proving that a rebuild from facts gives the same."""
        store = self.billing.store
        lane = f"customer:{customer}"
        facts = [one.fact async for one in recorded_facts(store, lane)]
        state = fold(lane, facts)
        offers = {version.hash: version for version in self.catalog.offers.values()}
        live = canonical_hash(await rows_in(store, lane))
        assert live == canonical_hash(rows_of(state, offers))
        return live

    # --- what goes wrong ---------------------------------------------------------------------

    @contextmanager
    def trouble(self, path: str, fault: Fault = Fault.LOST_ANSWER) -> Iterator[None]:
        """While the block lasts, every POST to this path of the provider's API meets a fault."""
        client = self.provider._client
        write = client.write

        async def meeting(to: str, *rest: Any, **named: Any) -> Any:
            if to != path:
                return await write(to, *rest, **named)
            self.chaos.set(fault, CERTAIN_PPM)
            try:
                return await write(to, *rest, **named)
            finally:
                self.chaos.set(fault, 0)

        with patch.object(client, "write", meeting):
            yield

    @contextmanager
    def before(self, operation: str, act: Callable[[], Awaitable[object]]) -> Iterator[None]:
        """While the block lasts, something happens just before an operation of the adapter returns."""
        original = getattr(self.provider, operation)

        async def meeting(*rest: Any, **named: Any) -> Any:
            answer = await original(*rest, **named)
            await act()
            return answer

        with patch.object(self.provider, operation, meeting):
            yield


async def rows_in(store: Store, lane: str) -> list[Row]:
    """Every row of one lane."""
    found: list[Row] = []
    for table in ROW_TYPES:
        found += await store.rows(table, lane=lane)
    return found


def resigned(body: bytes, at: Instant, secret: Secret = WEBHOOK_SECRET) -> Headers:
    """The headers of a body that is signed at an instant of the test's choosing."""
    return FORM.headers(body, at=at, secrets=(secret,))


class _Parts:
    """The shop's store and adapter, as a plugin."""

    __name__ = "shop"

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    @hookimpl
    def purchase_register_stores(self) -> tuple[StorePlugin[NoConfig], ...]:
        """Whatever the shop keeps its database in."""

        async def opened(opening: StoreOpening[NoConfig]) -> Store:
            return await self._shop.open_store()

        return (StorePlugin("shelf", NoConfig, opened),)

    @hookimpl
    def purchase_register_providers(self) -> tuple[ProviderPlugin[NoConfig], ...]:
        """The adapter on the shop's account."""

        async def opened(opening: ProviderOpening[NoConfig]) -> Provider:
            return self._shop.open_provider()

        return (ProviderPlugin("sandbox", CAPABILITIES, NoConfig, opened, test_only=True),)


__all__ = [
    "CANCEL",
    "CUSTOMERS",
    "DAY",
    "PRICES",
    "SESSIONS",
    "START",
    "SUCCESS",
    "Customer",
    "Price",
    "Session",
    "Shop",
    "Subscription",
    "resigned",
    "rows_in",
    "run",
]
