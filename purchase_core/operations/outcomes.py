"""Outcomes decided by hand: of a command that nobody knows the outcome of, what a person has found out.

The provider is asked first, by our reference and then for the object that is named, and nothing is sent: what
it shows is what counts, and is recorded as facts. A person's word alone ends a command only where the
provider shows nothing of it, or cannot be asked and whoever decides it insists. Then it may be wrong: a
worker goes on looking for what was decided so, and what it finds counts for more than what was said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import attrs

from purchase_core.errors import (
    AuthenticationFailed,
    InvalidArgument,
    NotFound,
    ProviderError,
    ProviderRefused,
    WrongState,
)
from purchase_core.identifiers import IdSource
from purchase_core.instants import DAY, SECOND, Clock, Instant, to_datetime
from purchase_core.operations.deeds import BY_HAND as DEED
from purchase_core.operations.deeds import Deed, Deeds
from purchase_core.ports.store import Store
from purchase_core.records.command import (
    BY_HAND,
    CONFIRMED,
    PLANNED,
    REFUSED,
    SENDING,
    Command,
    Stage,
)
from purchase_core.records.run import Run
from purchase_core.text import identifier, storable
from purchase_core.workflows.commands import sent_at
from purchase_core.workflows.resolving import ABSENT_SECONDS, may_be_concluded

KIND = "decide-outcome"
DECIDED = "decided"  # a stage: who has decided it
REASON_CHARACTERS_MAX = 400
LOOKED_AT_MAX = 100  # of what was decided by hand, the newest
LOOKED_AT_DAYS = 30


@attrs.frozen
class Word:
    """What a person says became of a command. `happened`: the provider's id of what it led to; "": nothing.

    `insists`: it counts although the provider cannot be asked.
    """

    happened: str
    by: str
    reason: str
    insists: bool = False


class Asked(Protocol):
    """What runs commands of some kinds, and can look what became of one."""

    @property
    def kinds(self) -> Sequence[str]: ...

    async def ask(self, command: Command) -> bool: ...

    async def look(self, command: Command, object_id: str = "") -> Command | None: ...

    def may_happen_until(self, command: Command) -> Instant | None: ...

    async def conclude(self, command: Command, stages: tuple[Stage, ...], object_id: str) -> Command: ...


class Outcomes:
    """What became of commands: asked of their providers, and decided by hand where those do not say."""

    def __init__(
        self, store: Store, families: Sequence[Asked], deeds: Deeds, clock: Clock, ids: IdSource
    ) -> None:
        self._store = store
        self._families = families
        self._deeds = deeds
        self._clock = clock
        self._ids = ids

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of commands that a provider can be asked about."""
        return tuple(kind for family in self._families for kind in family.kinds)

    async def get(self, receipt: str) -> Command:
        """The command of a receipt that has an outcome at a provider. Raises NotFound."""
        command = await self._store.command_by_id(receipt)
        if command is None or command.kind not in self.kinds:
            raise NotFound(f"no receipt {receipt!r} of something that a provider was asked for")
        return command

    def may_be_decided(self, command: Command) -> bool:
        """Whether it waits for somebody's word: sent, and not known; or decided so before."""
        if command.kind not in self.kinds or command.state == PLANNED:
            return False
        if command.state == SENDING:  # no request takes that long: whoever sent it is gone
            return sent_at(command) + ABSENT_SECONDS * SECOND < self._clock.now()
        return command.is_by_hand or may_be_concluded(command, REFUSED)

    async def ask(self, receipt: str) -> bool:
        """Ask the provider now what became of it; whether that is known. Raises NotFound, WrongState."""
        command = await self.get(receipt)
        family = self._family(command)
        if command.is_by_hand:
            return await family.look(command) is not None
        return await family.ask(command)

    async def decide(self, receipt: str, word: Word, *, seen: str = "", key: str = "") -> Run:
        """Record what a person says became of a command; the run says what came of it, by whom, and why.

        `counts` of the run: `seen` (the provider shows it, and its facts are recorded), or `believed`. `seen`
        is the version of what was looked at (`Command.version`); the same `key` is one decision.
        Raises NotFound, InvalidArgument; WrongState where it is known meanwhile, where the provider shows the
        contrary, or where it may still happen; a ProviderError where the provider cannot be asked and nobody
        insists.
        """
        word = _checked(word)
        command = await self.get(receipt)
        deed = Deed(key or self._ids.new("run"), KIND, command.id, seen, word.by, word.reason)

        async def work() -> Mapping[str, int]:
            return {"seen" if await self._decided(command, word, seen) else "believed": 1}

        return await self._deeds.once(deed, work)

    async def look_again(self) -> int:
        """Look for what was decided by hand; how many a provider shows by now. For workers."""
        since, found = self._clock.now() - LOOKED_AT_DAYS * DAY, 0
        runs = await self._store.runs(kind=DEED + KIND, limit=LOOKED_AT_MAX)
        for receipt in dict.fromkeys(one.scope for one in runs if one.started_at > since):
            command = await self._store.command_by_id(receipt)
            if command is None or not command.is_by_hand or command.kind not in self.kinds:
                continue
            with suppress(ProviderError):
                found += await self._family(command).look(command) is not None
        return found

    # --- behind them -------------------------------------------------------------------------

    def _family(self, command: Command) -> Asked:
        return next(one for one in self._families if command.kind in one.kinds)

    async def _decided(self, command: Command, word: Word, seen: str) -> bool:
        """Whether the provider shows what is said; else it was believed."""
        state = CONFIRMED if word.happened else REFUSED
        if not self.may_be_decided(command):
            raise _over(command)
        if seen and seen != command.version:
            raise WrongState(f"{command.id} has changed since it was looked at", hint="Look at it again.")
        family = self._family(command)
        try:
            shown, asked = await family.look(command, word.happened), True
        except ProviderError as error:
            shown, asked = None, _is_an_answer(error)
            if not asked and not word.insists:
                error.hint = "Ask again once it can be asked; or insist, if you have seen it there yourself."
                raise
        if shown is not None:
            if not word.happened:
                raise WrongState(
                    f"{command.id} did happen: the provider shows it", hint="It is confirmed now."
                )
            return True
        self._must_be_believable(command, word, asked=asked)
        now = self._clock.now()
        stages = (Stage(DECIDED, now, _told(word)), Stage(state, now, BY_HAND))
        ended = await family.conclude(command, stages, word.happened)
        if not (ended.is_by_hand and ended.state == state):
            raise _over(ended)
        return False

    def _must_be_believable(self, command: Command, word: Word, *, asked: bool) -> None:
        """Raise WrongState where what is said cannot be believed of what the provider does not show."""
        if word.happened:
            if asked:
                raise WrongState(
                    f"the provider shows nothing that came of {command.id} as {word.happened}",
                    hint="What was done there by hand is something else: then it did not happen.",
                )
            return
        until = self._family(command).may_happen_until(command)
        if until is not None and self._clock.now() <= until:
            raise WrongState(
                f"{command.id} may still happen",
                hint=f"Decide after {to_datetime(until):%Y-%m-%d %H:%M} UTC: by then it can turn up no more.",
            )


def _checked(word: Word) -> Word:
    identifier("by", word.by)
    if word.happened:
        identifier("happened", word.happened)
    if not storable("reason", word.reason, characters_max=REASON_CHARACTERS_MAX).strip():
        raise InvalidArgument(
            "an outcome is decided for a reason", hint="Say it: it is kept with the receipt."
        )
    return word


def _is_an_answer(error: ProviderError) -> bool:
    """Whether the provider has looked, and has nothing of the kind."""
    return isinstance(error, ProviderRefused) and not isinstance(error, AuthenticationFailed)


def _over(command: Command) -> WrongState:
    return WrongState(f"{command.id} is {command.state}, and not to be decided", hint="Its receipt says how.")


def _told(word: Word) -> str:
    what = f"it happened, as {word.happened}" if word.happened else "it did not happen"
    return f"{what}, says {word.by}: {word.reason}"
