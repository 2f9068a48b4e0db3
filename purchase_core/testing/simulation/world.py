"""The world of one history: accounts, the post, the application's processes, and what it knows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from purchase_core.billing import Billing
from purchase_core.errors import DeliveryRefused, ProviderError, StoreError
from purchase_core.identifiers import SeededIds
from purchase_core.instants import DAY, HOUR, SECOND, Instant
from purchase_core.operations.passes import EVENTS, OBJECTS
from purchase_core.ports.provider import Headers
from purchase_core.ports.store import Store
from purchase_core.records.delivery import Delivery
from purchase_core.records.effect import Effect
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.simulation.asking import Ask, Cart, Spend
from purchase_core.testing.simulation.chance import Chance
from purchase_core.testing.simulation.faults import Faults
from purchase_core.testing.simulation.hearing import hearing
from purchase_core.testing.simulation.ledger import Journal
from purchase_core.testing.simulation.post import Post
from purchase_core.testing.simulation.process import (
    ALWAYS,
    NEVER,
    SECRET,
    SKEW_SECONDS_MAX,
    Process,
    SkewedClock,
    connection_of,
    open_billing,
    open_process,
)
from purchase_core.testing.simulation.provider.account import Account, Sent
from purchase_core.testing.simulation.provider.adapter import SimulatedProvider
from purchase_core.testing.simulation.provider.billing import catch_up
from purchase_core.testing.simulation.provider.dialect import PADDLE_SHAPED, STRIPE_SHAPED, Dialect
from purchase_core.testing.simulation.provider.line import Clear
from purchase_core.testing.simulation.scenario import Scenario
from purchase_core.testing.simulation.turns import Activity, Crashed, Stuck, Turns

T = TypeVar("T")

# The 31st of January of a year before a leap year, in the evening: months end soon.
START = Instant(1_801_418_400 * SECOND)
STALLED_HOURS_MAX = 6
NAMES = ("ana", "bo", "cy", "di", "eve")
CONNECTIONS: tuple[Mapping[str, Dialect], ...] = (
    {"stripe": STRIPE_SHAPED},
    {"paddle": PADDLE_SHAPED},
    {"stripe": STRIPE_SHAPED, "paddle": PADDLE_SHAPED},
    {"paddle": PADDLE_SHAPED, "stripe": STRIPE_SHAPED},
)


CHECKS: Mapping[str, str] = {
    "acknowledged": "I1: what was answered with success is in the inbox",
    "genuine": "I9: what nobody signed, and what is of another account or mode, is refused",
    "opened": "I10: a page asks for what was ordered: the price, so many of it, and the trial",
    "pages": "I7: of one order, only the page of its present attempt can be paid where others can be closed",
    "ended": "I12: a delivery that has come to its end stays there",
    "effects": "I8: a command has one effect at the provider, however often it is sent",
    "bounds": "I6: no more is asked back than was paid",
    "asked": "I8: nothing is asked of a provider but what somebody wished for, and in that way",
    "answers": "I8: the same key has the same answer, and nothing is refused or raised without a reason",
    "silent": "I14: reading a delivery again calls nobody, tells nobody and changes nothing",
    "secrets": "I16: no error shows a secret or an address",
    "drained": "I12: once faults stop, all is done within so many rounds",
    "intents": "I7, I10: each order is settled by the payment that answers it, and by no other",
    "subscriptions": "I3: subscriptions are as the provider has them, and bound if they are as ordered",
    "invoices": "I3, I10: bills are as the provider has them, and match if they are as ordered",
    "refunds": "I3: money that goes back is as the provider has it, and is of the command that asked",
    "disputes": "I3: money that is held back is as the provider has it",
    "purchases": "I4: what is left of the money of each purchase",
    "cases": "I7: too much, not as ordered, of nobody: each is a case, and nothing else is",
    "rights": "I10, I11: everybody may do what they have paid for, now and later, and nothing else",
    "overdrawn": "I5: nothing is taken of credits that are not there, and no quota is used beyond its limit",
    "booked": "I2, I4: what was asked of credits and quotas is booked once and whole, and nothing else is",
    "wallets": "I5: what can be spent, is held or is owed follows from what was paid, given and spent",
    "spent": "I5: what there is can be spent, what expires first before the rest, and not one more",
    "counted": "I5: what was used of a quota counts in the window that is open, against what allows it",
    "forgotten": "I11, I16: of who was erased no detail and no body is kept, whatever comes later",
    "moved": "I7, I10: whoever is moved is billed on one side at a time, and loses no day",
    "heard": "I2: whoever must be told hears of everything, in its order",
    "told": "I2: of what has become true others are told, once",
    "rebuilt": "I13, I15: rows are what a rebuild from the facts gives, and each fact says what brought it",
}
"""What is checked, with the invariants that it stands for."""


class Finding(Exception):  # what was found
    """Something is not as it must be. `check` is one of CHECKS."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


