"""A wave: buyers buy, pay, are paid back and spend, while processes die; then all is checked.

Each wave has customers and a provider of its own, so that what was checked can be forgotten: a campaign of
hours needs no more memory than one of seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from purchase_core.identifiers import RandomIds
from purchase_core.ports.store import Store
from purchase_core.records.delivery import PENDING
from purchase_core.records.mailbox import WAITING
from purchase_postgres.testing import Server
from purchase_sandbox.testing import CONNECTION, Fault, SandboxHarness
from tests.scale_out import checks
from tests.scale_out.application import SUBSCRIBER
from tests.scale_out.crowd import Crowd
from tests.scale_out.held import HOT, LOOK_SECONDS, Hold
from tests.scale_out.journal import came_back, lines
from tests.scale_out.messages import Answer, Ask, FastClock, Life, Tally

TWICE = LATE = 0.2  # of all events, the parts that come twice, and behind others
LATE_SECONDS_MAX = 3.0
LOST_ANSWERS_PPM = 20_000
IN_FLIGHT_MIN = 48  # sales at once, or as many as a second of the rate has
HARMS_A_WAVE = 3  # so far on does the next wave begin, so that short ones see all kinds between them
EVENTS_OF_A_SALE = 3.5  # as measured; what a rate of events means in sales
SILENT = ("customer.", "price.")
OFFERS = ("app:pro", "book:full", "tokens:small")
HOT_EVERY = 5
REFUNDED, SPENT = 700, 20


@attrs.frozen
class Plan:
    """How a campaign goes: so many events a second for so long, harm every so often.

    `patience_seconds`: what is not served or settled after that never is.
    """

    rate: float
    wave_sales: int
    harm_seconds: float
    speed: int
    seed: int
    patience_seconds: float
    bug: str = ""


@attrs.define(eq=False)
class Wave:
    """One of them."""

    number: int
    plan: Plan
    store: Store
    clock: FastClock
    harness: SandboxHarness
    crowd: Crowd
    tally: Tally
    chance: random.Random
    sent: list[bytes] = attrs.field(factory=list)
    customers: set[str] = attrs.field(factory=set)
    refunds: int = 0
    spent: dict[str, list[str]] = attrs.field(factory=dict)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set)
    _room: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._room = asyncio.Semaphore(max(IN_FLIGHT_MIN, round(self.plan.rate / EVENTS_OF_A_SALE)))

    async def run(self, deadline: float) -> None:
        """Sell until the wave is full or the deadline (by `time.monotonic`) is over; settle; check."""
        started = time.monotonic()
        self.harness.chaos.set(Fault.LOST_ANSWER, LOST_ANSWERS_PPM)
        storm = asyncio.create_task(
            self.crowd.storm(self.plan.harm_seconds, begin=HARMS_A_WAVE * (self.number - 1))
        )
        try:
            for number in range(self.plan.wave_sales):
                if time.monotonic() > deadline and self.tally.sales:
                    break
                self._start(self._sell(number))
                await asyncio.sleep(EVENTS_OF_A_SALE / self.plan.rate)
                if not await self._has_room():
                    break
            await self._all_served()
        finally:
            storm.cancel()
            with suppress(asyncio.CancelledError):
                await storm
        hold = Hold(self.crowd.life.journal)
        self._start(self._held_up(hold))
        await self._all_served()
        self.tally.seconds = time.monotonic() - started
        self.harness.chaos.clear()
        if await self._settled() and await self._back(hold) and await self._settled():
            await checks.checked(self)
        hold.forget()
        self.tally.settling = time.monotonic() - started - self.tally.seconds

    async def _held_up(self, hold: Hold) -> None:
        """Hold a worker up over an effect of the hot customer, for whom more happens meanwhile."""
        hold.ask()
        first = HOT_EVERY * self.plan.wave_sales - 1  # beyond all others, and hot
        await self._sell(first)
        while hold.asked:
            await asyncio.sleep(LOOK_SECONDS)
        for later in (1, 2):
            await self._sell(first + later * HOT_EVERY)

    async def _back(self, hold: Hold) -> bool:
        """Let the worker that was held up go on, now that others have done what it had begun."""
        hold.end()
        deadline = time.monotonic() + self.plan.patience_seconds
        while not came_back(lines(Path(self.crowd.life.journal))):
            if time.monotonic() > deadline:
                self.find("a worker that was held up never comes back")
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _has_room(self) -> bool:
        """Wait for those who are too slow, but not for ever."""
        try:
            async with asyncio.timeout(self.plan.patience_seconds), self._room:
                return True
        except TimeoutError:
            return False

    async def _all_served(self) -> None:
        """Wait until every buyer has what was asked for, and every webhook was taken."""
        deadline = time.monotonic() + self.plan.patience_seconds
        while self._tasks and time.monotonic() < deadline:
            await asyncio.wait(self._tasks, timeout=1.0)
        if self._tasks:
            self.find(f"{len(self._tasks)} requests are never served")
            for one in self._tasks:
                one.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.find(f"{type(error).__name__}: {error}")

    def find(self, what: str) -> None:
        """Something that must never be."""
        self.tally.findings.append(f"wave {self.number}: {what}")

    # --- buyers ------------------------------------------------------------------------------

    async def _sell(self, number: int) -> None:
        async with self._room:
            # Every fifth sale is of one customer, so that there is a lane that all processes want.
            hot = number % HOT_EVERY == HOT_EVERY - 1
            customer = f"w{self.number}{HOT if hot else f'_{number}'}"
            offer = OFFERS[1 + number % 2] if hot else OFFERS[number % 3]
            self.customers.add(customer)
            self.tally.sales += 1
            key = f"{customer}-{number}"
            opened = await self._asked(Ask("checkout", customer, key, offer))
            await self.harness.pay(opened.said)
            await self._tell_of()
            if offer == "book:full" and number % 4 < 2:
                self.refunds += 1
                self.tally.refunds += 1
                await self._asked(
                    Ask("refund", customer, f"{key}-back", intent=opened.intent, amount=REFUNDED)
                )
                await self._tell_of()
            if offer == "tokens:small":
                await asyncio.gather(*(self._spend(customer, f"{key}-use-{one}") for one in range(3)))

    async def _asked(self, ask: Ask) -> Answer:
        """Asked until it is done, and now and then twice at once."""
        count = 2 if self.chance.random() < TWICE else 1
        answers = await asyncio.gather(*(self.crowd.ask(ask) for _ in range(count)))
        for one in answers:
            if one.odd:
                self.find(f"{ask.what} fails with {one.error}")
        if len({(one.said, one.intent) for one in answers}) > 1:
            self.find(f"{ask.what} {ask.key} is told two things")
        return answers[0]

    async def _spend(self, customer: str, key: str) -> None:
        self.tally.spendings += 1
        answer = await self._asked(Ask("spend", customer, key, amount=SPENT))
        self.spent.setdefault(customer, []).append(answer.said)

    # --- webhooks ----------------------------------------------------------------------------

    async def _tell_of(self) -> None:
        """Hand over what has happened at the provider, some of it twice, some of it late."""
        for webhook in self.harness.webhooks():
            if any(f'"type":"{one}'.encode() in webhook.body for one in SILENT):
                continue
            self.sent.append(webhook.body)
            self.tally.events += 1
            late = self.chance.random() < LATE
            twice = self.chance.random() < TWICE
            self.tally.late += late
            self.tally.twice += twice
            if twice:
                self._start(self._deliver(webhook.body, self.chance.choice((0.0, LATE_SECONDS_MAX))))
            if late:
                self._start(self._deliver(webhook.body, LATE_SECONDS_MAX))
            else:
                await self._deliver(webhook.body, 0.0)

    async def _deliver(self, body: bytes, within_seconds: float) -> None:
        await asyncio.sleep(self.chance.uniform(0, within_seconds))
        path = f"/webhooks/{CONNECTION.name}"
        while not await self.crowd.deliver(path, body, dict(self.harness.sign(body))):
            pass

    # --- afterwards --------------------------------------------------------------------------

    async def _settled(self) -> bool:
        """Wait until nothing waits any more."""
        deadline = time.monotonic() + self.plan.patience_seconds
        left = ["everything"]
        while left:
            if time.monotonic() > deadline:
                self.find(f"does not settle: {', '.join(left)}")
                return False
            await asyncio.sleep(0.05)
            left = []
            if await self.store.deliveries(state=PENDING, limit=1):
                left.append("deliveries are pending")
            if await self.store.mailboxes(SUBSCRIBER, state=WAITING, limit=1):
                left.append("effects are not told")
            if await self.store.open_commands(("checkout.start", "refund"), before=self.clock.now(), limit=1):
                left.append("commands are open")
        return True


@asynccontextmanager
async def begun(
    number: int, plan: Plan, store: Store, server: Server, life: Life, folder: Path
) -> AsyncIterator[Wave]:
    """A wave with a provider, a journal and processes of its own."""
    clock = FastClock(life.epoch, life.speed)
    chance = random.Random(f"{plan.seed}/{number}")
    tally = Tally()
    journal = folder / f"wave-{number}.journal"
    journal.touch()
    async with SandboxHarness(clock, ids=RandomIds(), loopback=True) as harness:
        own = Life(
            0, life.database, life.schema, harness.url, "", str(journal), life.epoch, life.speed, life.bug
        )
        async with Crowd(own, server, str(folder), chance, tally) as crowd:
            yield Wave(number, plan, store, clock, harness, crowd, tally, chance)
    journal.unlink()
