"""Commands: written down before they are sent, sent once, and found out about if the answer is lost.

    wish ─► decided under its lane's guard ─► row and facts committed ─► provider ─► facts, and how it ended

A command's row is there before anything is sent, and no transaction is open while the provider is called.
After a lost answer the outcome is UNKNOWN: it is looked for first, and sent again only where that cannot
happen twice: under the same key while the provider remembers keys, or because repeating it changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, TypeAlias

import attrs

from purchase_core.canonical import content_hash
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import (
    AuthenticationFailed,
    IdempotencyConflict,
    KeyConflict,
    LaneConflict,
    NotYetAllowed,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.fact import Fact
from purchase_core.identifiers import idempotency_key as checked_key
from purchase_core.instants import DAY, Clock, Instant
from purchase_core.ports.provider import Provider
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.recorder import CONFLICT_RETRIES_MAX, Recorder
from purchase_core.records.command import (
    CONFIRMED,
    PLANNED,
    REFUSED,
    SENDING,
    UNKNOWN,
    Command,
    Stage,
)
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.resolving import (
    NEVER_ARRIVED,
    Resolver,
    concluded,
    may_arrive_until,
    may_have_arrived,
    may_send_again,
)

WAITS_DAYS_MAX = 30  # for a provider to allow it


@attrs.frozen
class Draft:
    """What was decided: on which connection, about which object (its key), and what is to be sent.

    `facts` are what deciding it makes true at once; `offers` are versions that they name.
    """

    connection: str
    about: str
    request: bytes
    facts: tuple[Fact, ...] = ()
    offers: tuple[OfferVersion, ...] = ()


Decide: TypeAlias = Callable[[str, Instant], Awaitable[Draft]]
"""(command id, now) to a draft. Reads what it decides upon; what it raises ends the command unwritten."""


class CommandKind(ABC):
    """One kind of command, as a provider is asked for it. `repeatable`: to do it twice is to do it once."""

    name: ClassVar[str]
    repeatable: ClassVar[bool]

    @abstractmethod
    async def send(self, provider: Provider, command: Command) -> tuple[Fact, ...]:
        """Ask for it, under the command's id as the key; what the answer witnessed."""

    @abstractmethod
    async def find(self, provider: Provider, command: Command) -> tuple[Fact, ...] | None:
        """What shows that it has happened; None where nothing does."""

    @abstractmethod
    async def recognise(
        self, provider: Provider, command: Command, object_id: str
    ) -> tuple[Fact, ...] | None:
        """What the object of an id shows, if it came of this command; else None."""

    @abstractmethod
    def refused(self, command: Command, at: Instant) -> tuple[Fact, ...]:
        """What is true now that it was refused."""


