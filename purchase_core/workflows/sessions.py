"""Sessions: open the current attempt of a checkout at its provider; where nothing came of it, the next one.

One attempt is current. The answer to another one, which a slower process may still get, is written down as
withdrawn, made unpayable where that can be done, and shown to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import attrs
import msgspec

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.fact import Fact, decided
from purchase_core.identifiers import IdSource
from purchase_core.instants import MILLISECOND, Clock, Instant
from purchase_core.ports.provider import Capability, CheckoutRequest, Provider, ProviderCheckout
from purchase_core.ports.router import Router, decode_decision
from purchase_core.ports.store import Store
from purchase_core.records.command import (
    CONFIRMED,
    OPEN_STATES,
    REFUSED,
    SENDING,
    UNKNOWN,
    Command,
    Stage,
)
from purchase_core.routing.breaker import HealthBook
from purchase_core.routing.failover import (
    FailoverPolicy,
    allowed,
    next_connection,
    proves_nothing_happened,
)
from purchase_core.workflows.checkout_result import Checkout, checkout_of
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.order import Order, attempt_of, checkout_request, decode_order, moved_on
from purchase_core.workflows.provisions import Provided, Provisions
from purchase_core.workflows.recognising import recognised
from purchase_core.workflows.resolving import NEVER_ARRIVED, may_have_arrived, may_send_again

UNCLEAR = "Tell the customer that it is not known whether a payment page was opened, and ask again later."


@attrs.frozen
class Opened:
    """What the provider opened, and with which of its ids for price and customer."""

    checkout: ProviderCheckout
    price: str
    customer: str


@attrs.define
class _Try:
    """One try at an attempt. `sent`: the request that opens a session has gone out."""

    fresh: bool
    sent: bool = False


class Sessions:
    """Opens sessions, one current attempt a checkout."""

    def __init__(
        self,
        store: Store,
        log: CommandLog,
        provisions: Provisions,
        connections: Mapping[str, Provider],
        router: Router,
        failover: FailoverPolicy,
        health: HealthBook,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._log = log
        self._provisions = provisions
        self._connections = connections
        self._router = router
        self._failover = failover
        self._health = health
        self._clock = clock
        self._ids = ids

    async def carry_on(self, command: Command, email: str, *, fresh: bool) -> Checkout:
        """The checkout, opened if it is not yet. `fresh`: nobody has tried the current attempt before.

        Tries at most as many connections as the fail-over policy allows.
        """
        while True:
            if command.state == CONFIRMED:
                return checkout_of(command)
            if command.state == REFUSED:
                raise ProviderRefused(f"checkout {command.reference} was refused: {command.refusal}")
            order = decode_order(command.request)
            this = _Try(fresh)
            try:
                opened = await self._open(command, order, this, email)
            except ProviderError as error:
                command, fresh = await self._after(command, order, error, this, email), True
                continue
            command, fresh = await self._confirm(command, order, opened), False

    async def look(self, command: Command, session: str = "") -> Command | None:
        """Confirm it, if the provider shows the session; None if it does not. Opens nothing.

        `session` is the one that it is said to be, where our reference finds none. Raises a ProviderError.
        """
        order = decode_order(command.request)
        provider = self._provider(order)
        checkout = await provider.find_checkout(order.attempt)
        if checkout is None and session:
            checkout = await recognised(self._store, provider, order, session)
        if checkout is None:
            return None
        return await self._confirm(command, order, await self._opened(order, provider, checkout))

    # --- the call ----------------------------------------------------------------------------

    async def _open(self, command: Command, order: Order, this: _Try, email: str) -> Opened:
        provider = self._provider(order)
        started = self._clock.now()
        try:
            if self._may_send(command, provider, this):
                opened = await self._create_or_find(command, order, provider, this, email)
            else:
                opened = await self._look_only(command, order, provider)
        except ProviderError as error:
            self._judge(order.connection, error)
            raise
        now = self._clock.now()
        self._health.succeeded(order.connection, now, milliseconds=(now - started) // MILLISECOND)
        return opened

    def _provider(self, order: Order) -> Provider:
        provider = self._connections.get(order.connection)
        if provider is None:
            raise ProviderUnavailable(
                f"checkout {order.intent} was opened on connection {order.connection!r}, which is gone",
                hint="Configure the connection again, so that it can be resolved.",
            )
        return provider

    def _may_send(self, command: Command, provider: Provider, this: _Try) -> bool:
        return this.fresh or may_send_again(provider, sent_at(command), self._clock.now())

    async def _create_or_find(
        self, command: Command, order: Order, provider: Provider, this: _Try, email: str
    ) -> Opened:
        """What is opened; where it is sent again and refused, what was opened before.

        Since its customer was merged, it may be another request by now under the same key: a refusal of that
        says nothing of the first.
        """
        try:
            return await self._create(command, order, provider, this, email)
        except ProviderRefused as refused:
            if this.fresh or isinstance(refused, AuthenticationFailed):
                raise
            checkout = await provider.find_checkout(order.attempt)
            if checkout is None:
                raise
            return await self._opened(order, provider, checkout)

    async def _create(
        self, command: Command, order: Order, provider: Provider, this: _Try, email: str
    ) -> Opened:
        customer = await self._customer(order, provider, email)
        price, made_of = await self._provisions.price(
            provider, order.version, order.currency, trial=bool(order.trial_days)
        )
        if not self._may_send(command, provider, this):  # it took so long that the key is forgotten by now
            return await self._look_only(command, order, provider)
        this.sent = True
        try:
            request = checkout_request(order, customer.id, price, made_of)
            checkout = await self._send(order, provider, request, this, another=customer.another)
        except ProviderRefused as refused:
            # Nothing was opened. If it is for want of the customer, another one takes their place.
            links, whose = self._provisions.links, order.wish.customer
            if isinstance(refused, AuthenticationFailed):
                raise
            if not await links.proves_gone(provider, whose, customer.id):
                raise
            customer = await self._customer(order, provider, email)
            request = checkout_request(order, customer.id, price, made_of)
            checkout = await self._send(order, provider, request, this, another=customer.another)
        return Opened(checkout, price, customer.id)

    async def _send(
        self, order: Order, provider: Provider, request: CheckoutRequest, this: _Try, *, another: bool
    ) -> ProviderCheckout:
        """Under the attempt's key; `another` customer is another request, and has a key of its own.

        Whoever sends it again, after an answer that was lost, cannot tell for whom it was sent: it is looked
        for first.
        """
        if not another:
            return await provider.create_checkout(request, key=order.attempt)
        opened = None if this.fresh else await provider.find_checkout(order.attempt)
        return opened or await provider.create_checkout(request, key=f"{order.attempt}:{request.customer}")

    async def _customer(self, order: Order, provider: Provider, email: str) -> Provided:
        """The provider's customer. Whoever is moved here, and whose address nobody says, types it there."""
        if order.wish.replaces and provider.capabilities.unique_emails and not email:
            linked = await self._provisions.links.of_customer(provider, order.wish.customer)
            return Provided(next(iter(linked.good), ""), another=bool(linked.gone))
        return await self._provisions.customer(provider, order.wish.customer, email)

    async def _look_only(self, command: Command, order: Order, provider: Provider) -> Opened:
        checkout = await provider.find_checkout(order.attempt)
        if checkout is None:
            if may_have_arrived(provider, sent_at(command), self._clock.now()):
                raise OutcomeUnknown(f"checkout {order.intent} is not to be found at {order.connection} yet")
            message = f"checkout {order.intent} never reached {order.connection}"
            raise ProviderRefused(message, provider_code=NEVER_ARRIVED)
        return await self._opened(order, provider, checkout)

    async def _opened(self, order: Order, provider: Provider, checkout: ProviderCheckout) -> Opened:
        """What was opened, with the ids that the provider is known to have given for it."""
        customer = await self._provisions.known_customer(provider, order.wish.customer) or ""
        price = await self._provisions.known_price(
            provider, order.version, order.currency, trial=bool(order.trial_days)
        )
        return Opened(checkout, price, customer)

    def _judge(self, connection: str, error: ProviderError) -> None:
        """A refusal is an answer; everything else speaks against the connection."""
        now = self._clock.now()
        if isinstance(error, ProviderRefused) and not isinstance(error, AuthenticationFailed):
            self._health.succeeded(connection, now)
        else:
            self._health.failed(connection, now)

    # --- what came of it ---------------------------------------------------------------------

    async def _confirm(self, command: Command, order: Order, opened: Opened) -> Command:
        now = self._clock.now()
        checkout = Checkout(
            order.intent,
            command.id,
            order.wish.offer,
            order.connection,
            opened.checkout.id,
            opened.checkout.url,
            opened.checkout.expires_at,
        )
        made = attempt_of(order, "current", opened.price, opened.customer, opened.checkout.id)

        def confirmed(known: Command) -> Command:
            """What was opened is open, whatever another process believes, if the attempt is still current."""
            over = known.state == CONFIRMED and not known.is_by_hand
            if over or decode_order(known.request).attempt != order.attempt:
                return known
            stages = (*known.stages, Stage("opened", now, opened.checkout.id))
            result = msgspec.json.encode(checkout)
            return attrs.evolve(known, state=CONFIRMED, updated_at=now, stages=stages, result=result)

        facts = (decided(sent_at(command), made), *opened.checkout.facts)
        known = await self._log.change(command, confirmed, facts)
        if decode_order(known.request).attempt == order.attempt:
            return known
        return await self._withdraw(known, order, opened)

    async def _withdraw(self, command: Command, order: Order, opened: Opened) -> Command:
        """Another attempt has become current meanwhile: nobody is shown this session."""
        now, session = self._clock.now(), opened.checkout.id
        made = attempt_of(order, "withdrawn", opened.price, opened.customer, session)
        facts: list[Fact] = [decided(after(command, now), made), *opened.checkout.facts]
        facts += await self._closed(order, session)

        def noted(known: Command) -> Command:
            stages = (*known.stages, Stage("withdrawn", now, session))
            return attrs.evolve(known, stages=stages, updated_at=now)

        return await self._log.change(command, noted, facts)

    async def _withdraw_unheard(self, command: Command, order: Order) -> None:
        """Another attempt has become current, and what came of this one was not heard: look for it, once.

        What cannot be found now is watched, as every page is that cannot be closed.
        """
        with suppress(ProviderError):
            found = await self._look_only(command, order, self._connections[order.connection])
            await self._withdraw(command, order, found)

    async def _closed(self, order: Order, session: str) -> Sequence[Fact]:
        """Facts of a session that was made unpayable; none where that cannot be done now: it is watched."""
        provider = self._connections[order.connection]
        if Capability.EXPIRE_CHECKOUT not in provider.capabilities:
            return ()
        try:
            return await provider.expire_checkout(session, key=f"expire:{order.attempt}")
        except ProviderError:
            return ()

    async def _after(
        self, command: Command, order: Order, error: ProviderError, this: _Try, email: str
    ) -> Command:
        """The command on its next connection, or as another process has left it; else raises the error."""
        proof, why_none = proves_nothing_happened(error, fresh=this.fresh, sent=this.sent), ""
        if proof and allowed(error, self._failover):
            tried = (*order.tried, order.connection)
            following = next_connection(
                decode_decision(command.decision),
                tried,
                configured=self._connections,
                policy_now=self._router.policy,
                failover=self._failover,
            )
            if following.connection:
                provider = self._connections[following.connection]
                await self._provisions.must_have_address(provider, order.wish.customer, email)
                moved = await self._move_on(command, order, following.connection, error)
                if moved is not None:
                    return moved
            elif following.left:
                why_none = following.why_none
        if isinstance(error, AuthenticationFailed | ProviderUnavailable):
            raise error  # says nothing of this checkout: it goes on once the provider does
        known = await self._note(command, order, error, why_none)
        if this.sent and decode_order(known.request).attempt != order.attempt:
            await self._withdraw_unheard(known, order)
        if known.state == CONFIRMED:  # another process has got through with it meanwhile
            return known
        if isinstance(error, OutcomeUnknown) and self._failover.on_unknown == "tell":
            error.hint = error.hint or UNCLEAR
        raise error

    async def _move_on(
        self, command: Command, order: Order, connection: str, error: ProviderError
    ) -> Command | None:
        """The command with a new attempt on the next connection; None if another process was faster."""
        now = self._clock.now()
        following = moved_on(order, connection, self._ids.new("attempt"), now)
        reason = error.provider_code or error.code
        stage = Stage("failed_over", now, f"{order.connection} to {connection}: {reason}")

        def moved(known: Command) -> Command:
            if known.state not in OPEN_STATES or decode_order(known.request).attempt != order.attempt:
                return known
            return attrs.evolve(
                known,
                state=SENDING,
                connection=connection,
                request=following.encode(),
                updated_at=now,
                stages=(*known.stages, stage),
            )

        refused = decided(now, attempt_of(order, "refused", "", "", ""))
        known = await self._log.change(command, moved, (refused,))
        return known if decode_order(known.request).attempt == following.attempt else None

    async def _note(self, command: Command, order: Order, error: ProviderError, why_none: str) -> Command:
        """How it stands now. `why_none`: why no other connection is tried, where there are others."""
        now = self._clock.now()
        state = UNKNOWN if isinstance(error, OutcomeUnknown) else REFUSED
        code = error.provider_code or error.code
        stage = Stage(state, now, f"{code}; not tried elsewhere: {why_none}" if why_none else code)

        def noted(known: Command) -> Command:
            if known.state not in OPEN_STATES or decode_order(known.request).attempt != order.attempt:
                return known
            said_before = known.stages[-1].name == stage.name  # unknown again: one stage, however often
            stages = known.stages[:-1] if said_before else known.stages
            return attrs.evolve(known, state=state, updated_at=now, stages=(*stages, stage))

        return await self._log.change(command, noted)


MOVES = ("failed_over", "switched")


def sent_at(command: Command) -> Instant:
    """When the current attempt may first have been sent."""
    moves = [stage.at for stage in command.stages if stage.name in MOVES]
    return moves[-1] if moves else command.created_at


def after(command: Command, now: Instant) -> Instant:
    """An instant for what becomes of an attempt, behind all that was said of it, whatever the clock does."""
    return Instant(max(now, sent_at(command) + 1))
