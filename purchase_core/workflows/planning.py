"""Planning: from a wish to a decision where it goes. Reads, and asks plugins; writes and sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs
from msgspec.structs import replace

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import InvalidArgument, NoRoute, OfferNotSellable
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import Clock, Instant
from purchase_core.money import Money
from purchase_core.ports.provider import Capabilities
from purchase_core.ports.router import (
    AGREEMENTS,
    EVIDENCE,
    PRICES,
    Advice,
    Agreement,
    Candidate,
    Evidence,
    Health,
    Router,
    RouteRequest,
    RoutingDecision,
    routed,
)
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import rows_of_lane
from purchase_core.records.reference import TRIAL
from purchase_core.routing.breaker import HealthBook
from purchase_core.routing.problems import needs_of
from purchase_core.workflows.context import RouteContext, checked_context
from purchase_core.workflows.order import Wish
from purchase_core.workflows.trials import CheckoutPolicy, trial_days

TRIALS_ALWAYS = CheckoutPolicy()


class Advisers(Protocol):
    """Who is asked before anything is written."""

    async def score(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> Advice:
        """The candidates with what is said of them."""
        ...

    async def before_checkout(self, request: RouteRequest, decision: RoutingDecision) -> None:
        """Raises CheckoutVetoed to stop the checkout."""
        ...


class Witnesses(Protocol):
    """What past checkouts have come to."""

    async def evidence(
        self, router: Router, request: RouteRequest, connection: str, *, now: Instant
    ) -> Evidence:
        """Outcomes on a connection of checkouts like this one."""
        ...


@attrs.frozen
class Routable:
    """A connection as far as routing looks at it: it need not be open."""

    plugin: str
    mode: str
    capabilities: Capabilities


@attrs.frozen
class Plan:
    """What is sold, for how much, after which trial, and where it goes.

    `shadow` is what a second policy would have done.
    """

    version: OfferVersion
    price: Money
    trial_days: int
    decision: RoutingDecision
    shadow: str = ""


class Planner:
    """Plans checkouts: prices them, gathers what routers want to know, and lets the router decide."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        connections: Mapping[str, Routable],
        router: Router,
        shadow: Router | None,
        advisers: Advisers,
        witnesses: Witnesses,
        health: HealthBook,
        clock: Clock,
        policy: CheckoutPolicy = TRIALS_ALWAYS,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._connections = connections
        self.router = router
        self.shadow = shadow
        self._advisers = advisers
        self._witnesses = witnesses
        self._health = health
        self._clock = clock
        self._policy = policy

    @property
    def names(self) -> Sequence[str]:
        """The connections that are configured."""
        return tuple(self._connections)

    def health(self, connection: str, at: Instant) -> Health:
        """How a connection has fared lately, as this process has seen it."""
        return self._health.health(connection, at)

    async def plan(
        self,
        wish: Wish,
        context: RouteContext,
        key: str,
        *,
        sold: OfferVersion | None = None,
        router: Router | None = None,
    ) -> Plan:
        """The plan of a checkout. Its decision may have no order. Raises what `checkout.start` raises.

        `sold`: the version, where it is not the catalog's; `router`: who decides, where it is not the one in
        force.
        """
        deciding = router or self.router
        context = checked_context(context, deciding.attributes)
        version = sold or self._catalog.version(wish.offer)
        price = price_of(version, wish)
        trial = (
            sold.trial_days if sold else await trial_days(self._store, self._policy, version, wish.customer)
        )
        wanted = self._wanted(deciding)
        request = await self._request(key, wish, version, price, trial, context, wanted)
        candidates = tuple(
            [await self._candidate(name, version, request, wish, deciding) for name in self._connections]
        )
        advice = await self._advisers.score(request, candidates)
        decision = routed(deciding, request, advice.candidates)
        if advice.troubles:
            decision = replace(decision, troubles=advice.troubles)
        return Plan(version, price, trial, decision, "" if router else self._shadowed(decision))

    async def agreed(self, plan: Plan) -> None:
        """Raise NoRoute where nobody can take it, and CheckoutVetoed where a plugin objects."""
        decision = plan.decision
        if not decision.order:
            hint = "Ask again later." if decision.refused == "all_unhealthy" else ""
            raise NoRoute(decision.reasons(), kind=decision.refused, hint=hint)
        await self._advisers.before_checkout(decision.request, decision)

    def _shadowed(self, decision: RoutingDecision) -> str:
        """What the second policy would have done: it decides for real, and has no effect."""
        if self.shadow is None:
            return ""
        try:
            other = routed(self.shadow, decision.request, decision.candidates)
        except Exception as error:  # whatever is wrong with it must not matter
            return f"failed: {type(error).__name__}"
        first = other.order[0] if other.order else "none"
        agrees = other.order[:1] == decision.order[:1]
        return f"{'agrees' if agrees else 'differs'}: {first} by {other.policy}"

    # --- what the router is told -------------------------------------------------------------

    async def _request(
        self,
        key: str,
        wish: Wish,
        version: OfferVersion,
        price: Money,
        trial: int,
        context: RouteContext,
        wanted: frozenset[str],
    ) -> RouteRequest:
        lane = await lane_of(self._store, wish.customer) if wish.customer else ""
        known = await self._store.references_of(lane, "customer") if wish.customer else ()
        asked = (*needs_of(version, wish.quantity, trial=bool(trial)), *wish.needed(), *context.needs)
        needs = dict.fromkeys(asked)
        return RouteRequest(
            customer=wish.customer,
            offer=wish.offer,
            product=version.product,
            currency=price.currency,
            unit_amount=price.minor,
            quantity=wish.quantity,
            needs=tuple(need.value for need in needs),
            links=tuple(one.object.split(":", 2)[1] for one in known),
            at=self._clock.now(),
            key=key,
            trial_days=trial,
            country=context.country,
            channel=context.channel,
            attributes=tuple(sorted(context.attributes.items())),
            agreements=await self._agreements(lane) if wish.customer and AGREEMENTS in wanted else (),
        )

    async def _agreements(self, lane: str) -> tuple[Agreement, ...]:
        rows = await rows_of_lane(self._store, SubscriptionRow, lane)
        live = {
            Agreement(row.connection, row.currency)
            for row in rows
            if row.bound and row.status not in ENDED_SUBSCRIPTIONS
        }
        return tuple(sorted(live, key=lambda one: (one.connection, one.currency)))

    async def _candidate(
        self, name: str, version: OfferVersion, request: RouteRequest, wish: Wish, router: Router
    ) -> Candidate:
        connection = self._connections[name]
        priced, evidence, wanted = False, Evidence(), self._wanted(router)
        if PRICES in wanted:
            variant = TRIAL if request.trial_days and connection.capabilities.price_trials else ""
            priced = bool(await self._store.price_for(name, version.hash, request.currency, variant))
        if EVIDENCE in wanted:
            evidence = await self._witnesses.evidence(router, request, name, now=request.at)
        capabilities = connection.capabilities
        return Candidate(
            connection=name,
            plugin=connection.plugin,
            mode=connection.mode,
            capabilities=capabilities.names,
            currencies=None if capabilities.currencies is None else tuple(sorted(capabilities.currencies)),
            priced=priced,
            health=self.health(name, request.at),
            evidence=evidence,
            unfit=wish.unmet_on(name),
        )

    def _wanted(self, router: Router) -> frozenset[str]:
        """Inputs that cost a read and that somebody looks at."""
        shadow = self.shadow.wants if self.shadow and router is self.router else ()
        return frozenset(router.wants).union(shadow)


def price_of(version: OfferVersion, wish: Wish) -> Money:
    """The price of an offer in the wished currency. Raises OfferNotSellable or InvalidArgument."""
    if not version.prices:
        message = f"offer {wish.offer!r} is free: there is nothing to pay"
        raise OfferNotSellable(message, hint="Customers have it by default; no checkout is needed.")
    if not version.quantity_min <= wish.quantity <= version.quantity_max:
        bounds = f"{version.quantity_min} to {version.quantity_max}"
        message = f"quantity {wish.quantity!r} of {wish.offer!r} is not within {bounds}"
        raise InvalidArgument(message)
    for price in version.prices:
        if wish.currency in ("", price.currency):
            return price
    sold = ", ".join(price.currency for price in version.prices)
    message = f"offer {wish.offer!r} is not sold in {wish.currency!r}, but in {sold}"
    raise InvalidArgument(message)
