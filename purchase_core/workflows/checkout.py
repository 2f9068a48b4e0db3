"""The checkout workflow: decide, write it down, call the provider, write down what it said.

    wish ─► priced and routed ─► intent fact + command row (committed) ─► provider ─► attempt fact + result

Nothing is sent before its row is committed, and no transaction is open while the provider is called. What a
lost answer leaves behind is UNKNOWN: the same idempotency key goes on where it stopped, with the same
keys towards the provider, for as long as the provider remembers them; afterwards it only looks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

import attrs
import msgspec

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import (
    AuthenticationFailed,
    IdempotencyConflict,
    InvalidArgument,
    KeyConflict,
    NoRoute,
    OfferNotSellable,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    StoreError,
)
from purchase_core.facts.bodies import AttemptMade, IntentPlaced
from purchase_core.facts.fact import decided
from purchase_core.identifiers import IdSource
from purchase_core.identifiers import idempotency_key as checked_key
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.money import Money
from purchase_core.ports.provider import (
    Capability,
    CheckoutRequest,
    OurReference,
    Provider,
    ProviderCheckout,
)
from purchase_core.ports.router import Candidate, Router, RouteRequest, RoutingDecision, routed
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.recorder import Recorder
from purchase_core.records.command import CONFIRMED, OPEN_STATES, REFUSED, SENDING, UNKNOWN, Command, Stage
from purchase_core.records.lane import customer_lane
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.order import Order, Wish, checked_wish, decode_order
from purchase_core.workflows.provisions import Provisions, checked_email

KIND = "checkout.start"
KEY_MARGIN_SECONDS = 3_600  # stop using a provider's idempotency key this long before it forgets it
ABSENT_SECONDS = 900  # after the last moment at which it may have been sent, no trace of it is proof
RESOLVE_AFTER_SECONDS = 60
RESOLVE_ROWS_MAX = 100

log = logging.getLogger("purchase.checkout")


class Advisers(Protocol):
    """Who is asked before anything is written."""

    async def score(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The candidates with what is said of them."""
        ...

    async def before_checkout(self, request: RouteRequest, decision: RoutingDecision) -> None:
        """Raises CheckoutVetoed to stop the checkout."""
        ...


@attrs.frozen
class Checkout:
    """A checkout that the customer can be sent to. `id` is the intent; `receipt` names the receipt."""

    id: str
    receipt: str
    offer: str
    connection: str
    session: str
    url: str
    expires_at: Instant | None


