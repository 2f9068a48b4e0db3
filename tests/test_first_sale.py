"""A sale end to end on real parts: a provider over HTTP, its hosted page, signed webhooks, a SQLite file."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import msgspec
import pytest

from purchase_core.access.rights import Rights
from purchase_core.billing import Billing
from purchase_core.facts.fold import canonical_hash, fold, rows_of
from purchase_core.facts.rows import CaseRow, PurchaseRow, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.reads.facts import recorded_facts
from purchase_core.records.delivery import DONE, IGNORED
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.checkout import Checkout
from purchase_sandbox.account import refunds, subscriptions
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.objects import Invoice, Subscription
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.server.running import SandboxServer
from purchase_simulators.wire.chaos import Chaos, Fault
from purchase_simulators.wire.deliveries import Attempt, Delivery, Endpoint
from purchase_simulators.wire.embedded import EmbeddedServer
from tests.faults.shop import START, rows_in

API_KEY = Secret("sk_sandbox_first_sale_0123456789")
WEBHOOK = Secret("whsec_first_sale_0123456789abcdefghij")
MODES = ("inline", "queue")
TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
OFFERS = CATALOG.offers.values()


class NumberedIds:
    """Numbers each kind by itself: what is sent twice does not rename what is sold."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def new(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"{kind}_{self._counts[kind]:08d}"


@attrs.define
class Street:
    """A shop, its provider, and the buyer's browser."""

    billing: Billing
    sandbox: Sandbox
    account: Account
    server: SandboxServer
    clock: ManualClock
    browser: httpx.AsyncClient
    answers: list[int]

    async def start(self, offer: str, key: str = "cart-1", customer: str = "ana", **other: Any) -> Checkout:
        return await self.billing.checkout.start(
            customer=customer,
            offer=offer,
            success_url="https://shop.example/thanks",
            cancel_url="https://shop.example/cart",
            idempotency_key=key,
            **other,
        )

    async def buy(self, offer: str, key: str = "cart-1", customer: str = "ana", **other: Any) -> Checkout:
        """Start a checkout, and pay on the hosted page, as a browser does."""
        checkout = await self.start(offer, key, customer, **other)
        page = await self.browser.get(checkout.url)
        assert page.status_code == 200
        token = TOKEN.search(page.text)
        assert token is not None
        form = {"action": "pay", "card": "pays", "token": token.group(1)}
        paid = await self.browser.post(checkout.url, data=form)
        assert (paid.status_code, paid.headers["location"]) == (303, "https://shop.example/thanks")
        return checkout

    async def deliver(self) -> None:
        """Webhooks are sent until none is due, and queued ones are worked off."""
        while await self.server.sender.send_due():
            pass
        await self.billing.webhooks.drain()

    async def bought(self, offer: str, key: str = "cart-1", customer: str = "ana", **other: Any) -> Checkout:
        checkout = await self.buy(offer, key, customer, **other)
        await self.deliver()
        return checkout

    async def advance(self, *, days: int = 0, seconds: int = 0) -> None:
        self.clock.advance(days=days, seconds=seconds)
        self.sandbox.catch_up()
        await self.deliver()

    async def rights(self, customer: str = "ana") -> Rights:
        return await self.billing.customers.entitlements(customer)

    async def rows(self, kind: type[Any], customer: str = "ana") -> Sequence[Any]:
        return await self.billing.store.rows(kind, lane=f"customer:{customer}")

    async def proved_hash(self, customer: str = "ana") -> str:
        """The canonical hash of what is stored, which a rebuild from the facts gives again."""
        lane = f"customer:{customer}"
        live = canonical_hash(await rows_in(self.billing.store, lane))
        facts = [one.fact async for one in recorded_facts(self.billing.store, lane)]
        assert live == canonical_hash(rows_of(fold(lane, facts), {one.hash: one for one in OFFERS}))
        return live


