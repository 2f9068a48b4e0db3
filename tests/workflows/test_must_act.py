"""When the customer must act: declined, asked by a bank, recovered, given up; on all three providers.

Everything is real but the money: the adapter over its simulated provider, webhooks, the inbox, a database.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, ClassVar

import pytest

from purchase_core.access.evaluate import evaluate
from purchase_core.access.live import decode_live
from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.billing import Billing
from purchase_core.errors import WrongState
from purchase_core.facts.rows import InvoiceRow, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND
from purchase_core.reads.customers import ActionRequired
from purchase_core.testing.bench import Bench
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.sales import CATALOG, T0, VERSIONS, Sale
from purchase_paddle import testing as paddle_testing
from purchase_paddle.testing import PaddleHarness
from purchase_sandbox.account import subscriptions as sandbox_subscriptions
from purchase_sandbox.account.refusal import Refusal
from purchase_simulators.paddle import paying as paddle_paying
from purchase_simulators.paddle import renewing as paddle_renewing
from purchase_simulators.stripe import collecting, playing
from purchase_simulators.stripe import testing as stripe_testing
from purchase_simulators.stripe.objects.invoices import Invoice
from purchase_simulators.stripe.refusal import Refusal as StripeRefusal
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import StripeHarness
from tests.faults.shop import START, Shop

GRACE_DAYS = AccessRules().past_due_grace_seconds // 86_400
MONTH_DAYS = 31
KINDS = ("pay", "authenticate", "update_card")


class Place(ABC):
    """A shop at one provider, with ana as its customer."""

    ends: ClassVar[tuple[str, ...]]
    """How a subscription can end that was never paid, the provider's own default first."""

    billing: Billing

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[None]:
        """Open everything."""

    @abstractmethod
    async def pay(self, session: str, card: str) -> None:
        """Pay a page, or try to: whether it took the payment shows in what is told."""

    @abstractmethod
    def use_card(self, subscription: str, card: str) -> None:
        """A subscription is charged to another card from now on; nothing is charged at once."""

    @abstractmethod
    async def recover(self, subscription: str) -> None:
        """The customer gives a good card, and what is owed is paid."""

    @abstractmethod
    async def pass_days(self, days: int) -> None:
        """Time passes, and what happened is told."""

    @abstractmethod
    async def told(self) -> None:
        """Take the webhooks."""

    @abstractmethod
    def end_with(self, end: str) -> None:
        """Set up what becomes of subscriptions that are never paid."""

    async def sold(self, card: str = "pays", key: str = "cart") -> str:
        """Ana tries to buy the pro plan; the session."""
        checkout = await self.billing.checkout.start(
            customer="ana",
            offer="app:pro",
            success_url="http://127.0.0.1/thanks",
            cancel_url="http://127.0.0.1/cart",
            idempotency_key=key,
            email="ana@example.com",
        )
        await self.pass_days(0)
        await self.pay(checkout.session, card)
        await self.told()
        return checkout.session

    async def subscription(self) -> SubscriptionRow:
        (row,) = await self.billing.subscriptions.list("ana")
        return row

    async def has(self) -> bool:
        return (await self.billing.customers.entitlements("ana")).has("export")

    async def actions(self) -> tuple[ActionRequired, ...]:
        return (await self.billing.customers.snapshot("ana")).action_required

    async def owed(self) -> list[InvoiceRow]:
        return list(await self.billing.invoices.open("ana"))

    async def until_declined(self, card: str = "fails_later") -> SubscriptionRow:
        """Sold, renewed with a card that does not pay; the subscription afterwards."""
        await self.sold()
        self.use_card((await self.subscription()).provider_id, card)
        await self.told()
        # A day at a time: so the first try is seen, and no later one.
        for _ in range(MONTH_DAYS + 2):
            await self.pass_days(1)
            if (await self.subscription()).status == "past_due":
                break
        return await self.subscription()


class AtSandbox(Place):
    ends = ("canceled",)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with Shop() as self.shop:
            self.billing = self.shop.billing
            yield

    async def pay(self, session: str, card: str) -> None:
        with suppress(Refusal):
            self.shop.account.pay(session, card, authenticated=True)

    def end_with(self, end: str) -> None:
        assert end == "canceled", "the sandbox has no other"

    def use_card(self, subscription: str, card: str) -> None:
        sandbox_subscriptions.use_card(self.shop.account.book, subscription, card)

    async def recover(self, subscription: str) -> None:
        self.use_card(subscription, "pays")
        await self.told()

    async def pass_days(self, days: int) -> None:
        self.shop.advance(days=days, seconds=60)
        await self.told()

    async def told(self) -> None:
        await self.shop.deliver()


