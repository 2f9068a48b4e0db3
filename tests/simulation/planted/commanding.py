"""Bugs in commands: keys, lost answers, guards, pages."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import attrs
from msgspec.structs import replace

from purchase_core.errors import LaneConflict, OutcomeUnknown, ProviderRefused
from purchase_core.facts.bodies import RefundAsked
from purchase_core.facts.fact import decided
from purchase_core.identifiers import idempotency_key
from purchase_core.ports.provider import OurReference
from purchase_core.projection.recorder import Recorder
from purchase_core.records.command import CONFIRMED
from purchase_core.routing import failover
from purchase_core.workflows import checkout, commands, order, refunds, resolving, switching
from purchase_core.workflows.checkout import Checkouts
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.commands import Commands
from purchase_core.workflows.order import Wish
from purchase_core.workflows.refunds import GiveBack
from purchase_core.workflows.resolving import Resolver
from purchase_core.workflows.session_opener import SessionOpener
from purchase_core.workflows.subscription_commands import Cancel, SubscriptionCommand
from purchase_core.workflows.switching import Switching

from .planting import Planter, bug


def _unique(to: Planter, owner: Any) -> None:
    """Every key is a new one."""
    count = iter(range(10**9))
    to.put(owner, "checked_key", lambda key: f"{idempotency_key(key)}-{next(count)}")


@bug
def forgets_keys_of_commands(to: Planter) -> None:
    """A command that is asked for again is another one."""
    _unique(to, commands)


@bug
def forgets_keys_of_checkouts(to: Planter) -> None:
    """A checkout that is asked for again is another one."""
    _unique(to, checkout)


@bug
def minds_no_fingerprint(to: Planter) -> None:
    """The same key with other arguments is the same command."""
    to.put(Wish, "fingerprint", property(lambda wish: f"{wish.customer}:{wish.offer}"))


@bug
def takes_silence_for_refusal(to: Planter) -> None:
    """A lost answer means that nothing happened."""
    outcome = Commands._outcome

    async def sure(self: Any, *rest: Any, **named: Any) -> Any:
        try:
            return await outcome(self, *rest, **named)
        except OutcomeUnknown as error:
            raise ProviderRefused(str(error)) from None

    to.put(Commands, "_outcome", sure)


@bug
def takes_silence_for_success(to: Planter) -> None:
    """A lost answer means that all went well."""
    outcome = Commands._outcome

    async def sure(self: Any, *rest: Any, **named: Any) -> Any:
        try:
            return await outcome(self, *rest, **named)
        except OutcomeUnknown:
            return ()

    to.put(Commands, "_outcome", sure)


@bug
def sends_under_a_new_key(to: Planter) -> None:
    """A refund whose answer was lost is sent again as a new one."""
    count = iter(range(10**9))

    async def anew(self: Any, provider: Any, command: Any) -> Any:
        return await send(self, provider, attrs.evolve(command, id=f"{command.id}-{next(count)}"))

    send = GiveBack.send
    to.put(GiveBack, "send", anew)


@bug
def sends_again_without_a_key(to: Planter) -> None:
    """What may have happened is sent again to a provider that remembers no keys."""
    to.everywhere(resolving.may_send_again, lambda provider, sent_at, now: True)


@bug
def trusts_keys_for_ever(to: Planter) -> None:
    """A key is used when the provider has forgotten it."""

    def always(provider: Any, sent_at: Any, now: Any) -> bool:
        return bool(provider.capabilities.key_lifetime_seconds)

    to.everywhere(resolving.may_send_again, always)


@bug
def looks_for_nothing(to: Planter) -> None:
    """Nobody looks for what may have happened, before it is given up."""

    async def nothing(self: Any, provider: Any, command: Any) -> None:
        return None

    to.put(GiveBack, "find", nothing)


@bug
def takes_absence_for_proof(to: Planter) -> None:
    """What cannot be found yet has not happened."""
    to.put(resolving, "ABSENT_SECONDS", 0)


@bug
def resolves_nothing(to: Planter) -> None:
    """Commands whose answer was lost stay as they are."""

    async def nothing(self: Any, kinds: Any, carry_on: Any) -> int:
        return 0

    async def again(self: Any, kind: Any, command: Any, *, fresh: bool) -> Any:
        if not fresh and command.state != CONFIRMED:
            raise OutcomeUnknown("nobody finds out")
        return await original(self, kind, command, fresh=fresh)

    original = Commands._carry_on
    to.put(Resolver, "resolve", nothing)
    to.put(Commands, "_carry_on", again)


@bug
def refunds_without_a_bound(to: Planter) -> None:
    """A refund is asked for, whatever is left."""

    def unbound(row: Any, amount: Any, reason: Any) -> Any:
        wanted = row.paid if amount is None else amount
        return refunds.RefundWish(row.provider_id, wanted, row.currency, wanted == row.paid, reason)

    to.put(refunds, "_wish", unbound)


@bug
def reserves_nothing(to: Planter) -> None:
    """What was asked for counts only once it is seen to go back."""
    original = refunds._wish
    to.put(refunds, "_wish", lambda row, amount, reason: original(replace(row, refunding=0), amount, reason))


@bug
def decides_on_old_state(to: Planter) -> None:
    """Of two refunds that were decided upon one state, both are sent."""

    async def unguarded(self: Any, command: Any, facts: Any, offers: Any, *, version: Any = None) -> None:
        await place(self, command, facts, offers)

    place = CommandLog.place
    to.put(CommandLog, "place", unguarded)
    to.put(commands, "LaneLocks", _NoLocks)


class _NoLocks:
    """Locks that hold nobody up."""

    def hold(self, lanes: Any) -> Any:
        return self

    async def __aenter__(self) -> bool:
        return False

    async def __aexit__(self, *error: object) -> None:
        return None


@bug
def refuses_by_the_clock(to: Planter) -> None:
    """A refusal counts as of when its machine believes that it is."""

    def at_once(self: Any, command: Any, at: Any) -> Any:
        wish = refunds._read(command)
        body = RefundAsked(
            command.id, command.connection, wish.invoice, wish.amount, wish.currency, "refused"
        )
        return (decided(at, body),)

    to.put(GiveBack, "refused", at_once)


@bug
def forgets_refusals(to: Planter) -> None:
    """Money that was refused stays on its way."""
    to.put(GiveBack, "refused", lambda self, command, at: ())


@bug
def forges_the_wish(to: Planter) -> None:
    """A command that was sent is taken for done, before the provider says what came of it."""
    find = SubscriptionCommand.find

    async def hopeful(self: Any, provider: Any, command: Any) -> Any:
        return await find(self, provider, command) or ()

    to.put(SubscriptionCommand, "find", hopeful)


@bug
def cancels_the_wrong_way(to: Planter) -> None:
    """A subscription that was to end with its period ends at once."""

    async def at_once(self: Any, provider: Any, command: Any) -> Any:
        wish = self.read(command)
        return await provider.cancel_subscription(wish.subscription, at_period_end=False, key=command.id)

    to.put(Cancel, "send", at_once)


@bug
def leaves_the_old_page_open(to: Planter) -> None:
    """A checkout goes on elsewhere while its first page can still be paid."""

    async def open_still(self: Any, order_: Any, checkout_: Any, cluster: Any, **how: Any) -> Any:
        return switching.WITHDRAWN, ()

    to.put(Switching, "_close", open_still)


@bug
def leaves_late_pages_open(to: Planter) -> None:
    """A page that a slower process has opened can be paid beside the one that is shown."""

    async def nothing(self: Any, order_: Any, session: str) -> Any:
        return ()

    to.put(SessionOpener, "close", nothing)


@bug
def fails_over_on_silence(to: Planter) -> None:
    """A lost answer is taken for a refusal, and the next connection is tried."""
    to.everywhere(failover.proves_nothing_happened, lambda error, *, fresh, sent: True)
    to.put(failover.Failover, "allowed", lambda self, error: True)


@bug
def orders_one_of_each(to: Planter) -> None:
    """A checkout is opened for one, however many were wanted."""
    original = order.checkout_request
    to.everywhere(original, lambda *given: attrs.evolve(original(*given), quantity=1))


@bug
def forgets_trials(to: Planter) -> None:
    """A checkout is opened without the trial that was promised."""
    original = order.checkout_request
    to.everywhere(original, lambda *given: attrs.evolve(original(*given), trial_days=0))


@bug
def forgets_the_reference(to: Planter) -> None:
    """A page does not say which order it is of."""
    original = order.checkout_request
    to.everywhere(original, lambda *given: attrs.evolve(original(*given), reference=OurReference()))


@bug
def plans_twice(to: Planter) -> None:
    """Of two processes that plan one checkout at the same time, each believes in its own plan."""
    plan = Checkouts._plan

    async def own(self: Any, *given: Any) -> Any:
        command, _ = await plan(self, *given)
        return command, True

    to.put(Checkouts, "_plan", own)


@bug
def gives_up_after_one_conflict(to: Planter) -> None:
    """Whoever decided upon an old state is told to go away, and what they brought is lost."""

    async def once(self: Any, request: Any, view: Any) -> Any:
        outcome = await self._decide(request, view)
        if outcome.batch is None:
            return outcome
        with suppress(LaneConflict):
            await self._store.commit(outcome.batch)
        self._on_commit(outcome.batch)
        return outcome

    to.put(Recorder, "_record_alone", once)
