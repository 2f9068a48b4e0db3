"""A process of the application: its own billing over the shared store, on lines that fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from purchase_core.access.policy import AccessPolicy
from purchase_core.billing import Billing, Parts
from purchase_core.catalog.catalog import Catalog
from purchase_core.config.settings import ReconcileSettings
from purchase_core.errors import OutcomeUnknown, ProviderUnavailable, StoreUnavailable
from purchase_core.identifiers import SeededIds
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.operations.telemetry import Telemetry
from purchase_core.outbox.settings import TickSettings
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Connection, Provider
from purchase_core.ports.store import Store
from purchase_core.records.effect import Effect
from purchase_core.routing.policy import Policy
from purchase_core.routing.router import PolicyRouter
from purchase_core.secret import Secret
from purchase_core.testing.simulation.chance import Chance
from purchase_core.testing.simulation.faults import Faults
from purchase_core.testing.simulation.hearing import TELLING, hearing
from purchase_core.testing.simulation.provider.account import Account
from purchase_core.testing.simulation.provider.adapter import SimulatedProvider
from purchase_core.testing.simulation.turns import Crashed, Turns

T = TypeVar("T")

SECRET = Secret("whsec_" + "simulated" * 4)
CLAIMS = Secret("claims" * 6)
LEASE_SECONDS = 60
SKEW_SECONDS_MAX = 120
NEVER, ALWAYS = TickSettings(0), TickSettings(1)
BY_NOBODY = ReconcileSettings(0, 0)  # the history says when somebody looks
REFUSABLE = frozenset(
    {"create_checkout", "refund", "change_subscription", "pause_subscription", "resume_subscription",
     "cancel_subscription", "uncancel_subscription", "ensure_price"}
)  # fmt: skip


class Trouble:
    """What goes wrong for one process. Nothing does while `faults` has no rates."""

    def __init__(self, chance: Chance, turns: Turns, faults: Faults) -> None:
        self.faults = faults
        self.process: Process | None = None
        self._chance = chance
        self._turns = turns

    @property
    def clear(self) -> bool:
        """Whether `call` would do nothing at all: spares a step for each of very many calls."""
        faults, process = self.faults, self.process
        if faults.crash or faults.stall or faults.store_down or self._turns.together:
            return False
        return process is None or process.alive

    async def call(self) -> None:
        """Something is about to be asked of store or provider, or has been: others may have their turn."""
        if self.process is not None and not self.process.alive:
            raise Crashed
        faults = self.faults
        if faults.crash and self._chance.happens(faults.crash):
            self._die()
        if faults.stall and self._chance.happens(faults.stall):
            await self._turns.park()
        elif self._turns.together:
            await self._turns.turn()

    async def hearing(self) -> None:
        """Somebody outside is told of something, and may not listen."""
        await self.call()
        if self._chance.happens(self.faults.deaf * 3):
            raise ConnectionError("nobody listens")

    def _die(self) -> None:
        process = self.process
        if process is not None:
            process.die()
        raise Crashed


class Process:
    """One process. It is dead after a crash; `again` is the next one in its place."""

    billing: Billing

    def __init__(self, number: int, trouble: Trouble, turns: Turns) -> None:
        self.number = number
        self.alive = True
        self.trouble = trouble
        self._turns = turns
        trouble.process = self

    def die(self) -> None:
        """At once, whatever it is doing."""
        self.alive = False
        self._turns.kill(self)


class SkewedClock:
    """A clock that is some seconds ahead or behind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew = 0

    def now(self) -> Instant:
        """The present instant, as this machine believes."""
        return Instant(self._clock.now() + self.skew * SECOND)


class UnreliableLine:
    """A line to a provider on which requests and answers are lost."""

    def __init__(self, trouble: Trouble, chance: Chance) -> None:
        self._trouble = trouble
        self._chance = chance

    async def before(self, operation: str) -> None:
        """The request may not arrive."""
        trouble, happens = self._trouble, self._chance.happens
        await trouble.call()
        faults = trouble.faults
        if happens(faults.down):
            raise ProviderUnavailable(f"{operation}: nobody is there")
        if happens(faults.no_answer_before):
            raise OutcomeUnknown(f"{operation}: no answer")

    def refuses(self, operation: str) -> bool:
        """Whether the provider says no, for reasons of its own."""
        return operation in REFUSABLE and self._chance.happens(self._trouble.faults.refused)

    async def after(self, operation: str) -> None:
        """The answer may not arrive."""
        await self._trouble.call()
        if self._chance.happens(self._trouble.faults.no_answer_after):
            raise OutcomeUnknown(f"{operation}: no answer")


