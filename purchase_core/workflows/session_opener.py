"""Opening a session: what is asked of the provider for a checkout's current attempt. Writes nothing down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.bodies import SessionSeen
from purchase_core.facts.fact import Fact
from purchase_core.instants import MILLISECOND, Clock, Instant
from purchase_core.ports.provider import Capability, CheckoutRequest, Provider, ProviderCheckout
from purchase_core.ports.store import Store
from purchase_core.records.command import Command
from purchase_core.routing.breaker import HealthBook
from purchase_core.workflows.order import Order, checkout_request, decode_order
from purchase_core.workflows.provisions import Provided, Provisions
from purchase_core.workflows.recognising import recognised
from purchase_core.workflows.resolving import NEVER_ARRIVED, may_have_arrived, may_send_again

MOVES = ("failed_over", "switched")


@attrs.frozen
class Opened:
    """What the provider opened, and with which of its ids for price and customer."""

    checkout: ProviderCheckout
    price: str
    customer: str


@attrs.define
class Try:
    """One try at the current attempt of a checkout. `email` is the customer's, where somebody says it.

    `fresh`: nobody has tried this attempt before, in any process. `sent`: the request that opens a session
    has gone out.
    """

    command: Command
    order: Order
    email: str = ""
    fresh: bool = False
    sent: bool = False


def try_of(command: Command, email: str = "", *, fresh: bool = False) -> Try:
    """A try at what a command orders."""
    return Try(command, decode_order(command.request), email, fresh)


class SessionOpener:
    """Opens sessions at providers, finds them, and closes them; and notes how each connection fares."""

    def __init__(
        self,
        store: Store,
        provisions: Provisions,
        connections: Mapping[str, Provider],
        health: HealthBook,
        clock: Clock,
    ) -> None:
        self._store = store
        self._provisions = provisions
        self._connections = connections
        self._health = health
        self._clock = clock

    async def open(self, this: Try) -> Opened:
        """What is opened, or was opened before. Raises a ProviderError."""
        started = self._clock.now()
        provider = self._provider(this.order)
        try:
            if self._may_send(provider, this):
                opened = await self._create_or_find(provider, this)
            else:
                opened = await self.look(this)
        except ProviderError as error:
            self._judge(this.order.connection, error)
            raise
        now = self._clock.now()
        self._health.succeeded(this.order.connection, now, milliseconds=(now - started) // MILLISECOND)
        return opened

    async def look(self, this: Try) -> Opened:
        """What was opened before. Raises OutcomeUnknown, or ProviderRefused once that is too long ago."""
        order = this.order
        opened = await self.find(order)
        if opened is not None:
            return opened
        if may_have_arrived(self._provider(order), sent_at(this.command), self._clock.now()):
            raise OutcomeUnknown(f"checkout {order.intent} is not to be found at {order.connection} yet")
        message = f"checkout {order.intent} never reached {order.connection}"
        raise ProviderRefused(message, provider_code=NEVER_ARRIVED)

    async def find(self, order: Order, session: str = "") -> Opened | None:
        """What the provider shows of it; None if nothing. Raises a ProviderError.

        `session` is the one that it is said to be, where our reference finds none.
        """
        provider = self._provider(order)
        checkout = await provider.find_checkout(order.attempt)
        if checkout is None and session:
            checkout = await recognised(self._store, provider, order, session)
        if checkout is None:
            return None
        price = await self._provisions.known_price(
            provider, order.version, order.currency, trial=bool(order.trial_days)
        )
        return Opened(checkout, price, await self._opened_for(provider, order, checkout))

    async def close(self, order: Order, session: str) -> Sequence[Fact]:
        """Facts of a session that was made unpayable; none where that cannot be done now: it is watched."""
        provider = self._connections[order.connection]
        if Capability.EXPIRE_CHECKOUT not in provider.capabilities:
            return ()
        try:
            return await provider.expire_checkout(session, key=f"expire:{order.attempt}")
        except ProviderError:
            return ()

    async def _opened_for(self, provider: Provider, order: Order, checkout: ProviderCheckout) -> str:
        """The provider's customer that a session was opened for: of ours, the one that it shows.

        Since customers were merged there may be several. Whoever else it shows has paid, and was not meant.
        """
        if not order.wish.customer:
            return ""
        linked = await self._provisions.links.of_customer(provider, order.wish.customer)
        shown = [one.body.customer for one in checkout.facts if isinstance(one.body, SessionSeen)]
        ours = [one for one in shown if one in linked.good or one in linked.gone]
        return next(iter((*ours, *linked.good)), "")

    def _provider(self, order: Order) -> Provider:
        provider = self._connections.get(order.connection)
        if provider is None:
            raise ProviderUnavailable(
                f"checkout {order.intent} was opened on connection {order.connection!r}, which is gone",
                hint="Configure the connection again, so that it can be resolved.",
            )
        return provider

    def _may_send(self, provider: Provider, this: Try) -> bool:
        return this.fresh or may_send_again(provider, sent_at(this.command), self._clock.now())

    async def _create_or_find(self, provider: Provider, this: Try) -> Opened:
        """What is opened; where it is sent again and refused, what was opened before.

        Since its customer was merged, it may be another request by now under the same key: a refusal of that
        says nothing of the first.
        """
        try:
            return await self._create(provider, this)
        except ProviderRefused as refused:
            if this.fresh or isinstance(refused, AuthenticationFailed):
                raise
            opened = await self.find(this.order)
            if opened is None:
                raise
            return opened

    async def _create(self, provider: Provider, this: Try) -> Opened:
        order = this.order
        customer = await self._customer(provider, this)
        price, made_of = await self._provisions.price(
            provider, order.version, order.currency, trial=bool(order.trial_days)
        )
        if not self._may_send(provider, this):  # it took so long that the key is forgotten by now
            return await self.look(this)
        this.sent = True
        try:
            request = checkout_request(order, customer.id, price, made_of)
            checkout = await self._send(provider, this, request, another=customer.another)
        except ProviderRefused as refused:
            # Nothing was opened. If it is for want of the customer, another one takes their place.
            links, whose = self._provisions.links, order.wish.customer
            if isinstance(refused, AuthenticationFailed):
                raise
            if not await links.proves_gone(provider, whose, customer.id):
                raise
            customer = await self._customer(provider, this)
            request = checkout_request(order, customer.id, price, made_of)
            checkout = await self._send(provider, this, request, another=customer.another)
        return Opened(checkout, price, customer.id)

    async def _send(
        self, provider: Provider, this: Try, request: CheckoutRequest, *, another: bool
    ) -> ProviderCheckout:
        """Under the attempt's key; `another` customer is another request, and has a key of its own.

        Whoever sends it again, after an answer that was lost, cannot tell for whom it was sent: it is looked
        for first.
        """
        attempt = this.order.attempt
        if not another:
            return await provider.create_checkout(request, key=attempt)
        opened = None if this.fresh else await provider.find_checkout(attempt)
        return opened or await provider.create_checkout(request, key=f"{attempt}:{request.customer}")

    async def _customer(self, provider: Provider, this: Try) -> Provided:
        """The provider's customer. Whoever is moved here, and whose address nobody says, types it there."""
        wish = this.order.wish
        if wish.replaces and provider.capabilities.unique_emails and not this.email:
            linked = await self._provisions.links.of_customer(provider, wish.customer)
            return Provided(next(iter(linked.good), ""), another=bool(linked.gone))
        return await self._provisions.customer(provider, wish.customer, this.email)

    def _judge(self, connection: str, error: ProviderError) -> None:
        """A refusal is an answer; everything else speaks against the connection."""
        now = self._clock.now()
        if isinstance(error, ProviderRefused) and not isinstance(error, AuthenticationFailed):
            self._health.succeeded(connection, now)
        else:
            self._health.failed(connection, now)


def sent_at(command: Command) -> Instant:
    """When the current attempt may first have been sent."""
    moves = [stage.at for stage in command.stages if stage.name in MOVES]
    return moves[-1] if moves else command.created_at


def after(command: Command, now: Instant) -> Instant:
    """An instant for what becomes of an attempt, behind all that was said of it, whatever the clock does."""
    return Instant(max(now, sent_at(command) + 1))