def opening(plugin: str, options: Mapping[str, Any], clock: Any, api_key: str, secret: str) -> Any:
    """A billing of one connection over a memory database."""
    connection = {"plugin": plugin, "mode": "test", "api_key": "env:KEY", "webhook_secrets": ["env:HOOK"]}
    return Billing.open(
        catalog=CATALOG,
        config={
            "project": "street",
            "connections": {"there": {**connection, **options}},
            "store": {"plugin": "memory"},
        },
        plugins=[MemoryPlugin()],
        environ={"KEY": api_key, "HOOK": secret},
        clock=clock,
        ids=SeededIds(1),
    )


class AtStripe(Place):
    ends = ("canceled", "unpaid")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with StripeHarness(ManualClock(START)) as self.stripe:
            options = {"account": DEFAULT_ACCOUNT, "base_url": self.stripe.url}
            key, secret = stripe_testing.API_KEY.reveal(), stripe_testing.WEBHOOK_SECRET.reveal()
            async with opening("stripe", options, self.stripe.clock, key, secret) as self.billing:
                yield

    def end_with(self, end: str) -> None:
        self.stripe.account.book.when_unpaid = {"canceled": "cancel"}.get(end, end)

    async def pay(self, session: str, card: str) -> None:
        with suppress(StripeRefusal):
            self.stripe.pay(session, card)

    def use_card(self, subscription: str, card: str) -> None:
        playing.use_card(self.stripe.account.book, subscription, card)

    async def recover(self, subscription: str) -> None:
        self.use_card(subscription, "pays")
        await self.pass_days(0)
        playing.pay_debts(self.stripe.account.book, subscription)
        await self.told()

    async def pass_days(self, days: int) -> None:
        self.stripe.advance(days=days, seconds=60)
        await self.told()

    async def told(self) -> None:
        for one in self.stripe.webhooks():
            await self.billing.webhooks.receive("there", one.body, one.headers)
        await self.billing.webhooks.drain()


class AtPaddle(Place):
    ends = ("canceled", "paused")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with PaddleHarness() as self.paddle:
            options = {"base_url": self.paddle.server.url, "checkout_url": paddle_testing.CHECKOUT_URL}
            key, secret = paddle_testing.API_KEY.reveal(), paddle_testing.WEBHOOK_SECRET.reveal()
            async with opening("paddle", options, self.paddle.clock, key, secret) as self.billing:
                yield

    def end_with(self, end: str) -> None:
        self.paddle.account.book.settings.dunning_exhausted = {"canceled": "cancel", "paused": "pause"}[end]

    async def pay(self, session: str, card: str) -> None:
        self.paddle.pay(session, card)

    def use_card(self, subscription: str, card: str) -> None:
        self.paddle.book.note(subscription)["card"] = card

    async def recover(self, subscription: str) -> None:
        self.use_card(subscription, "pays")
        for owed in paddle_renewing.past_due(self.paddle.book, self.paddle.book.find("sub", subscription)):
            paddle_paying.checkout(self.paddle.book, owed["id"])
        await self.told()

    async def pass_days(self, days: int) -> None:
        self.paddle.advance(days=days, seconds=60)
        await self.told()

    async def told(self) -> None:
        for one in self.paddle.webhooks():
            await self.billing.webhooks.receive("there", one.body, one.headers)
        await self.billing.webhooks.drain()


PLACES = (AtSandbox, AtStripe, AtPaddle)
each_place = pytest.mark.parametrize("kind", PLACES)


def run(kind: type[Place], work: Callable[[Place], Coroutine[Any, Any, None]]) -> None:
    async def scene() -> None:
        place = kind()
        async with place.open():
            await work(place)

    asyncio.run(scene())


@each_place
def test_a_declined_first_payment_grants_nothing_until_one_succeeds(kind: type[Place]) -> None:
    async def work(place: Place) -> None:
        session = await place.sold("declined")
        assert not await place.has()
        assert not [row for row in await place.billing.subscriptions.list("ana") if row.bound]
        await place.pay(session, "pays")
        await place.told()
        assert await place.has()
        assert await place.actions() == ()

    run(kind, work)


@each_place
def test_a_bank_that_asks_first_is_answered_and_then_it_is_paid(kind: type[Place]) -> None:
    async def work(place: Place) -> None:
        await place.sold("challenge")
        assert await place.has()

    run(kind, work)