class UnreliableStore:
    """A store on whose way calls and replies are lost. What it does, the store behind it does."""

    def __init__(self, store: Store, trouble: Trouble, chance: Chance) -> None:
        self.sole_writer = False
        self._store = store
        self._trouble = trouble
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        behind = getattr(self._store, name)
        trouble = self._trouble

        def called(*arguments: Any, **named: Any) -> Any:
            if trouble.clear:  # then no coroutine of our own around the store's: there are very many calls
                return behind(*arguments, **named)
            return self._called(name, lambda: behind(*arguments, **named))

        self.__dict__[name] = called
        return called

    async def _called(self, name: str, behind: Callable[[], Awaitable[T]]) -> T:
        await self._trouble.call()
        down = self._trouble.faults.store_down
        if down and self._chance.happens(down):
            raise StoreUnavailable(f"{name}: the database is busy")
        return await behind()

    async def commit(self, batch: Batch) -> None:
        """Commit; the reply may be lost."""
        await self._committing("commit", self._store.commit, batch)

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Commit all; the reply may be lost."""
        await self._committing("commit_all", self._store.commit_all, batches)

    async def _committing(self, name: str, behind: Callable[[Any], Awaitable[None]], what: object) -> None:
        trouble, happens = self._trouble, self._chance.happens
        await trouble.call()
        if happens(trouble.faults.store_down):
            unknown = happens(500)
            raise StoreUnavailable(f"{name}: the database is busy", outcome_unknown=unknown)
        await behind(what)
        if happens(trouble.faults.commit_lost):
            raise StoreUnavailable(f"{name}: the reply was lost", outcome_unknown=True)
        await trouble.call()


class _Unwatched(Telemetry):
    def watch(self, billing: object) -> None:
        """Wrap nothing, which is dear where so many are opened."""


NOBODY_WATCHES = _Unwatched()


@cache
def as_configured() -> PolicyRouter:
    """In the order in which connections are configured."""
    return PolicyRouter(Policy())


@cache
def nobody() -> Listeners:
    """Nobody listens. Made once, since that is dear."""
    return Listeners(Registry())


def open_billing(
    store: Store,
    providers: Mapping[str, Provider],
    catalog: Catalog,
    policy: AccessPolicy,
    clock: Clock,
    ids: SeededIds,
    mode: str,
    subscriber: Subscriber,
    tick: TickSettings = NEVER,
) -> Billing:
    """A billing of these parts, as `Billing.open` would put together."""
    return Billing(
        Parts(
            catalog=catalog,
            store=store,
            connections=providers,
            router=as_configured(),
            listeners=nobody(),
            clock=clock,
            ids=ids,
            policy=policy,
            inbox=InboxSettings(mode=mode, lease_seconds=LEASE_SECONDS),  # type: ignore[arg-type]
            claim_secret=CLAIMS,
            subscribers={subscriber.name: subscriber},
            subscriber_settings=TELLING,
            tick=tick,
            reconcile=BY_NOBODY,
            telemetry=NOBODY_WATCHES,
        )
    )


def open_process(
    number: int,
    store: Store,
    accounts: Mapping[str, Account],
    catalog: Catalog,
    policy: AccessPolicy,
    clock: Clock,
    chance: Chance,
    turns: Turns,
    faults: Faults,
    poisoned: Container[str],
    heard: list[Effect],
    *,
    seed: int,
    mode: str,
    tick: TickSettings,
) -> Process:
    """A process of an application that sells through these accounts."""
    trouble = Trouble(chance, turns, faults)
    process = Process(number, trouble, turns)
    line = UnreliableLine(trouble, chance)
    providers: dict[str, Provider] = {
        name: SimulatedProvider(connection_of(account), account, (SECRET,), line, poisoned)
        for name, account in accounts.items()
    }
    unreliable: Any = UnreliableStore(store, trouble, chance)
    process.billing = open_billing(
        unreliable,
        providers,
        catalog,
        policy,
        clock,
        SeededIds(seed),
        mode,
        hearing(heard, trouble.hearing),
        tick,
    )
    return process


def connection_of(account: Account) -> Connection:
    """The connection to an account."""
    return Connection(account.connection, account.dialect.name, account.mode, "simulated", "test")
