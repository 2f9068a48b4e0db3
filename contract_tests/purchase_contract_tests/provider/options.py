"""What a checkout can be told: each option by its capability, and refused before any call without it."""

from __future__ import annotations

import attrs
import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench, Trouble
from purchase_contract_tests.provider.sale import (
    Option,
    Sale,
    Wish,
    a_wish,
    only,
    open_sale,
    prepare,
    sell,
    states,
    told,
)
from purchase_contract_tests.provider.sales import assert_paid
from purchase_core.errors import CapabilityMissing, ProviderError
from purchase_core.facts.bodies import InvoiceSeen, SessionSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Capability, Provider

LOCALES = ("en", "de", "pt-BR", "ja")
EXPIRY_SECONDS = 3_600
PERCENT = 25


def options(now: Instant) -> dict[Capability, Option]:
    """A checkout's options, each as a change of a plain request."""
    return {
        Capability.GUEST_CHECKOUT: lambda one: attrs.evolve(one, customer="", email="guest@example.com"),
        Capability.QUANTITY: lambda one: attrs.evolve(one, quantity=2),
        Capability.TRIAL: lambda one: attrs.evolve(one, trial_days=7),
        Capability.TRIAL_WITHOUT_CARD: lambda one: attrs.evolve(one, trial_days=7, trial_without_card=True),
        Capability.CURRENCY_OVERRIDES: lambda one: attrs.evolve(one, currency="EUR"),
        Capability.DISCOUNT: lambda one: attrs.evolve(one, discount="discount_1"),
        Capability.PROMOTION_CODES: lambda one: attrs.evolve(one, promotion_codes=True),
        Capability.TAX_COLLECTION: lambda one: attrs.evolve(one, collect_tax=True),
        Capability.LOCALE: lambda one: attrs.evolve(one, locale="de"),
        Capability.CHECKOUT_EXPIRY: lambda one: attrs.evolve(
            one, expires_at=Instant(now + EXPIRY_SECONDS * SECOND)
        ),
        Capability.SUBSCRIPTION_CHECKOUT: lambda one: attrs.evolve(one, mode="subscription"),
        Capability.ONE_TIME_CHECKOUT: lambda one: attrs.evolve(one, mode="payment"),
    }


def in_language(locale: str) -> Option:
    """Ask for a page in this language."""
    return lambda one: attrs.evolve(one, locale=locale)


def assert_discounted(sale: Sale, facts: list[Fact]) -> None:
    """A payment of three quarters, for a line that still tells the price's own amount."""
    invoice = only([one for one in states(facts, InvoiceSeen) if one.status == "paid"])
    due = sale.wish.amount * (100 - PERCENT) // 100
    assert (invoice.paid, invoice.total, invoice.intent) == (due, due, sale.wish.reference.intent)
    (line,) = invoice.lines
    assert (line.price, line.unit_amount, line.amount) == (sale.request.price, sale.wish.amount, due)


async def found_no_trace(provider: Provider, attempt: str) -> bool:
    """Whether the provider has no checkout of an attempt."""
    return await provider.find_checkout(attempt) is None