@each_place
def test_grace_counts_from_the_first_failure_and_not_from_the_last_try(kind: type[Place]) -> None:
    async def work(place: Place) -> None:
        row = await place.until_declined()
        assert (row.status, await place.has()) == ("past_due", True)
        (owed,) = await place.owed()
        first = owed.due_at
        assert first is not None
        while place.billing.customers._clock.now() < first + (GRACE_DAYS - 1) * 86_400 * SECOND:
            assert await place.has()
            await place.pass_days(1)
        await place.pass_days(2)
        assert (await place.subscription()).status == "past_due", "it is still being tried"
        (owed,) = await place.owed()
        assert owed.due_at == first
        assert not await place.has()

    run(kind, work)


@each_place
def test_what_the_customer_must_do_is_said_with_a_link_and_over_once_it_is_done(kind: type[Place]) -> None:
    async def work(place: Place) -> None:
        row = await place.until_declined()
        (action,) = await place.actions()
        assert action.kind in KINDS
        assert (action.amount, action.currency, action.subscription) == (1_000, "EUR", row.key)
        assert action.since is not None
        link = await place.billing.invoices.pay_link("ana", action.invoice)
        assert link.startswith(("http://127.0.0.1", "https://"))
        await place.pass_days(GRACE_DAYS + 1)
        assert not await place.has()
        await place.recover(row.provider_id)
        assert (await place.subscription()).status == "active"
        assert (await place.has(), await place.actions(), await place.owed()) == (True, (), [])
        told = await place.billing.customers.explain("ana", "export")
        assert told.granted

    run(kind, work)


@pytest.mark.parametrize(("kind", "end"), [(kind, end) for kind in PLACES for end in kind.ends])
def test_retries_that_are_exhausted_end_it_and_nothing_is_granted(kind: type[Place], end: str) -> None:
    async def work(place: Place) -> None:
        place.end_with(end)
        await place.until_declined()
        for _ in range(12):
            await place.pass_days(7)
        row = await place.subscription()
        assert row.status == end
        assert not await place.has()
        asked = bool(await place.actions())
        assert asked == (end != "canceled"), "paying would bring nothing back"
        told = await place.billing.customers.explain("ana", "export")
        assert end in told.reasons[0].why
        assert not [
            one for one in await place.billing.invoices.list("ana") if one.reason == "renewal" and one.paid
        ]

    run(kind, work)


def test_a_bank_that_asks_at_a_renewal_waits_for_the_customer() -> None:
    """Stripe's alone: a bill that only the customer can confirm, on the bank's page."""

    async def work(place: Place) -> None:
        assert isinstance(place, AtStripe)
        row = await place.until_declined("always_challenge")
        assert row.status == "past_due"
        (action,) = await place.actions()
        assert action.kind == "authenticate"
        assert (await place.billing.invoices.links("ana", action.invoice)).pay_url
        book = place.stripe.account.book
        (owed,) = [one for one in book.all(Invoice) if one.status == "open"]
        method = collecting.method_of(book, owed)
        await place.pass_days(0)
        collecting.collect(book, owed, method, present=True, authenticated=True)
        await place.told()
        assert (await place.subscription()).status == "active"
        assert (await place.has(), await place.actions()) == (True, ())

    run(AtStripe, work)


@each_place
def test_the_document_of_what_was_paid_can_be_read(kind: type[Place]) -> None:
    async def work(place: Place) -> None:
        await place.sold()
        (bill,) = await place.billing.invoices.list("ana")
        document = await place.billing.invoices.document("ana", bill.key)
        assert document.startswith(("http://127.0.0.1", "https://"))
        with pytest.raises(WrongState, match="nothing is to be paid"):
            await place.billing.invoices.pay_link("ana", bill.key)

    run(kind, work)


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired", "unpaid", "something new"])
def test_a_subscription_that_never_became_one_grants_nothing(status: str) -> None:
    """As Stripe has them where the first payment waits for a bank, or was never made."""
    sale = Sale()
    facts = [sale.placed(), sale.tried(), sale.subscription(status, period=0), sale.invoice("open")]

    async def work() -> None:
        bench = await Bench().open()
        for fact in facts:
            await bench.record(fact)
        live = decode_live(bench.database.lanes["customer:alice"].document)
        for policy in (AccessPolicy(), AccessPolicy(paused_grants=True, uncollected_grants=True)):
            found = evaluate(live, policy, VERSIONS, CATALOG.defaults, T0)
            assert (found.has("export"), found.limit("api")) == (False, 10)

    asyncio.run(work())
