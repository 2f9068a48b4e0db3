"""Sessions: open the current attempt of a checkout at its provider; where nothing came of it, the next one.

One attempt is current. The answer to another one, which a slower process may still get, is written down as
withdrawn, made unpayable where that can be done, and shown to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from purchase_core.instants import Clock
from purchase_core.ports.provider import Provider
from purchase_core.ports.router import decode_decision
from purchase_core.records.command import (
    CONFIRMED,
    OPEN_STATES,
    REFUSED,
    SENDING,
    UNKNOWN,
    Command,
    Stage,
)
from purchase_core.routing.failover import Failover, proves_nothing_happened
from purchase_core.workflows.checkout_result import Checkout, checkout_of
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.order import attempt_of, decode_order, moved_on
from purchase_core.workflows.provisions import Provisions
from purchase_core.workflows.session_opener import Opened, SessionOpener, Try, after, sent_at, try_of

UNCLEAR = "Tell the customer that it is not known whether a payment page was opened, and ask again later."


class Sessions:
    """Opens sessions, one current attempt a checkout, and writes down what came of each."""

    def __init__(
        self,
        opener: SessionOpener,
        log: CommandLog,
        provisions: Provisions,
        connections: Mapping[str, Provider],
        failover: Failover,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._opener = opener
        self._log = log
        self._provisions = provisions
        self._connections = connections
        self._failover = failover
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
            this = try_of(command, email, fresh=fresh)
            try:
                opened = await self._opener.open(this)
            except ProviderError as error:
                command, fresh = await self._after(this, error), True
                continue
            command, fresh = await self._confirm(this, opened), False

    async def look(self, command: Command, session: str = "") -> Command | None:
        """Confirm it, if the provider shows the session; None if it does not. Opens nothing.

        `session` is the one that it is said to be, where our reference finds none. Raises a ProviderError.
        """
        this = try_of(command)
        found = await self._opener.find(this.order, session)
        return await self._confirm(this, found) if found else None

    # --- what came of it ---------------------------------------------------------------------

    async def _confirm(self, this: Try, opened: Opened) -> Command:
        order, now = this.order, self._clock.now()
        checkout = Checkout(
            order.intent,
            this.command.id,
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
            if over or not _is_current(this, known):
                return known
            stages = (*known.stages, Stage("opened", now, opened.checkout.id))
            result = msgspec.json.encode(checkout)
            return attrs.evolve(known, state=CONFIRMED, updated_at=now, stages=stages, result=result)

        facts = (decided(sent_at(this.command), made), *opened.checkout.facts)
        known = await self._log.change(this.command, confirmed, facts)
        return known if _is_current(this, known) else await self._withdraw(this, known, opened)

    async def _withdraw(self, this: Try, command: Command, opened: Opened) -> Command:
        """Another attempt has become current meanwhile: nobody is shown this session."""
        now, session = self._clock.now(), opened.checkout.id
        made = attempt_of(this.order, "withdrawn", opened.price, opened.customer, session)
        facts: list[Fact] = [decided(after(command, now), made), *opened.checkout.facts]
        facts += await self._opener.close(this.order, session)

        def noted(known: Command) -> Command:
            stages = (*known.stages, Stage("withdrawn", now, session))
            return attrs.evolve(known, stages=stages, updated_at=now)

        return await self._log.change(command, noted, facts)

    async def _withdraw_unheard(self, this: Try, command: Command) -> None:
        """Another attempt has become current, and what came of this one was not heard: look for it, once.

        What cannot be found now is watched, as every page is that cannot be closed.
        """
        with suppress(ProviderError):
            found = await self._opener.find(this.order)
            if found is not None:
                await self._withdraw(this, command, found)

    async def _after(self, this: Try, error: ProviderError) -> Command:
        """The command on its next connection, or as another process has left it; else raises the error."""
        order = this.order
        proof, why_none = proves_nothing_happened(error, fresh=this.fresh, sent=this.sent), ""
        if proof and self._failover.allowed(error):
            tried = (*order.tried, order.connection)
            following = self._failover.following(decode_decision(this.command.decision), tried)
            if following.connection:
                provider = self._connections[following.connection]
                await self._provisions.must_have_address(provider, order.wish.customer, this.email)
                moved = await self._move_on(this, following.connection, error)
                if moved is not None:
                    return moved
            elif following.left:
                why_none = following.why_none
        if isinstance(error, AuthenticationFailed | ProviderUnavailable):
            raise error  # says nothing of this checkout: it goes on once the provider does
        known = await self._note(this, error, why_none)
        if this.sent and not _is_current(this, known):
            await self._withdraw_unheard(this, known)
        if known.state == CONFIRMED:  # another process has got through with it meanwhile
            return known
        if isinstance(error, OutcomeUnknown) and self._failover.policy.on_unknown == "tell":
            error.hint = error.hint or UNCLEAR
        raise error

    async def _move_on(self, this: Try, connection: str, error: ProviderError) -> Command | None:
        """The command with a new attempt on the next connection; None if another process was faster."""
        order, now = this.order, self._clock.now()
        following = moved_on(order, connection, self._ids.new("attempt"), now)
        reason = error.provider_code or error.code
        stage = Stage("failed_over", now, f"{order.connection} to {connection}: {reason}")

        def moved(known: Command) -> Command:
            if known.state not in OPEN_STATES or not _is_current(this, known):
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
        known = await self._log.change(this.command, moved, (refused,))
        return known if decode_order(known.request).attempt == following.attempt else None

    async def _note(self, this: Try, error: ProviderError, why_none: str) -> Command:
        """How it stands now. `why_none`: why no other connection is tried, where there are others."""
        now = self._clock.now()
        state = UNKNOWN if isinstance(error, OutcomeUnknown) else REFUSED
        code = error.provider_code or error.code
        stage = Stage(state, now, f"{code}; not tried elsewhere: {why_none}" if why_none else code)

        def noted(known: Command) -> Command:
            if known.state not in OPEN_STATES or not _is_current(this, known):
                return known
            said_before = known.stages[-1].name == stage.name  # unknown again: one stage, however often
            stages = known.stages[:-1] if said_before else known.stages
            return attrs.evolve(known, state=state, updated_at=now, stages=(*stages, stage))

        return await self._log.change(this.command, noted)


def _is_current(this: Try, known: Command) -> bool:
    """Whether the attempt that was tried is still the checkout's current one."""
    return decode_order(known.request).attempt == this.order.attempt