class Options(ProviderPromises):
    """The options of `create_checkout`."""

    @promise
    async def an_option_that_is_not_declared_is_refused_before_any_call(self, bench: ProviderBench) -> None:
        plain = await prepare(bench.provider, a_wish(bench))
        asked = options(bench.now()).items()
        async with bench.trouble(Trouble.UNREACHABLE):  # so that a call would tell another error
            for capability, option in asked:
                if capability not in bench.provider.capabilities:
                    with pytest.raises(CapabilityMissing) as missing:
                        await bench.provider.create_checkout(option(plain), key=f"undeclared:{capability}")
                    assert capability.value in missing.value.message
                    assert missing.value.hint
        assert await found_no_trace(bench.provider, plain.reference.attempt)

    @requires(Capability.GUEST_CHECKOUT)
    @promise
    async def a_guest_buys_without_a_customer_of_ours(self, bench: ProviderBench) -> None:
        wish = attrs.evolve(a_wish(bench), customer="")
        price = await bench.provider.ensure_price(wish.price_request(), key="price:guest")
        asked = await prepare(bench.provider, attrs.evolve(wish, customer="somebody-else"))
        request = attrs.evolve(
            asked, price=price, customer="", email="guest@example.com", reference=wish.reference
        )
        checkout = await bench.provider.create_checkout(request, key="checkout:guest")
        await bench.pay(checkout)
        facts = await told(bench)
        invoice = only([one for one in states(facts, InvoiceSeen) if one.paid])
        assert (invoice.paid, invoice.intent) == (wish.amount, wish.reference.intent)
        session = only(states(facts, SessionSeen))
        assert (session.id, session.status, session.intent) == (checkout.id, "complete", "intent_1")
        assert session.customer != asked.customer
        assert {one.customer for one in states(facts, SubscriptionSeen)} <= {invoice.customer}

    @requires(Capability.TRIAL_WITHOUT_CARD, Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def a_trial_may_begin_without_a_card(self, bench: ProviderBench) -> None:
        wish = Wish(trial_days=14)
        sale = await open_sale(bench, wish, lambda one: attrs.evolve(one, trial_without_card=True))
        await bench.accept(sale.checkout)
        subscription = only(states(await told(bench), SubscriptionSeen))
        assert (subscription.status, subscription.intent) == ("trialing", wish.reference.intent)
        asking = await open_sale(bench, attrs.evolve(wish, number=2))
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the bench raises when a page asks for a card
            await bench.accept(asking.checkout)

    @requires(Capability.DISCOUNT)
    @promise
    async def a_discount_lowers_what_is_due_and_not_the_price(self, bench: ProviderBench) -> None:
        discount = (await bench.discount(PERCENT)).id
        sale, facts = await sell(bench, option=lambda one: attrs.evolve(one, discount=discount))
        assert_discounted(sale, facts)

    @requires(Capability.DISCOUNT)
    @promise
    async def a_discount_of_everything_is_a_sale_for_nothing(self, bench: ProviderBench) -> None:
        discount = (await bench.discount(100)).id
        sale, facts = await sell(bench, option=lambda one: attrs.evolve(one, discount=discount))
        invoice = only(states(facts, InvoiceSeen))
        assert (invoice.status, invoice.paid, invoice.total) == ("paid", 0, 0)
        (line,) = invoice.lines
        assert (line.price, line.unit_amount, line.amount) == (sale.request.price, sale.wish.amount, 0)
        session = only(states(facts, SessionSeen))
        assert (session.status, session.intent) == ("complete", sale.wish.reference.intent)
        assert session.payment in ("paid", "none_due")

    @requires(Capability.PROMOTION_CODES)
    @promise
    async def a_code_counts_where_the_page_takes_codes(self, bench: ProviderBench) -> None:
        code = (await bench.discount(PERCENT)).code
        sale = await open_sale(bench, option=lambda one: attrs.evolve(one, promotion_codes=True))
        await bench.pay_with_code(sale.checkout, code)
        assert_discounted(sale, await told(bench))
        plain = await open_sale(bench, a_wish(bench, 2))
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the bench raises when a page takes no code
            await bench.pay_with_code(plain.checkout, code)

    @requires(Capability.TAX_COLLECTION)
    @promise
    async def tax_is_told_apart_from_the_price(self, bench: ProviderBench) -> None:
        sale, facts = await sell(bench, option=lambda one: attrs.evolve(one, collect_tax=True))
        invoice = only([one for one in states(facts, InvoiceSeen) if one.paid])
        assert invoice.paid == invoice.total >= sale.wish.amount
        (line,) = invoice.lines
        assert (line.unit_amount, line.price) == (sale.wish.amount, sale.request.price)
        assert line.amount == sale.wish.amount

    @requires(Capability.LOCALE)
    @promise
    async def a_page_is_written_in_the_buyers_language(self, bench: ProviderBench) -> None:
        """Languages are tags as browsers send them; an adapter turns them into the provider's own words."""
        for number, locale in enumerate(LOCALES):
            sale, facts = await sell(bench, a_wish(bench, number), in_language(locale))
            assert_paid(sale, facts)

    @requires(Capability.CHECKOUT_EXPIRY)
    @promise
    async def f45_a_checkout_ends_when_it_was_told_to(self, bench: ProviderBench) -> None:
        ends = Instant(bench.now() + EXPIRY_SECONDS * SECOND)
        sale = await open_sale(bench, option=lambda one: attrs.evolve(one, expires_at=ends))
        assert sale.checkout.expires_at is not None
        assert abs(sale.checkout.expires_at - ends) <= SECOND
        await bench.advance(EXPIRY_SECONDS + 60)
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the bench raises when a page takes no money
            await bench.pay(sale.checkout)
        facts = [*sale.checkout.facts, *await told(bench)]
        assert only(states(facts, SessionSeen)).status == "expired"
        assert not [one for one in states(facts, InvoiceSeen) if one.paid]

    @requires(Capability.DISCOUNT)
    @promise
    async def a_discount_that_does_not_exist_is_refused(self, bench: ProviderBench) -> None:
        request = attrs.evolve(await prepare(bench.provider, a_wish(bench)), discount="unknown")
        with pytest.raises(ProviderError) as refused:
            await bench.provider.create_checkout(request, key="checkout:9")
        assert not refused.value.retryable
        assert await found_no_trace(bench.provider, request.reference.attempt)
