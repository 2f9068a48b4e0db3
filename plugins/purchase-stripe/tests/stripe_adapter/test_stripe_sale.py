"""A sale end to end: Purchase, its adapter, the simulated Stripe over HTTP, webhooks, a database."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from purchase_core.billing import Billing
from purchase_core.errors import ProviderRefused
from purchase_core.facts.rows import CaseRow, InvoiceRow, LotRow, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND, Instant
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.checkout import Checkout
from purchase_simulators.stripe import collecting, playing
from purchase_simulators.stripe.objects.invoices import Invoice
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import API_KEY, WEBHOOK_SECRET, StripeHarness, Webhook

START = Instant(1_790_000_000 * SECOND)
ONE_PAYMENT = {
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
    "payment_intent.succeeded",
    "charge.succeeded",
    "checkout.session.completed",
}
LANE = "customer:ana"


@attrs.define
class Street:
    """A shop, its provider, and a buyer."""

    billing: Billing
    stripe: StripeHarness

    async def start(self, offer: str) -> Checkout:
        checkout = await self.billing.checkout.start(
            customer="ana",
            offer=offer,
            success_url="http://127.0.0.1/thanks",
            cancel_url="http://127.0.0.1/cart",
            idempotency_key=f"cart {offer}",
        )
        self.stripe.advance(seconds=60)  # nobody is as fast as Stripe's clock is coarse
        return checkout

    async def bought(self, offer: str, method: str = "pays") -> SubscriptionRow | None:
        """Bought, and told; the subscription, if it became one."""
        self.stripe.pay((await self.start(offer)).session, method)
        await self.deliver()
        return await self.billing.subscriptions.current("ana")

    async def deliver(self, webhooks: list[Webhook] | None = None) -> None:
        for one in self.stripe.webhooks() if webhooks is None else webhooks:
            await self.billing.webhooks.receive("stripe-eu", one.body, one.headers)
        await self.billing.webhooks.drain()

    async def advance(self, days: int) -> None:
        self.stripe.advance(days=days)
        await self.deliver()

    async def has(self, feature: str) -> bool:
        return (await self.billing.customers.entitlements("ana")).has(feature)

    async def cases(self) -> list[str]:
        return [one.kind for one in await self.billing.store.rows(CaseRow, lane=LANE)]

    async def granted(self) -> list[int]:
        """The credits of each lot."""
        return sorted(one.granted for one in await self.billing.store.rows(LotRow, lane=LANE))


@asynccontextmanager
async def street(folder: Path) -> AsyncIterator[Street]:
    """Open everything, on loopback."""
    async with StripeHarness(ManualClock(START)) as stripe:
        connection = {
            "plugin": "stripe",
            "mode": "test",
            "account": DEFAULT_ACCOUNT,
            "api_key": "env:KEY",
            "webhook_secrets": ["env:WEBHOOK"],
            "base_url": stripe.url,
        }
        config = {
            "project": "street",
            "connections": {"stripe-eu": connection},
            "store": {"plugin": "sqlite", "path": str(folder / "purchase.db")},
        }
        environ = {"KEY": API_KEY.reveal(), "WEBHOOK": WEBHOOK_SECRET.reveal()}
        async with Billing.open(
            catalog=CATALOG, config=config, environ=environ, clock=stripe.clock, ids=SeededIds(1)
        ) as billing:
            yield Street(billing, stripe)


def test_the_first_sale_renews_and_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            assert not await it.has("export")
            row = await it.bought("app:pro")
            assert row is not None
            assert (row.status, row.bound, await it.has("export")) == ("active", True, True)
            await it.advance(32)
            assert (await it.granted(), await it.cases()) == ([100, 100], [])
            await it.billing.subscriptions.cancel("ana", row.key, idempotency_key="end")
            await it.advance(32)
            assert not await it.has("export")

    asyncio.run(work())


@pytest.mark.parametrize("seed", range(5))
def test_f14_all_the_events_of_one_payment_have_one_effect(tmp_path: Path, seed: int) -> None:
    """In any order and twice: one payment, one grant, one bill, and nothing that a person must look at."""

    async def work() -> None:
        async with street(tmp_path) as it:
            it.stripe.pay((await it.start("app:pro")).session)
            webhooks = it.stripe.webhooks() * 2
            assert {json.loads(one.body)["type"] for one in webhooks} >= ONE_PAYMENT
            random.Random(seed).shuffle(webhooks)
            await it.deliver(webhooks)
            (bill,) = await it.billing.store.rows(InvoiceRow, lane=LANE)
            assert (bill.match, bill.paid, bill.status) == ("matched", 1_000, "paid")
            assert (await it.granted(), await it.cases()) == ([100], [])

    asyncio.run(work())


def test_f46_a_slow_method_grants_nothing_until_the_money_is_there(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("book:full", "debit")
            assert not await it.has("book")
            await it.advance(4)
            assert (await it.has("book"), await it.cases()) == (True, [])

    asyncio.run(work())


def test_f46_a_slow_method_that_fails_never_grants_anything(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("book:full", "debit_bounces")
            await it.advance(40)
            assert not await it.has("book")

    asyncio.run(work())


def test_a_change_that_a_bank_asks_about_waits_with_the_old_rights(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            row = await it.bought("app:pro", "always_challenge")
            assert row is not None
            it.stripe.advance(days=3)
            done = await it.billing.subscriptions.change(
                "ana", row.key, offer="app:team", idempotency_key="k"
            )
            assert done.bill is not None
            assert (done.bill.action, done.subscription.items) == ("authenticate", row.items)
            links = await it.billing.invoices.links("ana", done.bill.key)
            assert links.pay_url.startswith(it.stripe.url)
            await it.deliver()
            assert (await it.has("export"), await it.has("audit")) == (True, False)
            book = it.stripe.account.book
            it.stripe.advance(seconds=60)
            invoice = book.get(Invoice, done.bill.provider_id)
            method = collecting.method_of(book, invoice)
            collecting.collect(book, invoice, method, present=True, authenticated=True)
            await it.deliver()
            assert (await it.has("export"), await it.has("audit")) == (False, True)

    asyncio.run(work())


def test_a_change_whose_card_is_declined_is_refused_with_the_old_rights(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            row = await it.bought("app:pro")
            assert row is not None
            playing.use_card(it.stripe.account.book, row.provider_id, "fails_later")
            with pytest.raises(ProviderRefused) as refused:
                await it.billing.subscriptions.change("ana", row.key, offer="app:team", idempotency_key="k")
            assert refused.value.provider_code == "generic_decline"
            await it.deliver()
            assert (await it.has("export"), await it.has("audit"), await it.cases()) == (True, False, [])

    asyncio.run(work())