@asynccontextmanager
async def street(folder: Path, mode: str = "inline", chaos: Chaos | None = None) -> AsyncIterator[Street]:
    """Open everything, on loopback."""
    fresh = not (folder / "purchase.db").exists()
    clock = ManualClock(START)
    answers: list[int] = []

    def keep_up(stamp: Instant) -> None:
        if stamp > clock.now():
            clock.set_to(stamp)

    async def notice(delivery: Delivery, endpoint: Endpoint, attempt: Attempt) -> None:
        answers.append(attempt.status)

    sandbox = Sandbox(clock=clock, ids=NumberedIds(), chaos=chaos, on_stamp=keep_up)
    account = sandbox.open_account(api_keys=[API_KEY])
    async with SandboxServer(sandbox, deliver=False, notice=notice) as server:
        config = {
            "project": "street",
            "connections": {
                "sandbox-eu": {
                    "plugin": "sandbox",
                    "mode": "test",
                    "api_key": "env:KEY",
                    "webhook_secrets": ["env:WEBHOOK"],
                    "base_url": server.url,
                }
            },
            "store": {"plugin": "sqlite", "path": str(folder / "purchase.db")},
            "inbox": {"mode": mode},
        }
        ids = NumberedIds() if fresh else SeededIds(9)
        environ = {"KEY": API_KEY.reveal(), "WEBHOOK": WEBHOOK.reveal()}
        opening = Billing.open(catalog=CATALOG, config=config, environ=environ, clock=clock, ids=ids)
        async with (
            opening as billing,
            EmbeddedServer(billing.asgi()) as endpoint,
            httpx.AsyncClient(trust_env=False) as browser,
        ):
            account.deliveries.add(f"{endpoint.url}/webhooks/sandbox-eu", WEBHOOK)
            yield Street(billing, sandbox, account, server, clock, browser, answers)


@pytest.mark.parametrize("mode", MODES)
def test_the_first_sale(tmp_path: Path, mode: str) -> None:
    async def work() -> None:
        async with street(tmp_path, mode) as it:
            assert not (await it.rights()).has("export")
            checkout = await it.buy("app:pro", quantity=2)
            await it.server.sender.send_due()
            assert set(it.answers) == {200}
            assert (await it.rights()).has("export") == (mode == "inline")
            await it.billing.webhooks.drain()
            rights = await it.rights()
            assert rights.has("export")
            assert (rights.balance("ai"), rights.limit("api"), rights.licence("seats")) == (200, 1_000, 4)
            receipt = await it.billing.receipts.get(checkout.receipt)
            assert (receipt.state, receipt.customer) == ("confirmed", "ana")
            states = {one.state for one in await it.billing.webhooks.list()}
            assert states == {DONE, IGNORED}
            assert not await it.rows(CaseRow)
            await it.proved_hash()

    asyncio.run(work())


def test_the_sale_outlives_the_process(tmp_path: Path) -> None:
    async def first() -> str:
        async with street(tmp_path) as it:
            await it.bought("app:pro")
            return await it.proved_hash()

    async def second() -> str:
        async with street(tmp_path) as it:
            assert (await it.rights()).has("export")
            return await it.proved_hash()

    assert asyncio.run(first()) == asyncio.run(second())


@pytest.mark.parametrize("mode", MODES)
def test_a_purchase_and_credits(tmp_path: Path, mode: str) -> None:
    async def work() -> None:
        async with street(tmp_path, mode) as it:
            await it.bought("book:full")
            await it.bought("tokens:small", "cart-2")
            rights = await it.rights()
            assert rights.has("book")
            assert rights.balance("ai") == 500
            assert {(one.product, one.paid) for one in await it.rows(PurchaseRow)} == {
                ("one_time", 2_000),
                ("credit_pack", 500),
            }
            await it.proved_hash()

    asyncio.run(work())


