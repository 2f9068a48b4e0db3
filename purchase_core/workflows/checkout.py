"""The checkout workflow: decide, write it down, call the provider, write down what it said.

    wish ─► priced and routed ─► intent fact + command row (committed) ─► provider ─► attempt fact + result

Nothing is sent before its row is committed, and no transaction is open while the provider is called. What a
lost answer leaves behind is UNKNOWN: the same idempotency key goes on where it stopped, with the same
keys towards the provider, for as long as the provider remembers them; afterwards it only looks. Where
provably nothing has come of a connection, the next one in the decision's order is tried.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import attrs
import msgspec

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import (
    IdempotencyConflict,
    KeyConflict,
    NotFound,
    ProviderRefused,
)
from purchase_core.facts.fact import decided
from purchase_core.identifiers import IdSource
from purchase_core.identifiers import idempotency_key as checked_key
from purchase_core.instants import Clock, Instant
from purchase_core.ports.provider import Provider
from purchase_core.ports.router import Router
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.recorder import Recorder
from purchase_core.records.command import OPEN_STATES, SENDING, Command, Stage
from purchase_core.routing.breaker import HealthBook
from purchase_core.routing.failover import Failover, FailoverPolicy
from purchase_core.routing.moving import moving_router
from purchase_core.workflows.adoption import Adoptions
from purchase_core.workflows.checkout_result import Checkout, checkout_said
from purchase_core.workflows.claims import Claims
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.context import NO_CONTEXT, RouteContext
from purchase_core.workflows.order import NO_OPTIONS, CheckoutOptions, Order, Wish, checked_wish, intent_of
from purchase_core.workflows.planning import Plan, Planner
from purchase_core.workflows.provisions import Provisions, checked_email
from purchase_core.workflows.resolving import Resolver, concluded, may_arrive_until
from purchase_core.workflows.session_opener import SessionOpener, sent_at
from purchase_core.workflows.sessions import Sessions
from purchase_core.workflows.switching import Switching

__all__ = ["KIND", "Checkout", "Checkouts", "Replacement"]

KIND = "checkout.start"


@attrs.frozen
class Replacement:
    """A checkout that is to take the place of a subscription (its key), on the connection named.

    `version` is what is sold: what the customer has, with a trial until then.
    """

    customer: str
    subscription: str
    version: OfferVersion
    quantity: int
    currency: str
    connection: str
    success_url: str
    cancel_url: str


class Checkouts:
    """Starts checkouts, and finds out what became of those whose answer was lost."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        connections: Mapping[str, Provider],
        planner: Planner,
        failover: FailoverPolicy,
        health: HealthBook,
        clock: Clock,
        ids: IdSource,
        claims: Claims,
    ) -> None:
        self._store = store
        self._claims = claims
        self._planner = planner
        self._clock = clock
        self._ids = ids
        self._log = CommandLog(store, recorder)
        provisions = Provisions(store, recorder, clock, ids)
        opener = SessionOpener(store, provisions, connections, health, clock)
        ruled = Failover(failover, connections, planner.router)
        self._sessions = Sessions(opener, self._log, provisions, connections, ruled, clock, ids)
        self._switching = Switching(store, self._log, provisions, connections, ruled, clock, ids)
        self._adoptions = Adoptions(store, clock, ids)
        self._provisions = provisions
        self._connections = connections
        self._locks = LaneLocks()
        self._resolver = Resolver(store, self._log, self._locks, clock)

    async def start(
        self,
        *,
        customer: str | None,
        offer: str,
        success_url: str,
        cancel_url: str,
        idempotency_key: str,
        quantity: int = 1,
        currency: str = "",
        email: str = "",
        options: CheckoutOptions = NO_OPTIONS,
        context: RouteContext = NO_CONTEXT,
    ) -> Checkout:
        """A hosted checkout of one offer for one of the application's customers; None: for a guest.

        What a guest buys is nobody's until it is claimed, with the token that comes with the checkout.
        The same `idempotency_key` gives the same checkout, however often and from wherever it is asked.
        `currency` chooses among the offer's prices ("" = the first). `email` goes to the provider only.
        `options` is what the page is asked to do besides. `context` is what routing may look at besides.
        Raises InvalidArgument, UnknownOffer, OfferNotSellable, IdempotencyConflict (same key, other
        arguments), CheckoutVetoed, NoRoute, or a ProviderError; after OutcomeUnknown and
        ProviderUnavailable, ask again with the same key.
        """
        if customer is None:
            self._claims.must_be_possible()
        wish = checked_wish(customer, offer, quantity, currency, success_url, cancel_url, options)

        async def planned(key: str) -> Plan:
            return await self._planner.plan(wish, context, key)

        checkout = await self._started(idempotency_key, wish, email, planned, self._planner.router)
        return checkout if customer else attrs.evolve(checkout, claim=self._claims.token(checkout.id))

    async def replace(self, one: Replacement, *, idempotency_key: str, email: str = "") -> Checkout:
        """A checkout in the place of a subscription. The same key gives the same one; raises as `start`.

        Decided by the policy in force, but for what keeps customers where they are.
        """
        wish = checked_wish(
            one.customer, one.version.offer, one.quantity, one.currency, one.success_url, one.cancel_url
        )
        wish = attrs.evolve(wish, replaces=one.subscription)
        router = moving_router(self._planner.router, one.connection)

        async def planned(key: str) -> Plan:
            return await self._planner.plan(wish, NO_CONTEXT, key, sold=one.version, router=router)

        return await self._started(idempotency_key, wish, email, planned, router)

    async def _started(
        self,
        idempotency_key: str,
        wish: Wish,
        email: str,
        planned: Callable[[str], Awaitable[Plan]],
        router: Router,
    ) -> Checkout:
        email = checked_email(email)
        key = f"{KIND}:{checked_key(idempotency_key)}"
        async with self._locks.hold([key]):
            known = await self._store.command(key)
            command, fresh = (known, False) if known else await self._plan(key, wish, planned, router, email)
            if command.fingerprint != wish.fingerprint:
                message = f"idempotency key {idempotency_key!r} was used for another checkout"
                raise IdempotencyConflict(message, hint="Use a new key for each new cart.")
            return await self._sessions.carry_on(command, email, fresh=fresh)

    async def claim(self, token: str, *, customer: str) -> None:
        """Tie what a guest bought to one of the application's customers, who can prove that it is theirs.

        Doing so again changes nothing. Raises InvalidArgument (no token of ours, or too old), NotFound, and
        WrongState where somebody else has claimed it.
        """
        await self._claims.claim(token, customer)

    async def switch(self, *, idempotency_key: str, to: str = "", email: str = "") -> Checkout:
        """The same checkout on another connection: `to`, or the next one of the decision.

        The session that is open now is made unpayable first, and the provider confirms it; where a provider
        cannot do that, the attempt is withdrawn, and watched: its page, where somebody has it open, may still
        take the money, which is an excess case then. `email` is for a connection that does not know the
        customer yet.
        Raises NotFound, NotSwitchable (it is paid, or its page cannot be closed), NoRoute, or a
        ProviderError.
        """
        email = checked_email(email)
        key = f"{KIND}:{checked_key(idempotency_key)}"
        async with self._locks.hold([key]):
            command = await self._store.command(key)
            if command is None:
                raise NotFound(f"no checkout was started with idempotency key {idempotency_key!r}")
            if command.state in OPEN_STATES:
                await self._sessions.carry_on(command, email, fresh=False)
                command = await self._store.command(key) or command
            moved, fresh = await self._switching.move(command, to, email)
            return await self._sessions.carry_on(moved, email, fresh=fresh)

    async def close(self, *, idempotency_key: str, watched: bool = False) -> str:
        """Make a checkout unpayable that nobody has paid: "expired", once the provider has confirmed it.

        "withdrawn" where a provider cannot do that: then its page, where somebody has it open, may still take
        the money, and is watched. Closing it again changes nothing. `watched`: whoever asks ends what comes
        of such a page, so that it is withdrawn where the policy has others stay. Raises NotFound,
        NotSwitchable (it is paid, or its money may be on its way), or a ProviderError: then nothing has
        changed.
        """
        key = f"{KIND}:{checked_key(idempotency_key)}"
        async with self._locks.hold([key]):
            command = await self._store.command(key)
            if command is None:
                raise NotFound(f"no checkout was started with idempotency key {idempotency_key!r}")
            if command.state in OPEN_STATES:
                with suppress(ProviderRefused):
                    await self._sessions.carry_on(command, "", fresh=False)
                command = await self._store.command(key) or command
            return await self._switching.close(command, watched=watched)

    async def is_current(self, checkout: str, *, session: str) -> bool:
        """Whether this session is the one to be paid. A page of our own asks this before it takes money."""
        return await self._switching.is_current(checkout, session)

    async def resolve(self) -> int:
        """Go on with checkouts whose outcome was left open; how many have ended since. For workers."""
        return await self._resolver.resolve((KIND,), self._resume)

    async def ask(self, command: Command) -> bool:
        """Go on with one of them now; whether it has ended. For operators. Raises WrongState."""
        return await self._resolver.ask(command.key, self._resume)

    async def look(self, command: Command, object_id: str = "") -> Command | None:
        """Confirm it, if the provider shows its session; else None. Opens nothing. Raises a ProviderError."""
        async with self._locks.hold([command.key]):
            return await self._sessions.look(command, object_id)

    def may_happen_until(self, command: Command) -> Instant:
        """Until when its session may turn up, though nothing shows it, and be paid beside another one."""
        return may_arrive_until(self._connections.get(command.connection), sent_at(command))

    async def conclude(self, command: Command, stages: tuple[Stage, ...], object_id: str) -> Command:
        """End it by a person's word: `stages` say whose, and how. What has ended otherwise stays so."""
        said = msgspec.json.encode(checkout_said(command, object_id)) if object_id else b""
        return await self._log.change(command, lambda known: concluded(known, stages, said))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of commands that it runs."""
        return (KIND,)

    async def _resume(self, command: Command) -> None:
        await self._sessions.carry_on(command, "", fresh=False)

    # --- before the call ---------------------------------------------------------------------

    async def _plan(
        self, key: str, wish: Wish, planned: Callable[[str], Awaitable[Plan]], router: Router, email: str
    ) -> tuple[Command, bool]:
        """The command, and whether it is ours to send: nobody else can have sent it yet."""
        plan = await planned(key)
        await self._planner.agreed(plan)
        provider = self._connections.get(plan.decision.order[0])
        if provider is not None and not wish.replaces:
            await self._provisions.must_have_address(provider, wish.customer, email)
        shadow = self._planner.shadow if plan.shadow else None
        for one in filter(None, (router, shadow)):
            await self._adoptions.adopt(one)
        command, order = self._command(key, wish, plan)
        try:
            await self._log.place(command, (decided(command.created_at, intent_of(order)),), (plan.version,))
        except KeyConflict:
            # Another process planned the same key while we did: its plan counts, ours was not written.
            placed = await self._store.command(key)
            if placed is None:
                raise
            return placed, False
        return command, True

    def _command(self, key: str, wish: Wish, plan: Plan) -> tuple[Command, Order]:
        now = self._clock.now()
        order = Order(
            wish=wish,
            intent=self._ids.new("intent"),
            attempt=self._ids.new("attempt"),
            connection=plan.decision.order[0],
            version=plan.version,
            unit_amount=plan.price.minor,
            currency=plan.price.currency,
            trial_days=plan.trial_days,
            placed_at=now,
        )
        stages = [Stage("routed", now, order.connection), Stage("recorded", now, order.intent)]
        if plan.shadow:
            stages.insert(1, Stage("shadow", now, plan.shadow))
        command = Command(
            key=key,
            id=self._ids.new("receipt"),
            kind=KIND,
            lane=order.lane,
            fingerprint=wish.fingerprint,
            state=SENDING,
            connection=order.connection,
            reference=order.intent,
            created_at=now,
            updated_at=now,
            stages=tuple(stages),
            decision=plan.decision.encode(),
            request=order.encode(),
        )
        return command, order
