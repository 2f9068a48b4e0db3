"""The catalog at providers: an empty account, a plan, subscribers, a price change that leaves them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from purchase_core import Catalog, Money
from purchase_core.catalog.products import Product
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.identifiers import RandomIds
from purchase_core.plugins.observed import unobserved
from purchase_core.ports.provider import ListedPrice, ListedProduct, Provider
from purchase_core.ports.store import Store
from purchase_core.rollout.plan import Plan, decode_plan
from purchase_core.rollout.plan_words import SYMBOLS, by_offer, sentence, summary
from purchase_core.testing.memory_store import SCHEMA_VERSION, MemoryDatabase, MemoryStore
from purchase_core.workflows.rollout import Rollouts

from .catalog import CATALOG
from .life import Customer, states
from .playing import Steps, check, settled
from .running import Demo
from .visitor import Visitor

OFFER, NAME, DEARER = "app:pro_monthly", "App Pro", Money("15.00", "USD")
CUSTOMERS = ("ana", "ben", "cara")
NEIGHBOUR = "neighbour"  # another application with an account in common


async def roll_out(demo: Demo, visitor: Visitor, steps: Steps) -> None:
    """All of it. Raises StoryFailed where something is not as it should be."""
    await _RollingOut(demo, visitor, steps).play()


class _RollingOut:
    def __init__(self, demo: Demo, visitor: Visitor, steps: Steps) -> None:
        self._demo = demo
        self._steps = steps
        self._customer = Customer(visitor, demo.shop_url)

    async def play(self) -> None:
        connections = self._demo.billing.connections
        theirs = await self._another_application(connections)
        await self._first(CATALOG)
        for name in CUSTOMERS:
            await self._customer.sign_in(name)
            await self._customer.buy(NAME)
            await self._customer.see(f"what {name} has", states, [(NAME, "active")])
        await settled(self._demo.providers)
        paid = await self._paid()
        self._steps.add("subscribers", [f"{name:8} {amount}" for name, amount in paid.items()])
        await self._price_change(dearer(CATALOG))
        check("what subscribers pay", await self._paid(), paid)
        self._steps.add("subscribers keep theirs", [f"{name:8} {amount}" for name, amount in paid.items()])
        now = {name: await contents(one) for name, one in connections.items()}
        for name, found in theirs.items():
            check(f"the other application's at {name}", [one for one in now[name] if one in found], found)
        self._steps.add("the other application's", [f"{name:8} untouched" for name in theirs])

    async def _another_application(
        self, connections: Mapping[str, Provider]
    ) -> dict[str, list[ListedProduct | ListedPrice]]:
        """It sells something of the same name, from the same accounts."""
        others = {name: of_project(one, NEIGHBOUR) for name, one in connections.items()}
        database = MemoryStore(MemoryDatabase(SCHEMA_VERSION))
        rollouts = self._rollouts(database, CATALOG, others)
        await rollouts.apply(await rollouts.plan())
        found = {name: await contents(one) for name, one in others.items()}
        self._steps.add(
            "another application", [f"{name:8} {len(one)} objects of its own" for name, one in found.items()]
        )
        return found

    async def _first(self, catalog: Catalog) -> None:
        rollouts = self._of(catalog)
        plan = await rollouts.plan()
        check("what is ours already", {step.act for step in plan.steps}, {"create"})
        self._steps.add("plan", lines(plan))
        await self._applied(rollouts, plan)

    async def _price_change(self, catalog: Catalog) -> None:
        rollouts = self._of(catalog)
        plan = await rollouts.plan()
        check("what changes", {step.offer for step in plan.steps}, {OFFER})
        kept = sum(step.holders for step in plan.steps if step.act == "retire")
        check("subscribers who keep their price", kept, len(CUSTOMERS))
        self._steps.add("price change", lines(plan))
        await self._applied(rollouts, plan)

    async def _applied(self, rollouts: Rollouts, plan: Plan) -> None:
        """From the file, as somebody has reviewed it."""
        done = await rollouts.apply(decode_plan(plan.encode()))
        self._steps.add("apply", [f"{len(done.done)} steps, {done.receipt}"])
        again = await rollouts.plan()
        check("what is left to do", again.steps, ())
        self._steps.add("check", [summary(again)])

    async def _paid(self) -> dict[str, str]:
        rows = await self._demo.billing.store.rows(SubscriptionRow)
        found = {
            row.lane.partition(":")[2]: str(Money.of_minor(row.unit_amount, row.currency)) for row in rows
        }
        return dict(sorted(found.items()))

    def _of(self, catalog: Catalog) -> Rollouts:
        return self._rollouts(self._demo.billing.store, catalog, self._demo.billing.connections)

    def _rollouts(self, store: Store, catalog: Catalog, connections: Mapping[str, Provider]) -> Rollouts:
        return Rollouts(store, catalog, connections, self._demo.clock, RandomIds())


def dearer(catalog: Catalog) -> Catalog:
    """The same catalog with one price that has gone up."""

    def changed(product: Product) -> Product:
        plans = tuple(
            attrs.evolve(one, prices=(DEARER,)) if f"{product.id}:{one.id}" == OFFER else one
            for one in product.plans
        )
        return attrs.evolve(product, plans=plans)

    return Catalog(*map(changed, catalog.products))


def of_project(provider: Provider, project: str) -> Provider:
    """The same account, as another application has it."""
    other = unobserved(provider)
    other.connection = attrs.evolve(provider.connection, project=project)
    return other


async def contents(provider: Provider) -> list[ListedProduct | ListedPrice]:
    """Everything in a catalog."""
    found: list[ListedProduct | ListedPrice] = []
    cursor = ""
    while True:
        products = await provider.products(cursor=cursor)
        found += products.products
        cursor = products.cursor
        if not cursor:
            break
    while True:
        prices = await provider.prices(cursor=cursor)
        found += prices.prices
        cursor = prices.cursor
        if not cursor:
            return found


def lines(plan: Plan) -> Sequence[str]:
    """A plan in the terminal."""
    found = []
    for offer, steps in by_offer(plan):
        found.append(offer)
        found += [f"  {SYMBOLS[step.act]} {step.connection}: {sentence(step)}" for step in steps]
    return [*found, summary(plan)]