class Checkouts:
    """Starts checkouts, and finds out what became of those whose answer was lost."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        catalog: Catalog,
        connections: Mapping[str, Provider],
        router: Router,
        clock: Clock,
        ids: IdSource,
        advisers: Advisers,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._connections = connections
        self._router = router
        self._clock = clock
        self._ids = ids
        self._advisers = advisers
        self._provisions = Provisions(store, recorder, clock, ids)
        self._log = CommandLog(store, recorder)
        self._locks = LaneLocks()

    async def start(
        self,
        *,
        customer: str,
        offer: str,
        success_url: str,
        cancel_url: str,
        idempotency_key: str,
        quantity: int = 1,
        currency: str = "",
        email: str = "",
    ) -> Checkout:
        """A hosted checkout of one offer for one of the application's customers.

        The same `idempotency_key` gives the same checkout, however often and from wherever it is asked.
        `currency` chooses among the offer's prices ("" = the first). `email` goes to the provider only.
        Raises InvalidArgument, UnknownOffer, OfferNotSellable, IdempotencyConflict (same key, other
        arguments), CheckoutVetoed, NoRoute, or a ProviderError; after OutcomeUnknown and
        ProviderUnavailable, ask again with the same key.
        """
        wish = checked_wish(customer, offer, quantity, currency, success_url, cancel_url)
        email = checked_email(email)
        key = f"{KIND}:{checked_key(idempotency_key)}"
        async with self._locks.hold([key]):
            known = await self._store.command(key)
            command, fresh = (known, False) if known else await self._plan(key, wish)
            if command.fingerprint != wish.fingerprint:
                message = f"idempotency key {idempotency_key!r} was used for another checkout"
                raise IdempotencyConflict(message, hint="Use a new key for each new cart.")
            return await self._carry_on(command, email, fresh=fresh)

    async def resolve(self) -> int:
        """Go on with checkouts whose outcome was left open; how many have ended since. For workers."""
        before = Instant(self._clock.now() - RESOLVE_AFTER_SECONDS * SECOND)
        ended = 0
        for command in await self._store.open_commands(before=before, limit=RESOLVE_ROWS_MAX):
            if command.kind == KIND:
                async with self._locks.hold([command.key]):
                    ended += await self._resolve(command.key)
        return ended

    async def _resolve(self, key: str) -> bool:
        """Go on with one; whether it has ended. One that cannot be resolved now must not keep the others."""
        command = await self._store.command(key)
        if command is None or command.state not in OPEN_STATES:
            return False  # it ended while we were on the way to it
        try:
            await self._carry_on(command, "", fresh=False)
        except StoreError:
            raise
        except OutcomeUnknown:
            return False
        except Exception as error:
            if isinstance(error, ProviderRefused) and not isinstance(error, AuthenticationFailed):
                return True
            log.warning("checkout %s cannot be resolved now: %s", command.reference, type(error).__name__)
            await self._log.change(command, self._postponed)
            return False
        return True

    def _postponed(self, command: Command) -> Command:
        """Last in the queue: a hundred of one broken connection must not keep those of the others."""
        return attrs.evolve(command, updated_at=self._clock.now())

    # --- before the call ---------------------------------------------------------------------

    async def _plan(self, key: str, wish: Wish) -> tuple[Command, bool]:
        """The command, and whether it is ours to send: nobody else can have sent it yet."""
        version = self._catalog.version(wish.offer)
        price = _price(version, wish)
        request = await self._route_request(key, wish, version, price.minor, price.currency)
        candidates = await self._advisers.score(request, self._candidates())
        decision = routed(self._router, request, candidates)
        if not decision.order:
            raise NoRoute([f"{one.connection}: {one.excluded}" for one in decision.verdicts])
        await self._advisers.before_checkout(request, decision)
        now = self._clock.now()
        order = Order(
            wish=wish,
            intent=self._ids.new("intent"),
            attempt=self._ids.new("attempt"),
            connection=decision.order[0],
            version=version.hash,
            product=version.product,
            product_name=version.name,
            unit_amount=price.minor,
            currency=price.currency,
            interval=version.interval,
            interval_count=version.interval_count,
            trial_days=version.trial_days,
        )
        command = Command(
            key=key,
            id=self._ids.new("receipt"),
            kind=KIND,
            lane=customer_lane(wish.customer),
            fingerprint=wish.fingerprint,
            state=SENDING,
            connection=order.connection,
            reference=order.intent,
            created_at=now,
            updated_at=now,
            stages=(Stage("routed", now, order.connection), Stage("recorded", now, order.intent)),
            decision=decision.encode(),
            request=order.encode(),
        )
        try:
            await self._log.place(command, (decided(now, _intent(order)),), (version,))
        except KeyConflict:
            # Another process planned the same key while we did: its plan counts, ours was not written.
            planned = await self._store.command(key)
            if planned is None:
                raise
            return planned, False
        return command, True

    async def _route_request(
        self, key: str, wish: Wish, version: OfferVersion, unit_amount: int, currency: str
    ) -> RouteRequest:
        known = await self._store.references_of(customer_lane(wish.customer), "customer")
        needs = [
            Capability.SUBSCRIPTION_CHECKOUT
            if version.product == "subscription"
            else Capability.ONE_TIME_CHECKOUT
        ]
        if version.trial_days:
            needs.append(Capability.TRIAL)
        if wish.quantity > 1:
            needs.append(Capability.QUANTITY)
        return RouteRequest(
            customer=wish.customer,
            offer=wish.offer,
            product=version.product,
            currency=currency,
            unit_amount=unit_amount,
            quantity=wish.quantity,
            needs=tuple(need.value for need in needs),
            links=tuple(one.object.split(":", 2)[1] for one in known),
            at=self._clock.now(),
            key=key,
        )

    def _candidates(self) -> tuple[Candidate, ...]:
        return tuple(
            Candidate(
                connection=name,
                plugin=provider.plugin,
                mode=provider.connection.mode,
                capabilities=tuple(sorted(one.value for one in provider.capabilities.declared)),
                currencies=_sorted(provider.capabilities.currencies),
            )
            for name, provider in self._connections.items()
        )

    # --- the call ----------------------------------------------------------------------------

    async def _carry_on(self, command: Command, email: str, *, fresh: bool) -> Checkout:
        if command.state == CONFIRMED:
            return _checkout_of(command)
        if command.state == REFUSED:
            raise ProviderRefused(f"checkout {command.reference} was refused: {command.stages[-1].detail}")
        order = decode_order(command.request)
        provider = self._connections.get(command.connection)
        if provider is None:
            message = (
                f"checkout {command.reference} was opened on connection {command.connection!r}, which is gone"
            )
            raise ProviderUnavailable(
                message, hint="Configure the connection again, so that it can be resolved."
            )
        try:
            if not fresh and self._key_forgotten(command, provider):
                return await self._look_only(command, order, provider)
            customer = await self._provisions.customer(provider, order.wish.customer, email)
            price = await self._provisions.price(provider, order)
            opened = await provider.create_checkout(_request(order, customer, price), key=order.attempt)
        except AuthenticationFailed:
            raise  # says nothing of this checkout: it goes on once the key is right
        except (OutcomeUnknown, ProviderRefused) as error:
            known = await self._note(command, error)
            if known.state == CONFIRMED:  # another process has got through with it meanwhile
                return _checkout_of(known)
            raise
        return await self._confirm(command, order, opened, customer, price)

    def _key_forgotten(self, command: Command, provider: Provider) -> bool:
        return self._clock.now() - command.created_at > _resendable_seconds(provider) * SECOND

    async def _look_only(self, command: Command, order: Order, provider: Provider) -> Checkout:
        opened = await provider.find_checkout(order.attempt)
        if opened is None:
            age = self._clock.now() - command.created_at
            if age <= (_resendable_seconds(provider) + ABSENT_SECONDS) * SECOND:
                raise OutcomeUnknown(f"checkout {order.intent} is not to be found at {order.connection} yet")
            message = f"checkout {order.intent} never reached {order.connection}"
            raise ProviderRefused(message, provider_code="never arrived")
        customer = await self._provisions.known_customer(provider, order.wish.customer) or ""
        price = await self._store.price_for(order.connection, order.version, order.currency)
        return await self._confirm(command, order, opened, customer, price.price if price else "")

    # --- after the call ----------------------------------------------------------------------

    async def _confirm(
        self, command: Command, order: Order, opened: ProviderCheckout, customer: str, price: str
    ) -> Checkout:
        now = self._clock.now()
        checkout = Checkout(
            order.intent,
            command.id,
            order.wish.offer,
            order.connection,
            opened.id,
            opened.url,
            opened.expires_at,
        )
        made = AttemptMade(
            order.attempt, order.intent, "current", order.connection, price, customer, opened.id
        )

        def confirmed(known: Command) -> Command:
            """What was opened is open, whatever another process believes."""
            stages = (*known.stages, Stage("opened", now, opened.id))
            result = msgspec.json.encode(checkout)
            ended = attrs.evolve(known, state=CONFIRMED, updated_at=now, stages=stages, result=result)
            return known if known.state == CONFIRMED else ended

        facts = (decided(command.created_at, made), *opened.facts)
        return _checkout_of(await self._log.change(command, confirmed, facts))

    async def _note(self, command: Command, error: OutcomeUnknown | ProviderRefused) -> Command:
        now = self._clock.now()
        state = UNKNOWN if isinstance(error, OutcomeUnknown) else REFUSED
        stage = Stage(state, now, error.provider_code or error.code)

        def noted(known: Command) -> Command:
            if known.state not in OPEN_STATES:
                return known
            said_before = known.stages[-1].name == stage.name  # unknown again: one stage, however often
            stages = known.stages[:-1] if said_before else known.stages
            return attrs.evolve(known, state=state, updated_at=now, stages=(*stages, stage))

        return await self._log.change(command, noted)


def _intent(order: Order) -> IntentPlaced:
    return IntentPlaced(
        id=order.intent,
        customer=order.wish.customer,
        offer=order.wish.offer,
        version=order.version,
        product=order.product,
        quantity=order.wish.quantity,
        unit_amount=order.unit_amount,
        currency=order.currency,
        trial_days=order.trial_days,
    )


def _request(order: Order, customer: str, price: str) -> CheckoutRequest:
    return CheckoutRequest(
        mode="subscription" if order.product == "subscription" else "payment",
        price=price,
        quantity=order.wish.quantity,
        customer=customer,
        success_url=order.wish.success_url,
        cancel_url=order.wish.cancel_url,
        reference=OurReference(order.intent, order.attempt, order.wish.customer, order.version),
        trial_days=order.trial_days,
    )


def _checkout_of(command: Command) -> Checkout:
    return msgspec.json.decode(command.result, type=Checkout)


def _resendable_seconds(provider: Provider) -> int:
    """How long a request may be sent again under its key."""
    return max(0, provider.capabilities.key_lifetime_seconds - KEY_MARGIN_SECONDS)


def _price(version: OfferVersion, wish: Wish) -> Money:
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


def _sorted(currencies: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if currencies is None else tuple(sorted(currencies))
