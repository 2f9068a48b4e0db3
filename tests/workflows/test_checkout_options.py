"""What a checkout page is asked to do besides: passed on where the provider can, refused before where not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from purchase_core import Catalog, CheckoutOptions, Money, feature, plan, subscription
from purchase_core.errors import IdempotencyConflict, InvalidArgument, NoRoute
from purchase_core.facts.rows import IntentRow
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Capability, CheckoutRequest, ProviderCheckout, TaxBehavior
from purchase_core.workflows.planning import Routable
from tests.faults.shop import Shop, run

TRIAL = Catalog(
    subscription(
        "app",
        plans=[
            plan(
                "pro",
                price=Money("10.00", "EUR"),
                every="month",
                trial_days=14,
                trial_card=False,
                tax="inclusive",
                tax_category="saas",
                quantity=(1, 5),
                includes=[feature("export")()],
            )
        ],
    )
)


@contextmanager
def declaring(shop: Shop, declared: frozenset[Capability]) -> Iterator[None]:
    """While the block lasts, the provider declares these."""
    planner = shop.billing.checkout._planner
    capabilities = attrs.evolve(shop.provider.capabilities, declared=declared)
    connections = {
        name: Routable(one.plugin, one.mode, capabilities) for name, one in planner._connections.items()
    }
    with (
        patch.object(planner, "_connections", connections),
        patch.object(type(shop.provider), "capabilities", capabilities),
    ):
        yield


@contextmanager
def able(shop: Shop) -> Iterator[list[CheckoutRequest]]:
    """While the block lasts, the provider can do everything; the requests that it gets."""
    requests: list[CheckoutRequest] = []

    async def create(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        requests.append(request)
        return ProviderCheckout(f"cs_{key}", "https://pay.example/1", None)

    with (
        declaring(shop, frozenset(Capability)),
        patch.object(shop.provider, "create_checkout", create),
    ):
        yield requests


def test_each_option_reaches_the_provider() -> None:
    async def work() -> None:
        async with Shop() as shop:
            asked = CheckoutOptions(
                promotion_codes=True, collect_tax=True, locale="pt-BR", expires_in_seconds=3_600
            )
            before = shop.clock.now()
            with able(shop) as requests:
                await shop.start(options=asked)
                await shop.start("other", options=CheckoutOptions(discount={"sandbox": "di_1"}))
            first, second = requests
            assert (first.promotion_codes, first.collect_tax, first.locale) == (True, True, "pt-BR")
            assert first.expires_at is not None
            assert Instant(before + 3_600 * SECOND) <= first.expires_at <= shop.clock.now() + 3_600 * SECOND
            assert (first.discount, second.discount) == ("", "di_1")
            assert (second.promotion_codes, second.expires_at) == (False, None)
            facts = [one.fact.body for _, one in await shop.billing.store.facts("customer:ana")]
            assert [body.discounts for body in facts if hasattr(body, "discounts")] == [True, True]

    run(work)


def test_a_trial_without_a_card_and_the_taxes_of_a_price_are_asked_for() -> None:
    async def work() -> None:
        async with Shop(catalog=TRIAL) as shop:
            prices: list[Any] = []
            ensure = shop.provider.ensure_price

            async def noted(request: Any, *, key: str) -> str:
                prices.append(request)
                return await ensure(request, key=key)

            with able(shop) as requests, patch.object(shop.provider, "ensure_price", noted):
                await shop.start()
            assert (requests[0].trial_days, requests[0].trial_without_card) == (14, True)
            (price,) = prices
            assert (price.tax_behavior, price.tax_category, price.quantity_max) == (
                TaxBehavior.INCLUSIVE,
                "saas",
                5,
            )

    run(work)


@pytest.mark.parametrize(
    "options",
    [
        CheckoutOptions(promotion_codes=True),
        CheckoutOptions(discount={"sandbox": "di_1"}),
        CheckoutOptions(collect_tax=True),
        CheckoutOptions(locale="de"),
        CheckoutOptions(expires_in_seconds=3_600),
    ],
)
def test_what_no_provider_can_do_is_refused_before_anything_is_written(options: CheckoutOptions) -> None:
    async def work() -> None:
        async with Shop() as shop:
            less = shop.provider.capabilities.declared - set(options.needed())
            with declaring(shop, less), pytest.raises(NoRoute):
                await shop.start(options=options)
            assert await shop.billing.store.rows(IntentRow) == []
            assert not shop.memory.commands

    run(work)


@pytest.mark.parametrize(
    "options",
    [
        CheckoutOptions(promotion_codes=True, discount={"sandbox": "di_1"}),
        CheckoutOptions(locale="Deutsch!"),
        CheckoutOptions(locale="<script>"),
        CheckoutOptions(discount={"sandbox": "a\nb"}),
        CheckoutOptions(discount={"": "di_1"}),
        CheckoutOptions(discount="di_1"),  # type: ignore[arg-type]
        CheckoutOptions(expires_in_seconds=60),
        CheckoutOptions(expires_in_seconds=10**9),
        CheckoutOptions(expires_in_seconds=1_800.5),  # type: ignore[arg-type]
    ],
)
def test_options_that_make_no_sense_are_refused(options: CheckoutOptions) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(InvalidArgument):
                await shop.start(options=options)

    run(work)


def test_a_checkout_goes_where_its_discount_is_known() -> None:
    async def work() -> None:
        async with Shop() as shop:
            elsewhere = CheckoutOptions(discount={"stripe-eu": "promo_1"})
            with declaring(shop, frozenset(Capability)), pytest.raises(NoRoute) as refused:
                await shop.start(options=elsewhere)
            assert refused.value.reasons == ("sandbox: has no such discount",)
            assert await shop.billing.store.rows(IntentRow) == []

    run(work)


def test_f37_other_options_under_one_key_are_another_checkout() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with able(shop):
                await shop.start(options=CheckoutOptions(locale="de"))
                with pytest.raises(IdempotencyConflict):
                    await shop.start(options=CheckoutOptions(locale="fr"))

    run(work)