class Commands:
    """Runs commands of the kinds that it is given."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        connections: Mapping[str, Provider],
        clock: Clock,
    ) -> None:
        self._store = store
        self._connections = connections
        self._clock = clock
        self._log = CommandLog(store, recorder)
        self._locks = LaneLocks()
        self._resolver = Resolver(store, self._log, self._locks, clock)
        self._deciding = LaneLocks()
        self._kinds: dict[str, CommandKind] = {}

    def register(self, kind: CommandKind) -> None:
        """Know a kind, so that `resolve` can go on with commands of it."""
        self._kinds[kind.name] = kind

    def provider(self, connection: str) -> Provider:
        """The connection of a name. Raises ProviderUnavailable if it is not configured any more."""
        provider = self._connections.get(connection)
        if provider is None:
            raise ProviderUnavailable(
                f"connection {connection!r} is not configured",
                hint="Configure the connection again: what was sold on it lives there.",
            )
        return provider

    async def run(
        self, kind: CommandKind, *, lane: str, idempotency_key: str, fingerprint: str, decide: Decide
    ) -> Command:
        """Have something done once, however often and from wherever it is asked for with this key.

        `fingerprint` identifies the arguments; `lane` is the customer's, and guards what `decide` read.
        What the provider does not allow yet comes back planned, and is sent by a worker when it does.
        Raises IdempotencyConflict (same key, other arguments), what `decide` raises, ProviderRefused, and
        ProviderUnavailable or OutcomeUnknown: then ask again with the same key.
        """
        key = f"{kind.name}:{checked_key(idempotency_key)}"
        async with self._locks.hold([key]):
            known = await self._store.command(key)
            if known is None:
                async with self._deciding.hold([lane]):
                    command, fresh = await self._place(kind, key, lane, fingerprint, decide)
            else:
                command, fresh = known, False
            if command.fingerprint != fingerprint:
                message = f"idempotency key {idempotency_key!r} was used for another {kind.name}"
                raise IdempotencyConflict(message, hint="Use a new key for each new wish.")
            return await self._carry_on(kind, command, fresh=fresh)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of commands that it runs."""
        return tuple(self._kinds)

    async def resolve(self) -> int:
        """Go on with commands whose outcome was left open; how many have ended since. For workers."""
        return await self._resolver.resolve(self._kinds, self._resume)

    async def ask(self, command: Command) -> bool:
        """Go on with one of them now; whether it has ended. For operators. Raises WrongState."""
        return await self._resolver.ask(command.key, self._resume)

    async def look(self, command: Command, object_id: str = "") -> Command | None:
        """Confirm it, if the provider shows that it has happened; else None. Sends nothing.

        `object_id`: what it is said to have led to, where our reference finds nothing.
        Raises a ProviderError.
        """
        kind, provider = self._kinds[command.kind], self.provider(command.connection)
        async with self._locks.hold([command.key]):
            facts, by = await kind.find(provider, command), ""
            if facts is None and object_id:
                facts, by = await kind.recognise(provider, command, object_id), object_id
            return None if facts is None else await self._note(command, CONFIRMED, by, facts)

    def may_happen_until(self, command: Command) -> Instant | None:
        """Until when it may turn up, unseen as yet, beside another like it; None: it would do no harm."""
        if self._kinds[command.kind].repeatable:
            return None
        return may_arrive_until(self._connections.get(command.connection), sent_at(command))

    async def conclude(self, command: Command, stages: tuple[Stage, ...], object_id: str) -> Command:
        """End it by a person's word: `stages` say whose, and how. What has ended otherwise stays so."""
        facts = self._kinds[command.kind].refused(command, stages[-1].at) if not object_id else ()
        return await self._log.change(command, lambda known: concluded(known, stages), facts)

    # --- deciding ----------------------------------------------------------------------------

    async def _place(
        self, kind: CommandKind, key: str, lane: str, fingerprint: str, decide: Decide
    ) -> tuple[Command, bool]:
        """The command, and whether it is ours to send: nobody else can have sent it yet."""
        identifier = self._identifier(key, lane, fingerprint)
        for _ in range(CONFLICT_RETRIES_MAX):
            version = (await self._store.lane(lane)).version
            # Behind the version: whoever places it from here on moves the lane, and ours is not written. Two
            # that decide alike at one instant write the same row, and each would take it for its own.
            placed = await self._store.command(key)
            if placed is not None:
                return placed, False
            now = self._clock.now()
            draft = await decide(identifier, now)
            command = Command(
                key=key,
                id=identifier,
                kind=kind.name,
                lane=lane,
                fingerprint=fingerprint,
                state=SENDING,
                connection=draft.connection,
                reference=draft.about,
                created_at=now,
                updated_at=now,
                stages=(Stage("recorded", now, draft.about),),
                request=draft.request,
            )
            try:
                await self._log.place(command, draft.facts, draft.offers, version=version)
            except LaneConflict:
                continue
            except KeyConflict:
                # Another process decided the same key while we did: its decision counts.
                placed = await self._store.command(key)
                if placed is None:
                    raise
                return placed, False
            return command, True
        message = f"lane {lane!r} kept moving for {CONFLICT_RETRIES_MAX} tries"
        raise LaneConflict(message)

    def _identifier(self, key: str, lane: str, fingerprint: str) -> str:
        """The command's id, which providers know it by: whoever lost the database asks under the same."""
        ours = {(one.connection.project, one.connection.environment) for one in self._connections.values()}
        return f"receipt_{content_hash([sorted(ours), key, lane, fingerprint])}"

    # --- sending -----------------------------------------------------------------------------

    async def _resume(self, command: Command) -> None:
        await self._carry_on(self._kinds[command.kind], command, fresh=False)

    async def _carry_on(self, kind: CommandKind, command: Command, *, fresh: bool) -> Command:
        if command.state == CONFIRMED:
            return command
        if command.state == REFUSED:
            raise ProviderRefused(f"{kind.name} {command.id} was refused: {command.refusal}")
        provider = self.provider(command.connection)
        if command.state == PLANNED:
            fresh = await self._begin(command)
        try:
            facts = await self._outcome(kind, provider, command, fresh=fresh)
        except AuthenticationFailed:
            raise  # says nothing of this command: it goes on once the key is right
        except ProviderUnavailable as error:
            if not fresh:
                raise
            if isinstance(error, NotYetAllowed):
                return await self._wait(kind, command, error)
            await self._note(command, PLANNED, error.provider_code or error.code)
            raise
        except (OutcomeUnknown, ProviderRefused) as error:
            refused = isinstance(error, ProviderRefused)
            facts = kind.refused(command, self._clock.now()) if refused else ()
            state = REFUSED if refused else UNKNOWN
            known = await self._note(command, state, error.provider_code or error.code, facts)
            if known.state == CONFIRMED:  # another process has got through with it meanwhile
                return known
            raise
        return await self._note(command, CONFIRMED, "", facts)

    async def _wait(self, kind: CommandKind, command: Command, error: NotYetAllowed) -> Command:
        """Leave it planned: a worker sends it once the provider allows it. Not for ever, though."""
        now, code = self._clock.now(), error.provider_code or error.code
        if now - command.created_at <= WAITS_DAYS_MAX * DAY:
            return await self._note(command, PLANNED, code)
        await self._note(command, REFUSED, code, kind.refused(command, now))
        raise ProviderRefused(
            f"{kind.name} {command.id} was not allowed for {WAITS_DAYS_MAX} days", provider_code=code
        ) from error

    async def _begin(self, command: Command) -> bool:
        """Take a command that was never sent; False if another process was quicker."""
        mine = False

        def sending(known: Command) -> Command:
            nonlocal mine
            mine = known.state == PLANNED
            return self._moved(known, SENDING, "") if mine else known

        await self._log.change(command, sending)
        return mine

    async def _outcome(
        self, kind: CommandKind, provider: Provider, command: Command, *, fresh: bool
    ) -> tuple[Fact, ...]:
        if fresh:
            return await kind.send(provider, command)
        found = await kind.find(provider, command)
        if found is not None:
            return found
        sent, now = sent_at(command), self._clock.now()
        if kind.repeatable or may_send_again(provider, sent, now):
            return await kind.send(provider, command)
        if may_have_arrived(provider, sent, now):
            raise OutcomeUnknown(f"{kind.name} {command.id} is not to be found at {command.connection} yet")
        message = f"{kind.name} {command.id} never reached {command.connection}"
        raise ProviderRefused(message, provider_code=NEVER_ARRIVED)

    async def _note(self, command: Command, state: str, detail: str, facts: Sequence[Fact] = ()) -> Command:
        """Write down how it stands. What has ended stays so, but a success is one, whoever saw it."""

        def noted(known: Command) -> Command:
            if known.is_by_hand:
                return self._moved(known, state, detail) if _overrules(state, known) else known
            if known.state == CONFIRMED or (known.state == REFUSED and state != CONFIRMED):
                return known
            if known.state == UNKNOWN and state == PLANNED:
                return known  # another process has sent it as well, and its answer was lost
            said_before = known.state == state and known.stages[-1].name == state
            return known if said_before else self._moved(known, state, detail)

        return await self._log.change(command, noted, facts)

    def _moved(self, known: Command, state: str, detail: str) -> Command:
        now = self._clock.now()
        stages = known.stages
        if [one.name for one in stages[-2:]] == [state, SENDING] and state == PLANNED:
            stages = stages[:-2]  # one that waits for long is tried often; its last try will do
        stages = (*stages, Stage(state, now, detail))
        return attrs.evolve(known, state=state, updated_at=now, stages=stages)


def _overrules(state: str, known: Command) -> bool:
    """Whether a provider's answer overrules a person's word: a success does, and a no to a yes."""
    return state == CONFIRMED or (state == REFUSED and known.state == CONFIRMED)


def sent_at(command: Command) -> Instant:
    """When it may first have been sent: one that waited was decided long before that, perhaps."""
    sent = [stage.at for stage in command.stages if stage.name == SENDING]
    return sent[-1] if sent else command.created_at
