"""Changes of a subscription: paid for first, as previewed, now or later, and prorated as was asked."""

from __future__ import annotations

from contextlib import suppress

import attrs
import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import IDEMPOTENCY_KEYS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import Wish, only, states, told
from purchase_contract_tests.provider.subscriptions import fetched, settled, subscribed
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability, ChangeRequest, Proration

HALF_SECONDS = 15 * 86_400
AMOUNT, DEARER, CHEAPER = 1_200, 2_400, 600
CENT = 1  # what rounding may come to


async def half_way(bench: ProviderBench, amount: int = DEARER) -> tuple[SubscriptionSeen, ChangeRequest]:
    """A subscription in the middle of its first period, and a change to another amount."""
    bought = await subscribed(bench)
    wish = attrs.evolve(Wish(), amount=amount)
    price = await bench.provider.ensure_price(wish.price_request(), key=f"price:{amount}")
    await bench.advance(HALF_SECONDS)
    await told(bench)
    return bought, ChangeRequest(bought.id, price, quantity=1)


def paid(facts: list[Fact]) -> list[InvoiceSeen]:
    """The invoices that money was paid for."""
    return [one for one in states(facts, InvoiceSeen) if one.paid]


async def change(bench: ProviderBench, request: ChangeRequest) -> list[Fact]:
    """Make a change; its answer, and what is told of it."""
    answer = await bench.provider.change_subscription(request, key="change:1")
    return [*answer, *await told(bench)]


