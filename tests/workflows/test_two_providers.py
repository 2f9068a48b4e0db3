"""Whatever happens between two providers: no second payment goes unnoticed, and nothing bills twice.

Carts are started and gone on with in two processes, answers are lost, providers are down or refuse, sessions
are switched, pages that are open somewhere are paid, webhooks come late, twice and in any order.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from purchase_core.billing import Billing
from purchase_core.errors import PurchaseError
from purchase_core.facts.bodies import AttemptMade
from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import CaseRow, IntentRow, InvoiceRow, SubscriptionRow
from purchase_core.testing.bench import problems
from purchase_core.testing.shaped import ShapedProvider, Trouble
from purchase_core.workflows.checkout import Checkout
from tests.workflows.market import Market

CARTS = ("cart-1", "cart-2", "cart-3")
STEPS = 40
SHARES: tuple[dict[str, object], ...] = (
    {"share": {"stripe": 50, "paddle": 50}, "share_by": "request"},
    {"share": {"stripe": 0, "paddle": 100}},
    {},
)


class Chaos:
    """One seeded scene. `shown` are the pages that customers were ever sent to, by session."""

    def __init__(self, market: Market, processes: list[Billing], seed: int) -> None:
        self.market = market
        self.processes = processes
        self.random = Random(seed)
        self.shown: dict[str, Checkout] = {}
        self.current: dict[str, Checkout] = {}
        self.undelivered: list[tuple[ShapedProvider, tuple[Fact, ...]]] = []

    @property
    def providers(self) -> list[ShapedProvider]:
        return [self.market.stripe, self.market.paddle]

    async def step(self) -> None:
        """Something happens, a little later."""
        self.market.clock.advance(seconds=self.random.choice([1, 1, 20, 3_600, 40_000]))
        happens = self.random.choice(
            [self.start, self.start, self.start, self.switch, self.pay, self.pay, self.deliver, self.resolve]
        )
        await happens()

    def make_trouble(self) -> None:
        for provider in self.providers:
            provider.troubles.clear()
            if self.random.random() < 0.4:
                provider.troubles.append(self.random.choice(list(Trouble)))

    async def start(self) -> None:
        self.make_trouble()
        cart = self.random.choice(CARTS)
        both = self.random.random() < 0.3
        chosen = self.processes if both else [self.random.choice(self.processes)]
        found = await asyncio.gather(
            *(self.market.start(cart, billing=one) for one in chosen), return_exceptions=True
        )
        for one in found:
            assert isinstance(one, Checkout | PurchaseError), one
            if isinstance(one, Checkout):
                self.show(cart, one)

    async def switch(self) -> None:
        self.make_trouble()
        cart = self.random.choice(CARTS)
        try:
            new = await self.random.choice(self.processes).checkout.switch(idempotency_key=cart)
        except PurchaseError:
            return
        self.show(cart, new)

    def show(self, cart: str, checkout: Checkout) -> None:
        self.shown[checkout.session] = self.current[cart] = checkout

    async def pay(self) -> None:
        """Somebody pays a page that they were shown, if it can still be paid."""
        payable = [
            (provider, session.id)
            for provider in self.providers
            for session in provider.open_sessions()
            if session.id in self.shown
        ]
        if payable:
            provider, session = self.random.choice(payable)
            self.undelivered.append((provider, provider.pay(session)))

    async def deliver(self) -> None:
        """A webhook arrives, maybe not for the first time."""
        if not self.undelivered:
            return
        place = self.random.randrange(len(self.undelivered))
        provider, facts = self.undelivered[place]
        if self.random.random() < 0.7:
            del self.undelivered[place]
        await provider.deliver(self.random.choice(self.processes), facts)

    async def resolve(self) -> None:
        self.make_trouble()
        await self.random.choice(self.processes).checkout.resolve()

    async def calm(self) -> None:
        """Troubles end, what was paid is told, what was left open is resolved."""
        for provider in self.providers:
            provider.troubles.clear()
        for provider, facts in self.undelivered:
            await provider.deliver(self.processes[0], facts)
        self.market.clock.advance(seconds=3_600)
        for billing in self.processes:
            await billing.checkout.resolve()


async def check(chaos: Chaos) -> int:
    """Hold the books against the accounts; how many payments were too many."""
    market, store = chaos.market, chaos.processes[0].store
    assert list(problems(market.memory.database, now=market.clock.now())) == []
    cases = [one for one in await store.rows(CaseRow) if one.kind != "contested"]
    assert {one.kind for one in cases} <= {"excess"}
    subscriptions = await store.rows(SubscriptionRow)
    invoices = await store.rows(InvoiceRow)
    excess = 0
    for intent in await store.rows(IntentRow):
        name = intent.key.split(":", 2)[2]
        paid = [
            session
            for provider in chaos.providers
            for session in provider.sessions.values()
            if session.status == "complete" and session.request.reference.intent == name
        ]
        mine = [one for one in invoices if one.intent == name]
        assert len(mine) == len(paid), "every payment is known"
        assert [one.match for one in mine].count("matched") == bool(paid)
        assert sum(one.bound for one in subscriptions if one.intent == name) == bool(paid), "one will renew"
        unbound = {one.key for one in subscriptions if one.intent == name and not one.bound}
        told = {one.about for one in cases}
        assert unbound <= told, "whatever would bill twice is a case"
        assert {one.key for one in mine if one.match == "excess"} <= told
        assert (intent.status == "settled") == bool(paid)
        excess += max(0, len(paid) - 1)
    return excess


def check_pages(chaos: Chaos) -> None:
    """One attempt of a checkout is current, and a page that was replaced is over where that can be done."""
    current: dict[str, set[str]] = {}
    newest: dict[str, tuple[int, AttemptMade]] = {}
    for one in chaos.market.memory.database.facts.values():
        body = one.fact.body
        if isinstance(body, AttemptMade) and one.fact.order >= newest.get(body.id, (0, body))[0]:
            newest[body.id] = (one.fact.order, body)
    for _, body in newest.values():
        if body.status == "current":
            current.setdefault(body.intent, set()).add(body.session)
    assert all(len(sessions) == 1 for sessions in current.values())
    for _, body in newest.values():
        if body.status == "withdrawn" and body.connection == "stripe":
            assert chaos.market.stripe.sessions[body.session].status != "open"


async def scene(seed: int) -> int:
    market = Market(router=SHARES[seed % len(SHARES)])
    async with market.opening() as one, market.opening() as other:
        market.billing = one
        chaos = Chaos(market, [one, other], seed)
        for _ in range(STEPS):
            await chaos.step()
        await chaos.calm()
        check_pages(chaos)
        return await check(chaos)


@pytest.mark.parametrize("start", range(0, 120, 30))
def test_f43_f44_f45_no_payment_goes_unnoticed_and_one_subscription_renews(start: int) -> None:
    excess = sum(asyncio.run(scene(seed)) for seed in range(start, start + 30))
    assert excess > 0, "the scenes are wild enough: a withdrawn page was paid as well"