@pytest.mark.parametrize("mode", MODES)
def test_a_trial_becomes_a_subscription_and_renews(tmp_path: Path, mode: str) -> None:
    async def work() -> None:
        async with street(tmp_path, mode) as it:
            await it.bought("app:team")
            (row,) = await it.rows(SubscriptionRow)
            assert (row.status, row.bound) == ("trialing", True)
            assert (await it.rights()).has("audit")
            await it.advance(days=15)
            (row,) = await it.rows(SubscriptionRow)
            assert (row.status, row.bound) == ("active", True)
            for _ in range(3):
                await it.advance(days=31)
                assert (await it.rights()).has("audit")
            invoices = [one for one in it.account.book.all(Invoice) if one.total == 3_000]
            assert len(invoices) == 4
            assert not await it.rows(CaseRow)
            await it.proved_hash()
            assert not (await it.billing.customers.entitlements("bob")).has("audit")

    asyncio.run(work())


def test_credits_come_again_with_each_renewal(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("app:pro")
            assert (await it.rights()).balance("ai") == 100
            await it.advance(days=31)
            assert (await it.rights()).balance("ai") == 100, "the first hundred expired after thirty days"
            await it.proved_hash()

    asyncio.run(work())


@pytest.mark.parametrize("mode", MODES)
def test_a_refund_takes_what_was_bought(tmp_path: Path, mode: str) -> None:
    async def work() -> None:
        async with street(tmp_path, mode) as it:
            await it.bought("book:full")
            await it.bought("tokens:small", "cart-2")
            book, tokens = it.account.book.all(Invoice)
            refunds.refund(it.account.book, tokens.id, 250)
            await it.deliver()
            assert (await it.rights()).balance("ai") == 250
            for invoice in (book, tokens):
                refunds.refund(it.account.book, invoice.id, None)
            await it.deliver()
            rights = await it.rights()
            assert not rights.has("book")
            assert rights.balance("ai") == 0
            await it.proved_hash()

    asyncio.run(work())


def test_a_cancelled_subscription_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("app:pro")
            (subscription,) = it.account.book.all(Subscription)
            subscriptions.cancel(it.account.book, subscription.id, at_period_end=True)
            await it.deliver()
            assert (await it.rights()).has("export")
            await it.advance(days=32)
            assert not (await it.rights()).has("export")
            await it.proved_hash()

    asyncio.run(work())


# --- when the post is late, lost and doubled -----------------------------------------------------


async def _a_year(it: Street) -> None:
    await it.buy("app:pro")
    await it.buy("book:full", "cart-2")
    await it.deliver()
    await it.advance(days=31)
    refunds.refund(it.account.book, next(iter(it.account.book.all(Invoice))).id, 400)
    (subscription,) = it.account.book.all(Subscription)
    subscriptions.cancel(it.account.book, subscription.id, at_period_end=False)
    await it.deliver()


async def _everything_arrives(it: Street) -> None:
    """What was dropped is sent again, and what is late comes at last."""
    it.sandbox.chaos.clear()
    for event in it.account.book.events_since(0):
        it.account.deliveries.redeliver(event.id)
    for _ in range(4):
        await it.advance(seconds=40)


@pytest.mark.parametrize("mode", MODES)
def test_what_arrives_doubled_late_or_only_when_sent_again_ends_the_same(tmp_path: Path, mode: str) -> None:
    """The same rows, but for when things were seen last: what had to be looked up was seen once more."""
    odds = {Fault.DUPLICATE: 400_000, Fault.REORDER: 400_000, Fault.DELAY: 200_000, Fault.DROP: 300_000}

    async def ending(name: str, chaos: Chaos | None) -> list[dict[str, object]]:
        folder = tmp_path / name
        folder.mkdir()
        async with street(folder, mode, chaos) as it:
            await _a_year(it)
            await _everything_arrives(it)
            assert await it.billing.webhooks.list(state="pending") == []
            await it.proved_hash()
            rows = await rows_in(it.billing.store, "customer:ana")
            return [{**msgspec.structs.asdict(row), "seen_at": 0} for row in rows]

    expected = asyncio.run(ending("quiet", None))
    for seed in (1, 2):
        assert asyncio.run(ending(f"seed-{seed}", Chaos(seed, odds))) == expected