class World:
    """Everything of one history. `problems` is what was found so far, `log` what was done."""

    def __init__(self, scenario: Scenario, seed: int, store: Store, chance: Chance, faults: Faults) -> None:
        self.scenario, self.seed, self.store, self.chance = scenario, seed, store, chance
        self.faults = self.present = faults
        self.clock = ManualClock(Instant(START + chance.below(60) * DAY + chance.below(SECOND)))
        self.turns = Turns(chance, self.clock)
        self.carts: list[Cart] = []
        self.wishes: list[Ask] = []
        self.spends: list[Spend] = []
        self.persons: list[Ask] = []  # what was asked about who people are
        self.erased: set[str] = set()
        self.migrations: list[tuple[str, str]] = []  # from which connection to which
        self.offered: list[tuple[str, str]] = []  # pages of moves that somebody was shown
        self.meddled: set[str] = set()  # subscriptions that somebody has changed at the provider
        self.calm_since: Instant | None = None  # when faults stopped
        self.merged: dict[str, str] = {}  # into whom
        self.booked = False  # whether credits or quotas may have moved since their journals were read
        self.poisoned: set[str] = set()
        self.fresh: list[tuple[str, str]] = []  # events that were just acknowledged
        self.ended: set[str] = set()  # deliveries that have come to their end
        self.worked = False  # whether a worker has run since that was looked at
        self.problems: list[Finding] = []
        self.log: list[str] = []
        self.looked_at = 0  # lines of the log that were searched for secrets
        self.customers = NAMES[: scenario.customers]
        self.journals = {customer: Journal() for customer in self.customers}
        self.heard: list[Effect] = []  # by whoever is told of what happens
        self.accounts = {
            name: self._account(name, dialect) for name, dialect in chance.one_of(CONNECTIONS).items()
        }
        self.posts = {name: Post(account) for name, account in self.accounts.items()}
        self.shares_address = chance.happens(400)
        self.mode = "queue" if chance.happens(250) else "inline"
        self.ticks = chance.happens(500)
        self.policy = scenario.policy_of(seed)
        self.terms = scenario.terms(self.policy)
        self._started = 0
        several = faults.together and chance.happens(700)
        self.processes = [self._process(number) for number in range(2 if several else 1)]
        self.reader = self._reader()
        self.read(self.reader.subscribers.register())

    def _account(self, name: str, dialect: Dialect) -> Account:
        account, chance = Account(name, dialect, self.clock), self.chance
        account.exhausted = chance.one_of(dialect.exhausted)
        account.asynchronous_refunds = chance.happens(200)
        account.lists_events = not (self.faults.gone and chance.below(2))
        account.lag_seconds = chance.below(60) if chance.happens(self.faults.lag) else 0
        return account

    # --- processes ---------------------------------------------------------------------------

    def _process(self, number: int) -> Process:
        self._started += 1
        clock = SkewedClock(self.clock)
        if self.chance.happens(self.present.skew):
            clock.skew = self.chance.below(2 * SKEW_SECONDS_MAX) - SKEW_SECONDS_MAX
        return open_process(
            number,
            self.store,
            self.accounts,
            self.scenario.catalog,
            self.policy,
            clock,
            self.chance,
            self.turns,
            self.present,
            self.poisoned,
            self.heard,
            seed=self.seed * 64 + self._started,
            mode=self.mode,
            tick=ALWAYS if self.ticks else NEVER,
        )

    def _reader(self) -> Billing:
        """A process that only reads, and whose calls never fail."""
        providers = {
            name: SimulatedProvider(connection_of(account), account, (SECRET,), Clear())
            for name, account in self.accounts.items()
        }
        return open_billing(
            self.store,
            providers,
            self.scenario.catalog,
            self.policy,
            self.clock,
            SeededIds(-self.seed - 1),
            "inline",
            hearing(self.heard, _listening),
        )

    def mend(self) -> None:
        """Processes that have died are started again."""
        for number, process in enumerate(self.processes):
            if not process.alive:
                self.note(f"process {number} starts again")
                self.processes[number] = self._process(number)

    def restart(self, number: int) -> None:
        """End a process, and start it again."""
        self.processes[number].die()
        self.mend()

    def end(self) -> None:
        """Nothing goes on after this: what stood still is ended as by a crash, and nobody hears of it."""
        for process in self.processes:
            process.die()
        with suppress(Stuck):
            self.turns.run()
        self.read(self.store.aclose())

    def a_process(self) -> Process:
        """One of them."""
        return self.chance.one_of(self.processes)

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        self.present, self.calm_since = Faults.NONE, self.clock.now()
        self.poisoned.clear()
        for process in self.processes:
            process.trouble.faults = Faults.NONE

    # --- what is done ------------------------------------------------------------------------

    def note(self, what: str) -> None:
        """A line of the history's log."""
        self.log.append(f"{self.clock.now() - START:>16} {what}")

    def found(self, check: str, message: str) -> None:
        """Something is wrong."""
        self.problems.append(Finding(check, f"{message} ({CHECKS[check].partition(':')[0]})"))

    def activity(
        self, work: Callable[[Process], Coroutine[Any, Any, Any]],
        end: Callable[[Any, BaseException | None], object], process: Process | None = None,
    ) -> Activity:  # fmt: skip
        """Something that a process does."""
        process = process or self.a_process()

        def ended(result: Any, error: BaseException | None) -> None:
            end(result, error)

        return Activity(process, work(process), ended)

    def ask(self, ask: Ask) -> Activity:
        """Ask it, or ask it again, in some process."""
        number = ask.begin()

        def end(result: Any, error: BaseException | None) -> None:
            wrong = ask.end(number, result, error)
            self.note(f"{ask.name}: {ask.state} {_told(error)}")
            self.booked = True
            if wrong:
                self.found("answers", wrong)

        return self.activity(lambda process: ask.make(process.billing), end)

    def deliver(self, post: Post, sent: Sent) -> Activity:
        """Send a delivery to some process."""

        def end(receipt: Any, error: BaseException | None) -> None:
            self.note(f"delivery {sent.id} {sent.type}: {_told(error) or receipt.status}")
            if error is None:
                post.take(sent)
                self.fresh.append((post.account.connection, sent.id))
            elif isinstance(error, DeliveryRefused):
                self.found("answers", f"delivery {sent.id} is genuine, and was refused: {error}")
            elif not isinstance(error, StoreError | Crashed):
                self.found("answers", f"delivery {sent.id} raised {type(error).__name__}: {error}")

        async def received(process: Process) -> Any:
            headers = post.signed(sent.body, self.clock.now())
            return await process.billing.webhooks.receive(post.account.connection, sent.body, headers)

        return self.activity(received, end)

    def forge(self, post: Post, forged: tuple[str, bytes, Headers]) -> Activity:
        """Send what is not genuine: it must be refused."""
        how, body, headers = forged
        name = post.account.connection

        def end(receipt: Any, error: BaseException | None) -> None:
            self.note(f"a delivery {how}: {_told(error)}")
            if not isinstance(error, DeliveryRefused | Crashed):
                self.found("genuine", f"a delivery {how} was taken: {error or receipt.status}")

        return self.activity(lambda process: process.billing.webhooks.receive(name, body, headers), end)

    def retry(self, delivery: str) -> Activity:
        """Have a delivery tried again that was given up."""

        def end(_: Any, error: BaseException | None) -> None:
            self.note(f"delivery {delivery} is to be tried again {_told(error)}")

        return self.activity(lambda process: process.billing.webhooks.retry(delivery), end)

    def work(self, process: Process | None = None) -> Activity:
        """Whatever there is to do for a worker."""

        def end(done: Any, error: BaseException | None) -> None:
            self.worked = True
            self.note(f"worker: {_told(error) or dict(done)}")
            if error is not None and not isinstance(error, StoreError | Crashed):
                self.found("answers", f"a worker raised {type(error).__name__}: {error}")

        async def once(process: Process) -> Mapping[str, int]:
            return await process.billing.worker().once(lambda task, count: None)

        return self.activity(once, end, process)

    def reconcile(self, connection: str, process: Process | None = None) -> Activity:
        """Have a provider asked what happened, and what there is; from where that was left."""

        def end(_: Any, error: BaseException | None) -> None:
            self.note(f"{connection} is reconciled {_told(error)}")
            if error is not None and not isinstance(error, StoreError | ProviderError | Crashed):
                self.found("answers", f"reconciling raised {type(error).__name__}: {error}")

        async def asked(process: Process) -> None:
            reconcile = process.billing.reconcile
            allowed = reconcile.passes(connection)
            for kind in (EVENTS, OBJECTS):  # those that bring what was lost on the way
                if kind not in allowed:
                    continue
                run = await reconcile.open(connection, kind)
                run = run or await reconcile.start(connection, kind, repair=True)
                async for _ in reconcile.run(run):
                    pass

        return self.activity(asked, end, process)

    def run(self, *activities: Activity) -> None:
        """Have all of them done, at the same time, and whatever dies started again."""
        for one in activities:
            self.turns.start(one)
        self.turns.run()
        self.mend()
        for post in self.posts.values():
            post.collect()

    def pass_time(self, microseconds: int) -> None:
        """Let time pass; providers do what has come due."""
        self.clock.advance(microseconds=microseconds)
        long_ago = self.clock.now() - STALLED_HOURS_MAX * HOUR
        for process in self.turns.still_since(long_ago):
            if isinstance(process, Process) and process.alive:
                process.die()  # whoever watches over processes has ended it
        self.mend()
        for post in self.posts.values():
            catch_up(post.account)
            post.collect()

    @property
    def asks(self) -> list[Ask]:
        """Everything that was ever asked for under a key."""
        spent = (one.ask for one in self.spends)
        return [*(cart.ask for cart in self.carts), *self.wishes, *spent, *self.persons]

    # --- what is looked at -------------------------------------------------------------------

    def read(self, question: Coroutine[Any, Any, T]) -> T:
        """The answer to something that only reads, through a store that never fails."""
        try:
            question.send(None)
        except StopIteration as stop:
            answer: T = stop.value
            return answer
        raise AssertionError("a read waited for something")

    def deliveries(self, state: str) -> list[Delivery]:
        """Inbox rows in a state."""
        return list(self.read(self.store.deliveries(state=state, limit=1_000)))

    def person(self, customer: str) -> str:
        """Who a customer is by now."""
        return self.merged.get(customer, customer)

    def address(self, customer: str) -> str:
        """A customer's e-mail address."""
        return f"{self.customers[0] if self.shares_address else customer}@example.com"


async def _listening() -> None:
    return


def _told(error: BaseException | None) -> str:
    return "" if error is None else f"{type(error).__name__} {error}".split("\n", maxsplit=1)[0][:120]
