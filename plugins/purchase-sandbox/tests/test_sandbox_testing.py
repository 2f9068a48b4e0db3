"""The harness that other tests stand on: a shared clock, signed webhooks, chaos where it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from purchase_core.errors import ProviderRefused, ProviderUnavailable
from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.instants import DAY, Instant
from purchase_core.ports.provider import (
    CheckoutRequest,
    Connection,
    CustomerRequest,
    OurReference,
    PriceRequest,
    ProviderCheckout,
)
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.testing import CERTAIN_PPM, Fault, SandboxHarness, Webhook

START = Instant(1_790_000_000_000_000)


async def open_checkout(sandbox: SandboxHarness, trial_days: int = 0) -> ProviderCheckout:
    provider = sandbox.provider
    customer = await provider.ensure_customer(CustomerRequest("ana"), key="c")
    price = await provider.ensure_price(PriceRequest("a:b", "v1", "App", 1_200, "USD", "month"), key="p")
    reference = OurReference("intent_1", "attempt_1", "ana", "v1")
    request = CheckoutRequest("subscription", price, 1, customer, "http://127.0.0.1/a", "http://127.0.0.1/b",
                              reference, trial_days)  # fmt: skip
    return await provider.create_checkout(request, key="s")


def tell(story: Callable[[SandboxHarness], Awaitable[None]], *, loopback: bool = False) -> None:
    async def telling() -> None:
        async with SandboxHarness(ManualClock(START), loopback=loopback) as sandbox:
            await story(sandbox)

    asyncio.run(telling())


def types(sandbox: SandboxHarness, webhooks: list[Webhook]) -> list[str]:
    return [sandbox.provider.parse(one.body).type for one in webhooks]


@pytest.mark.parametrize("loopback", [False, True])
def test_a_sale_with_and_without_a_socket(*, loopback: bool) -> None:
    async def story(sandbox: SandboxHarness) -> None:
        checkout = await open_checkout(sandbox)
        assert checkout.url.startswith(sandbox.url)
        await sandbox.pay(checkout.id)
        told = sandbox.webhooks()
        assert types(sandbox, told) == [
            "customer.created", "product.created", "price.created", "checkout.session.created",
            "invoice.paid", "subscription.created", "checkout.session.completed",
        ]  # fmt: skip
        for one in told:
            sandbox.provider.verify(one.body, one.headers, now=sandbox.clock.now())
        assert sandbox.webhooks() == []

    tell(story, loopback=loopback)


def test_nothing_that_is_told_lies_in_the_future_of_the_shared_clock() -> None:
    async def story(sandbox: SandboxHarness) -> None:
        checkout = await open_checkout(sandbox, trial_days=14)
        await sandbox.pay(checkout.id)
        for days in (0, 14, 28):
            assert sandbox.advance(days=days) == sandbox.clock.now() == sandbox.sandbox.clock.now()
            for one in sandbox.webhooks():
                assert sandbox.provider.parse(one.body).occurred_at <= sandbox.clock.now()
        fetched = await sandbox.provider.fetch("session", checkout.id)
        assert fetched.order == sandbox.clock.now()

    tell(story)


def test_a_trial_ends_exactly_when_its_days_have_passed() -> None:
    async def story(sandbox: SandboxHarness) -> None:
        await sandbox.pay((await open_checkout(sandbox, trial_days=14)).id)
        sandbox.webhooks()
        sandbox.advance(days=13)
        assert sandbox.webhooks() == []
        sandbox.advance(days=1)
        assert types(sandbox, sandbox.webhooks()) == ["invoice.paid", "subscription.renewed"]

    tell(story)


def test_the_application_may_move_the_clock_itself() -> None:
    async def story(sandbox: SandboxHarness) -> None:
        await sandbox.pay((await open_checkout(sandbox)).id)
        sandbox.webhooks()
        sandbox.clock.set_to(Instant(sandbox.clock.now() + 31 * DAY))
        renewed = sandbox.webhooks()[-1]
        body = sandbox.provider.normalise(sandbox.provider.parse(renewed.body)).facts[0].body
        assert isinstance(body, SubscriptionSeen)
        assert body.status == "active"

    tell(story)


def test_chaos_reaches_calls_and_webhooks() -> None:
    async def story(sandbox: SandboxHarness) -> None:
        checkout = await open_checkout(sandbox)
        sandbox.chaos.set(Fault.BUSY, CERTAIN_PPM)
        with pytest.raises(ProviderUnavailable):
            await sandbox.provider.fetch("session", checkout.id)
        sandbox.chaos.clear()
        sandbox.chaos.set(Fault.DUPLICATE, CERTAIN_PPM)
        told = types(sandbox, sandbox.webhooks())
        opened = ["customer.created", "product.created", "price.created", "checkout.session.created"]
        assert told[::2] == told[1::2] == opened
        sandbox.chaos.set(Fault.DROP, CERTAIN_PPM)
        await sandbox.pay(checkout.id)
        assert sandbox.webhooks() == []

    tell(story)


def test_a_card_that_does_not_pay_is_a_refusal() -> None:
    async def story(sandbox: SandboxHarness) -> None:
        checkout = await open_checkout(sandbox)
        with pytest.raises(Refusal) as refused:
            await sandbox.pay(checkout.id, "declined")
        assert refused.value.code == "card_declined"

    tell(story)


def test_more_adapters_can_be_opened_on_the_account() -> None:
    async def story(sandbox: SandboxHarness) -> None:
        checkout = await open_checkout(sandbox)
        other = sandbox.open(Connection("other", "sandbox", "test", "neighbour", "dev"))
        assert await other.find_checkout("attempt_1") is None
        assert (await other.fetch("session", checkout.id)).id == checkout.id
        stranger = sandbox.open(api_key=Secret("sk_sandbox_stranger_1"))
        with pytest.raises(ProviderRefused):
            await stranger.fetch("session", checkout.id)

    tell(story)