async def renewed(bench: ProviderBench, bought: SubscriptionSeen) -> tuple[SubscriptionSeen, InvoiceSeen]:
    """The subscription in its second period, and the bill of that."""
    await bench.advance((bought.period_end - bench.now()) // 1_000_000 + 2 * 86_400)
    facts = await told(bench)
    bill = only([one for one in states(facts, InvoiceSeen) if one.reason == "renewal"])
    return only(states(facts, SubscriptionSeen)), bill


class Changes(ProviderPromises):
    """`change_subscription` and `preview_change`."""

    @requires(Capability.CHANGE_SUBSCRIPTION)
    @promise
    async def a_change_shows_in_the_items(self, bench: ProviderBench) -> None:
        _, request = await half_way(bench)
        (item,) = settled(await change(bench, request)).items
        assert (item.price, item.quantity, item.unit_amount) == (request.price, 1, DEARER)

    @requires(Capability.CHANGE_SUBSCRIPTION, Capability.QUANTITY)
    @promise
    async def a_quantity_can_be_changed_too(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench)
        more = attrs.evolve(request, price=bought.items[0].price, quantity=3)
        (item,) = settled(await change(bench, more)).items
        assert (item.price, item.quantity, item.unit_amount) == (bought.items[0].price, 3, AMOUNT)

    @requires(Capability.CHANGE_SUBSCRIPTION)
    @promise
    async def what_costs_more_is_charged_for_the_rest_of_the_period(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench)
        facts = await change(bench, request)
        bill = only(paid(facts))
        assert (bill.reason, bill.subscription, bill.currency) == ("change", bought.id, "USD")
        assert 0.4 * (DEARER - AMOUNT) < bill.paid < 0.6 * (DEARER - AMOUNT)
        assert sum(line.amount for line in bill.lines) == bill.total == bill.paid
        _, renewal = await renewed(bench, bought)
        assert renewal.total == DEARER

    @requires(Capability.CHANGE_SUBSCRIPTION)
    @promise
    async def what_costs_less_is_charged_to_nobody(self, bench: ProviderBench) -> None:
        _, request = await half_way(bench, CHEAPER)
        facts = await change(bench, request)
        assert paid(facts) == []
        assert [one.unit_amount for one in settled(facts).items] == [CHEAPER]

    @requires(Capability.CHANGE_SUBSCRIPTION)
    @promise
    async def what_is_not_paid_for_is_not_changed(self, bench: ProviderBench) -> None:
        """A provider may refuse it, or go on waiting for the money: until then the old items hold."""
        bought, request = await half_way(bench)
        await bench.fail_payments(bought.id)
        await told(bench)
        facts: list[Fact] = []
        with suppress(ProviderRefused):
            facts += await bench.provider.change_subscription(request, key="change:1")
        facts += await told(bench)
        assert paid(facts) == []
        for seen in (*states(facts, SubscriptionSeen), await fetched(bench, bought.id)):
            assert (seen.status, seen.items) == ("active", bought.items)

    @requires(Capability.CHANGE_SUBSCRIPTION)
    @promise
    async def a_price_or_subscription_that_does_not_exist_changes_nothing(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench)
        for wrong in (attrs.evolve(request, price="unknown"), attrs.evolve(request, subscription="unknown")):
            with pytest.raises(ProviderRefused):
                await bench.provider.change_subscription(wrong, key=f"change:{wrong.price}")
        assert (await fetched(bench, bought.id)).items == bought.items

    @requires(Capability.CHANGE_SUBSCRIPTION, IDEMPOTENCY_KEYS)
    @promise
    async def f38_the_same_key_changes_and_charges_once(self, bench: ProviderBench) -> None:
        _, request = await half_way(bench)
        facts = await change(bench, request)
        facts += await change(bench, request)
        assert only(paid(facts)).reason == "change"
        assert [one.unit_amount for one in settled(facts).items] == [DEARER]

    # --- later -----------------------------------------------------------------------------------

    @requires(Capability.CHANGE_ON_NEXT_INVOICE)
    @promise
    async def a_difference_can_wait_for_the_next_invoice(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench)
        facts = await change(bench, attrs.evolve(request, proration=Proration.NEXT_INVOICE))
        assert paid(facts) == []
        assert [one.unit_amount for one in settled(facts).items] == [DEARER]
        _, renewal = await renewed(bench, bought)
        difference = renewal.total - DEARER
        assert 0.4 * (DEARER - AMOUNT) < difference < 0.6 * (DEARER - AMOUNT)

    @requires(Capability.CHANGE_WITHOUT_PRORATION)
    @promise
    async def a_difference_can_be_left_to_nobody(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench)
        facts = await change(bench, attrs.evolve(request, proration=Proration.NONE))
        assert paid(facts) == []
        assert [one.unit_amount for one in settled(facts).items] == [DEARER]
        _, renewal = await renewed(bench, bought)
        assert renewal.total == DEARER

    @requires(Capability.CHANGE_AT_PERIOD_END)
    @promise
    async def a_change_can_wait_for_the_end_of_the_period(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench, CHEAPER)
        facts = await change(bench, attrs.evolve(request, at_period_end=True))
        noted = settled(facts)
        assert (noted.items, noted.next_items_at) == (bought.items, bought.period_end)
        assert [(one.price, one.unit_amount) for one in noted.next_items] == [(request.price, CHEAPER)]
        assert paid(facts) == []
        after, renewal = await renewed(bench, bought)
        assert [(one.price, one.unit_amount) for one in after.items] == [(request.price, CHEAPER)]
        assert (after.next_items, after.next_items_at) == ((), None)
        assert renewal.total == CHEAPER

    # --- previews --------------------------------------------------------------------------------

    @requires(Capability.PREVIEW_CHANGE)
    @promise
    async def a_preview_changes_nothing(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench)
        await bench.provider.preview_change(request)
        assert await told(bench) == []
        assert (await fetched(bench, bought.id)).items == bought.items

    @requires(Capability.PREVIEW_CHANGE)
    @promise
    async def what_was_previewed_is_what_is_charged(self, bench: ProviderBench) -> None:
        bought, request = await half_way(bench)
        preview = await bench.provider.preview_change(request)
        assert (preview.currency, preview.credit, preview.renewal) == ("USD", 0, DEARER)
        assert preview.renews_at is not None
        assert abs(preview.renews_at - bought.period_end) <= 1_000_000
        if preview.token:  # what was shown holds, although the customer thought about it for a day
            await bench.advance(86_400)
        bill = only(paid(await change(bench, attrs.evolve(request, preview=preview.token))))
        assert abs(bill.paid - preview.due_now) <= (0 if preview.token else CENT)
        after, renewal = await renewed(bench, bought)
        assert (renewal.total, after.period_start) == (preview.renewal, bought.period_end)

    @requires(Capability.PREVIEW_CHANGE)
    @promise
    async def a_preview_of_less_is_a_credit_and_no_charge(self, bench: ProviderBench) -> None:
        _, request = await half_way(bench, CHEAPER)
        preview = await bench.provider.preview_change(request)
        assert preview.due_now == 0
        assert 0.4 * (AMOUNT - CHEAPER) < preview.credit < 0.6 * (AMOUNT - CHEAPER)
