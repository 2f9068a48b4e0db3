"""Commands whose outcome was left open: how long they may be sent again, and going on with them.

The same for every kind of command: whatever is asked of a provider can lose its answer.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

import attrs

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderRefused,
    StoreError,
    WrongState,
)
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.provider import Provider
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.records.command import CONFIRMED, OPEN_STATES, REFUSED, Command, Stage
from purchase_core.workflows.command_log import CommandLog

KEY_MARGIN_SECONDS = 3_600  # stop using a provider's idempotency key this long before it forgets it
KEY_SECONDS_MAX = 86_400  # no provider that we know remembers keys for longer
ABSENT_SECONDS = 900  # after the last moment at which it may have been sent, no trace of it is proof
NEVER_ARRIVED = "never arrived"  # as a provider's code: nothing has come of what was sent
RESOLVE_AFTER_SECONDS = 60
RESOLVE_ROWS_MAX = 100

CarryOn = Callable[[Command], Awaitable[object]]

log = logging.getLogger("purchase.commands")


def may_send_again(provider: Provider, sent_at: Instant, now: Instant) -> bool:
    """Whether the provider still knows the key of what was sent. Never where it has none."""
    age = max(0, now - sent_at)  # another machine's clock may be ahead of ours
    return age < _resendable_seconds(provider) * SECOND


def may_have_arrived(provider: Provider, sent_at: Instant, now: Instant) -> bool:
    """Whether what has left no trace may still turn up."""
    return now <= may_arrive_until(provider, sent_at)


def may_arrive_until(provider: Provider | None, sent_at: Instant) -> Instant:
    """The last instant at which what has left no trace may turn up. None: a connection that is gone."""
    resendable = KEY_SECONDS_MAX if provider is None else _resendable_seconds(provider)
    return Instant(sent_at + (resendable + ABSENT_SECONDS) * SECOND)


def _resendable_seconds(provider: Provider) -> int:
    return max(0, provider.capabilities.key_lifetime_seconds - KEY_MARGIN_SECONDS)


def may_be_concluded(command: Command, state: str) -> bool:
    """Whether a person's word may end it so: an open one either way, and what was only said to have happened.

    What was said not to have happened takes a provider that shows it: others may have relied on it.
    """
    takes_back = command.is_by_hand and (command.state, state) == (CONFIRMED, REFUSED)
    return command.state in OPEN_STATES or takes_back


def concluded(command: Command, stages: tuple[Stage, ...], result: bytes = b"") -> Command:
    """The command as a person's word ends it; as it was, where it has ended otherwise meanwhile."""
    state, now = stages[-1].name, stages[-1].at
    if not may_be_concluded(command, state):
        return command
    return attrs.evolve(
        command, state=state, updated_at=now, stages=(*command.stages, *stages), result=result
    )


class Resolver:
    """Goes on with open commands, the one that was touched longest ago first.

    `locks` are those under which the same commands are sent otherwise.
    """

    def __init__(self, store: Store, command_log: CommandLog, locks: LaneLocks, clock: Clock) -> None:
        self._store = store
        self._log = command_log
        self._locks = locks
        self._clock = clock

    async def resolve(self, kinds: Collection[str], carry_on: CarryOn) -> int:
        """Go on with each open command of these kinds; how many have ended since."""
        before = Instant(self._clock.now() - RESOLVE_AFTER_SECONDS * SECOND)
        ended = 0
        for command in await self._store.open_commands(kinds, before=before, limit=RESOLVE_ROWS_MAX):
            async with self._locks.hold([command.key]):
                ended += await self._one(command.key, carry_on)
        return ended

    async def ask(self, key: str, carry_on: CarryOn) -> bool:
        """Go on with one open command now; whether it has ended.

        Raises WrongState where somebody may be at it still, and where it has ended before.
        """
        command = await self._store.command(key)
        if command is None or command.state not in OPEN_STATES:
            raise WrongState("it has ended already", hint="Its receipt says how.")
        if command.updated_at > self._clock.now() - RESOLVE_AFTER_SECONDS * SECOND:
            raise WrongState(
                "somebody may be at it still", hint=f"Ask again in {RESOLVE_AFTER_SECONDS} seconds."
            )
        async with self._locks.hold([key]):
            return await self._one(key, carry_on)

    async def _one(self, key: str, carry_on: CarryOn) -> bool:
        """Go on with one; whether it has ended. One that cannot be resolved now must not keep the others."""
        command = await self._store.command(key)
        if command is None or command.state not in OPEN_STATES:
            return False  # it ended while we were on the way to it
        try:
            await carry_on(command)
        except StoreError:
            raise
        except Exception as error:
            refused = isinstance(error, ProviderRefused) and not isinstance(error, AuthenticationFailed)
            if refused and await self._has_ended(command):
                return True
            if not isinstance(error, OutcomeUnknown):  # nothing is wrong where it is as unknown as before
                what, reason = f"{command.kind} {command.id}", type(error).__name__
                log.warning("%s cannot be resolved now: %s", what, reason)
            await self._log.change(command, self._postponed)
            return False
        return await self._has_ended(command)  # it may wait for its provider to allow it

    async def _has_ended(self, command: Command) -> bool:
        known = await self._store.command(command.key)
        return known is None or known.state not in OPEN_STATES

    def _postponed(self, command: Command) -> Command:
        """Last in the queue: a hundred of one broken connection must not keep those of the others."""
        return attrs.evolve(command, updated_at=self._clock.now())
