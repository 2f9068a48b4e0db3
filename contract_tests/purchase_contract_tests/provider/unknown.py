"""Unknown outcomes: every change whose answer is lost says so, has happened, and can be found again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import EMPTY_ACCOUNT, IDEMPOTENCY_KEYS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench, Trouble
from purchase_contract_tests.provider.refunds import paid_invoice
from purchase_contract_tests.provider.sale import Wish, a_wish, only, open_sale, prepare, states, told
from purchase_contract_tests.provider.subscriptions import fetched, subscribed
from purchase_core.errors import OutcomeUnknown
from purchase_core.facts.bodies import RefundSeen, SessionSeen, SubscriptionSeen
from purchase_core.ports.provider import (
    Capability,
    ChangeRequest,
    CustomerRequest,
    OurReference,
    PauseRequest,
    RefundRequest,
)

DEARER = 2_400

Call = Callable[[], Awaitable[object]]
Holds = Callable[[SubscriptionSeen], bool]


async def lose(bench: ProviderBench, call: Call) -> None:
    """Make a call whose answer is lost."""
    with pytest.raises(OutcomeUnknown) as unknown:
        async with bench.trouble(Trouble.LOST_ANSWER):
            await call()
    assert unknown.value.outcome_unknown


@attrs.frozen
class Step:
    """A change of a subscription: how it is asked for, and how to see that it was made."""

    name: str
    call: Call
    holds: Holds


async def steps(bench: ProviderBench, bought: SubscriptionSeen) -> list[Step]:
    """Every change of a subscription that is declared, in an order in which each can be made."""
    provider, declared, identifier = bench.provider, bench.provider.capabilities, bought.id
    found: list[Step] = []

    def add(name: str, call: Call, holds: Holds, *needed: Capability) -> None:
        if all(one in declared for one in needed):
            found.append(Step(name, call, holds))

    price = await provider.ensure_price(attrs.evolve(Wish(), amount=DEARER).price_request(), key="price:dear")
    add(
        "change",
        lambda: provider.change_subscription(ChangeRequest(identifier, price, 1), key="change"),
        lambda seen: [one.price for one in seen.items] == [price],
        Capability.CHANGE_SUBSCRIPTION,
    )
    add(
        "pause",
        lambda: provider.pause_subscription(PauseRequest(identifier), key="pause"),
        lambda seen: seen.status == "paused",
        Capability.PAUSE,
    )
    add(
        "resume",
        lambda: provider.resume_subscription(identifier, new_period=False, key="resume"),
        lambda seen: seen.status == "active",
        Capability.PAUSE,
    )
    add(
        "cancel at the end",
        lambda: provider.cancel_subscription(identifier, at_period_end=True, key="cancel later"),
        lambda seen: seen.cancel_at is not None,
        Capability.CANCEL_AT_PERIOD_END,
    )
    add(
        "uncancel",
        lambda: provider.uncancel_subscription(identifier, key="uncancel"),
        lambda seen: seen.cancel_at is None,
        Capability.CANCEL_AT_PERIOD_END,
        Capability.UNCANCEL,
    )
    add(
        "cancel now",
        lambda: provider.cancel_subscription(identifier, at_period_end=False, key="cancel now"),
        lambda seen: seen.status == "canceled",
        Capability.CANCEL_NOW,
    )
    return found


class Unknown(ProviderPromises):
    """Lost answers of every operation that changes something."""

    @requires(Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def f35_a_lost_change_of_a_subscription_shows_when_it_is_fetched(
        self, bench: ProviderBench
    ) -> None:
        bought = await subscribed(bench)
        for step in await steps(bench, bought):
            await bench.advance(60)
            await lose(bench, step.call)
            assert step.holds(await fetched(bench, bought.id)), step.name
            told_of = [one for one in states(await told(bench), SubscriptionSeen) if one.id == bought.id]
            assert step.holds(only(told_of)), step.name

    @requires(Capability.SUBSCRIPTION_CHECKOUT, IDEMPOTENCY_KEYS)
    @promise
    async def f35_a_lost_change_of_a_subscription_is_answered_under_its_key(
        self, bench: ProviderBench
    ) -> None:
        bought = await subscribed(bench)
        for step in await steps(bench, bought):
            await bench.advance(60)
            await lose(bench, step.call)
            await told(bench)
            await step.call()
            assert await told(bench) == [], step.name

    @promise
    async def f35_a_lost_customer_and_a_lost_price_are_found_again(self, bench: ProviderBench) -> None:
        provider, request = bench.provider, CustomerRequest("dan", "dan@example.com")
        await lose(bench, lambda: provider.ensure_customer(request, key="customer"))
        customer = await provider.ensure_customer(request, key="customer")
        assert await provider.ensure_customer(request, key="customer:again") == customer
        price = Wish().price_request()
        await lose(bench, lambda: provider.ensure_price(price, key="price"))
        made = await provider.ensure_price(price, key="price")
        assert await provider.ensure_price(price, key="price:again") == made

    @requires(IDEMPOTENCY_KEYS)
    @promise
    async def f35_a_lost_checkout_is_answered_under_its_key(self, bench: ProviderBench) -> None:
        request = await prepare(bench.provider, a_wish(bench))
        await lose(bench, lambda: bench.provider.create_checkout(request, key="checkout"))
        again = await bench.provider.create_checkout(request, key="checkout")
        found = await bench.provider.find_checkout(request.reference.attempt)
        assert found is not None
        assert (again.id, again.url) == (found.id, found.url)
        assert {one.id for one in states(await told(bench), SessionSeen)} <= {again.id}

    @requires(Capability.EXPIRE_CHECKOUT)
    @promise
    async def f35_a_lost_expiry_shows_when_it_is_fetched(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        await lose(bench, lambda: bench.provider.expire_checkout(sale.checkout.id, key="expire"))
        found = bench.provider.parse_fetched(await bench.provider.fetch("session", sale.checkout.id))
        assert only(states(bench.provider.normalise(found).facts, SessionSeen)).status == "expired"

    @requires(Capability.REFUND)
    @promise
    async def f57_a_lost_refund_is_found_by_our_command(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        partial = Capability.PARTIAL_REFUND in bench.provider.capabilities  # so that it could be made twice
        amount = 500 if partial else invoice.paid
        request = RefundRequest(invoice.id, amount if partial else None, OurReference(command="command_1"))
        await lose(bench, lambda: bench.provider.refund(request, key="refund"))
        found = only(states(await bench.provider.find_refund(invoice.id, "command_1"), RefundSeen))
        assert (found.amount, found.invoice, found.command) == (amount, invoice.id, "command_1")
        assert {one.id for one in states(await told(bench), RefundSeen)} == {found.id}

    @requires(Capability.REFUND, IDEMPOTENCY_KEYS)
    @promise
    async def f57_a_lost_refund_is_answered_under_its_key(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        request = RefundRequest(invoice.id, None, OurReference(command="command_1"))
        await lose(bench, lambda: bench.provider.refund(request, key="refund"))
        answer = await bench.provider.refund(request, key="refund")
        assert only(states([*answer, *await told(bench)], RefundSeen)).amount == invoice.paid

    @requires(EMPTY_ACCOUNT, Capability.WEBHOOK_ENDPOINTS)
    @promise
    async def f35_a_lost_endpoint_is_listed_by_its_address(self, bench: ProviderBench) -> None:
        url = "https://shop.example/webhooks/lost"
        await lose(bench, lambda: bench.provider.create_endpoint(url, key="endpoint"))
        assert [one.url for one in await bench.provider.endpoints()].count(url) == 1
