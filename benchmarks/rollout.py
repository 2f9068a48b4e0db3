"""A plan of the catalog: 200 offers at two simulated providers over HTTP, against its lists alone."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from benchmarks.figures import median, spread
from purchase_core import Billing, Catalog, Money, plan, subscription
from purchase_core.identifiers import SeededIds
from purchase_core.ports.provider import Provider
from purchase_core.rollout.plan import Plan
from purchase_core.testing.plugins import MemoryPlugin
from purchase_paddle import testing as paddle
from purchase_paddle.testing import PaddleHarness
from purchase_simulators.stripe import testing as stripe
from purchase_simulators.stripe.testing import StripeHarness

OFFERS, OFFERS_SHORT = 200, 20
PLANS_A_PRODUCT = 10
ROUNDS, ROUNDS_SHORT = 5, 2
GOAL = "<= 10 s for 200 offers at two providers; an unchanged catalog needs reads only"


def catalog(offers: int) -> Catalog:
    """As many offers as that, each at a price of its own."""
    return Catalog(
        *(
            subscription(
                f"product_{number}",
                name=f"Product {number}",
                plans=[
                    plan(
                        f"plan_{place}",
                        name=f"Plan {place}",
                        price=Money.of_minor(100 + number * PLANS_A_PRODUCT + place, "USD"),
                        every="month",
                    )
                    for place in range(PLANS_A_PRODUCT)
                ],
            )
            for number in range(offers // PLANS_A_PRODUCT)
        )
    )


async def _lists(provider: Provider) -> int:
    """What any plan must read at least; how many requests that takes."""
    cursor, requests = "", 0
    while True:
        page, requests = await provider.products(cursor=cursor), requests + 1
        cursor = page.cursor
        if not cursor:
            break
    while True:
        prices, requests = await provider.prices(cursor=cursor), requests + 1
        cursor = prices.cursor
        if not cursor:
            return requests


async def run(*, short: bool = False) -> None:
    """Print what plans and an application take."""
    offers, rounds = (OFFERS_SHORT, ROUNDS_SHORT) if short else (OFFERS, ROUNDS)
    async with AsyncExitStack() as stack:
        at_paddle = await stack.enter_async_context(PaddleHarness())
        at_stripe = await stack.enter_async_context(StripeHarness(at_paddle.clock))
        keys = {"webhook_secrets": ["env:WEBHOOK"], "mode": "test"}
        connections = {
            "paddle": {"plugin": "paddle", "api_key": "env:PADDLE", "base_url": at_paddle.server.url, **keys},
            "stripe": {
                "plugin": "stripe",
                "api_key": "env:STRIPE",
                "base_url": at_stripe.url,
                "account": at_stripe.account.id,
                **keys,
            },
        }
        opening = Billing.open(
            catalog=catalog(offers),
            config={"connections": connections, "store": {"plugin": "memory"}},
            plugins=[MemoryPlugin()],
            environ={
                "PADDLE": paddle.API_KEY.reveal(),
                "STRIPE": stripe.API_KEY.reveal(),
                "WEBHOOK": paddle.WEBHOOK_SECRET.reveal(),
            },
            clock=at_paddle.clock,
            ids=SeededIds(1),
        )
        billing = await stack.enter_async_context(opening)
        started = time.perf_counter()
        first = await billing.rollout.plan()
        took = time.perf_counter() - started
        print(f"plan for {offers} offers at two empty accounts: {took:.2f} s, {_requests(first)} requests,")
        print(f"{len(first.steps)} steps; goal: {GOAL}")
        started = time.perf_counter()
        await billing.rollout.apply(first)
        took = time.perf_counter() - started
        print(f"application: {took:.2f} s, {len(first.steps) / took:,.0f} steps a second")
        written = (len(at_stripe.account.book.events), len(at_paddle.book.events))
        planned, listed = [], []
        for _ in range(rounds):
            started = time.perf_counter()
            requests = sum([await _lists(one) for one in billing.connections.values()])
            listed.append(time.perf_counter() - started)
            started = time.perf_counter()
            again = await billing.rollout.plan()
            planned.append(time.perf_counter() - started)
            if again.steps or _requests(again) != requests:
                raise AssertionError("an unchanged catalog has something to do, or reads more than its lists")
        if written != (len(at_stripe.account.book.events), len(at_paddle.book.events)):
            raise AssertionError("a plan has changed something")
        ratio, took = median(planned) / median(listed), median(planned)
        print(
            f"plan of an unchanged catalog: {took:.2f} s ({spread(planned)}), {requests} requests, "
            f"none that writes; {ratio:.2f} times its lists alone"
        )


def _requests(found: Plan) -> int:
    return sum(one.requests for one in found.accounts)
