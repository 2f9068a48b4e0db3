"""Several customers, several providers: a policy deals them out, one provider fails, nobody pays twice."""

from __future__ import annotations

import re
from collections import Counter

from purchase_core.facts.rows import CaseRow, InvoiceRow
from purchase_core.instants import Instant
from purchase_core.reads.routed_outcomes import Outcome

from .life import Customer, states
from .playing import Steps, StoryFailed, check, settled
from .running import Demo
from .visitor import Visitor

OFFER, NAME = "app:pro_monthly", "App Pro"
CUSTOMERS = ("ana", "ben", "cara", "dora", "emil", "fay", "gus", "hana")
LATECOMERS_MAX = 50
CHANGES = re.compile(r"Change in (?:success|cost): [^(]{1,99}\([^)]{1,99}\)")


async def sell(demo: Demo, visitor: Visitor, steps: Steps) -> None:
    """All of it. Raises StoryFailed where something is not as it should be."""
    await _Selling(demo, visitor, steps).play()


class _Selling:
    def __init__(self, demo: Demo, visitor: Visitor, steps: Steps) -> None:
        self._demo = demo
        self._billing = demo.billing
        self._visitor = visitor
        self._customer = Customer(visitor, demo.shop_url)
        self._steps = steps
        self._sold: list[str] = []

    async def play(self) -> None:
        for name in CUSTOMERS:
            await self._sell(name)
        went = await self._went()
        check("every provider is used", set(went.values()), set(self._demo.providers))
        self._steps.add("dealt out", [f"{name:8} {connection}" for name, connection in went.items()])
        await self._outage()
        await self._count()
        await self._explain()
        await self._compare()

    async def _sell(self, name: str) -> None:
        await self._customer.sign_in(name)
        await self._customer.buy(NAME)
        await self._customer.see(f"what {name} has", states, [(NAME, "active")])
        self._sold.append(name)

    async def _outage(self) -> None:
        """Whoever the policy would send to a provider that is down, goes to the next one."""
        down, title = next((name, one.title) for name, one in self._demo.providers.items())
        late = await self._sent_to(down)
        await self._customer.press(f"Take {title} down")
        await self._sell(late)
        await self._customer.press(f"Take {title} down")  # it is back
        (outcome,) = [one for one in await self._outcomes() if one.decision.request.customer == late]
        check("who was to take it", outcome.decision.order[0], down)
        if outcome.attempts[-1].connection == down:
            raise StoryFailed(f"{late} was sold to on {down}, which is down")
        tries = [f"{one.connection:10} {one.status}" for one in outcome.attempts]
        self._steps.add("failed over", [f"{title} is down; the policy sends {late} there", *tries])

    async def _sent_to(self, connection: str) -> str:
        """Somebody new whom the policy sends there."""
        for number in range(LATECOMERS_MAX):
            name = f"late_{number}"
            decision = await self._billing.routing.explain(customer=name, offer=OFFER)
            if decision.order[0] == connection:
                return name
        raise StoryFailed(f"the policy sends nobody to {connection}")

    async def _count(self) -> None:
        """Everybody has paid once, by our books and by the providers' own."""
        await settled(self._demo.providers)
        for name in self._sold:
            rows = await self._billing.store.rows(InvoiceRow, lane=f"customer:{name}")
            check(f"payments of {name}", [(one.paid, one.match) for one in rows], [(1_200, "matched")])
        check("cases", await self._billing.store.rows(CaseRow), [])
        taken = {name: one.payments() for name, one in self._demo.providers.items()}
        check("payments that the providers took", sum(taken.values()), len(self._sold))
        lines = [f"{name:10} took {count} payments" for name, count in taken.items()]
        self._steps.add("counted", [*lines, f"{len(self._sold)} customers, 0 double payments"])

    async def _explain(self) -> None:
        """Each decision is a page, and comes out the same when it is run again."""
        outcomes = await self._outcomes()
        for one in outcomes:
            found = await self._billing.routing.verify(one.receipt)
            check(f"{one.receipt} again", (found.same, found.why_not), (True, ""))
        moved = next(one for one in outcomes if one.attempts[-1].connection != one.decision.order[0])
        page = f"{self._demo.shop_url}/decisions/{moved.receipt}"
        await self._visitor.open(page)
        shown = await self._visitor.page()
        check("the decision's page", shown.heading, "Where this checkout went")
        for connection in self._demo.providers:
            check(f"{connection} on it", connection in shown.words, wanted=True)
        self._steps.add("explained", [f"{len(outcomes)} decisions come out the same again", page])

    async def _compare(self) -> None:
        """What another policy would have done, once the outcomes count."""
        await self._customer.press("One day later")
        await self._customer.press("One minute later")
        page = f"{self._demo.shop_url}/backtest?prefer={list(self._demo.providers)[-1]}"
        await self._visitor.open(page)
        shown = await self._visitor.page()
        check("the backtest", shown.heading, "Backtest of a routing policy")
        check("its pictures", "Checkouts by connection" in shown.pictures, wanted=True)
        changes = CHANGES.findall(shown.words)
        check("what would have changed", len(changes), 2)
        self._steps.add("tried another policy", [page, *changes])

    async def _outcomes(self) -> list[Outcome]:
        return await self._billing.routing.outcomes(Instant(0))

    async def _went(self) -> dict[str, str]:
        outcomes = await self._outcomes()
        check("sold once to each", max(Counter(map(_buyer, outcomes)).values()), 1)
        by_name = {_buyer(one): one.attempts[-1].connection for one in outcomes}
        return {name: by_name[name] for name in self._sold}


def _buyer(outcome: Outcome) -> str:
    return outcome.decision.request.customer
