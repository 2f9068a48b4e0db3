"""The world around a worker: a provider with its own memory, buyers, webhooks, and what was acknowledged.

It tells one story, whatever becomes of the processes that take part in it: what was not acknowledged is sent
again, and a process that died is followed by another. What was acknowledged must be there when that one
opens the store, before anything is sent again.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import attrs
import msgspec

from purchase_core.instants import HOUR, MINUTE, SECOND, Instant
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account.objects import Refund, Session, Thing
from purchase_sandbox.testing import SandboxHarness
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from tests.crash_points.messages import Answer, Picture, Start, Told, Webhook

START = Instant(1_790_000_000 * SECOND)
ANSWER_SECONDS_MAX = 60.0
TRIES_MAX = 6
SETTLE_ROUNDS = 5
LIVES_MAX = 4
LINE_BYTES_MAX = 1 << 24
COMMANDS = [
    "checkout.start:ana-pro",
    "checkout.start:ben-book",
    "checkout.start:ana-book",
    "checkout.start:cleo-tokens",
    "refund:ben-refund",
]


class Finding(Exception):
    """Something that must never happen."""


class Died(Exception):
    """The worker is gone."""


class Refused(Exception):
    """The worker could not; the story sends it again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.error}: {answer.text}")
        self.answer = answer


_SILENT = re.compile(rb'"type":"(customer|price)\.')  # customers and prices tell nothing


def event_of(webhook: Webhook) -> str:
    """The provider's id of an event."""
    return str(msgspec.json.decode(webhook.body)["id"])


@attrs.frozen
class Ending:
    """What is left of a story: all that the store tells, and how much was made at the provider."""

    picture: Picture
    sessions: int
    refunds: int


@attrs.frozen
class Harm:
    """What happens to the first worker: told at its start, or done before and after it opens the store."""

    start: Callable[[Start], Start] = lambda start: start
    opening: Callable[[Worker], Awaitable[None]] | None = None
    opened: Callable[[Worker], Awaitable[None]] | None = None


@attrs.define(eq=False)
class Worker:
    """One process, and the line to it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    process: int
    writing_thread: int = 0
    ended: bool = False

    async def tell(self, told: Told, receipts: Callable[[Answer], None] | None = None) -> Answer:
        """One step. Raises Died or Finding."""
        try:
            self.writer.write(msgspec.json.encode(told) + b"\n")
            await self.writer.drain()
            while True:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    line = await self.reader.readline()
                if not line.endswith(b"\n"):
                    raise Died
                answer = msgspec.json.decode(line, type=Answer)
                if answer.receipt < 0:
                    return answer
                if receipts is not None:
                    receipts(answer)
        except TimeoutError:
            self.kill()
            raise Finding(f"nobody answers to {told.step!r}: it hangs") from None
        except OSError:
            raise Died from None

    def kill(self) -> None:
        """End it by force."""
        if not self.ended:  # later its number may be another's
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it has ended."""
        self.writer.close()
        for _ in range(6_000):
            try:
                os.kill(self.process, 0)
            except ProcessLookupError:
                self.ended = True
                return
            await asyncio.sleep(0.01)
        raise Finding("a process does not end")


@attrs.define(eq=False)
class World:
    """One telling of the story."""

    fork: Callable[[Start], None]
    store: str
    place: str
    safe_place: str
    socket: str
    harm: Harm
    bug: str = ""
    harness: SandboxHarness = attrs.field(init=False)
    deaths: int = 0
    refusals: list[str] = attrs.field(factory=list)
    _lives: int = 0
    _met_ones: list[Worker] = attrs.field(factory=list)
    _worker: Worker | None = None
    _hello: asyncio.Queue[Worker] = attrs.field(factory=asyncio.Queue)
    _events: dict[str, str] = attrs.field(factory=dict)
    _commands: dict[str, str] = attrs.field(factory=dict)
    _spent: list[str] = attrs.field(factory=list)
    _sessions: dict[str, str] = attrs.field(factory=dict)
    _now: int = START

    async def tale(self) -> Ending:
        """Tell it to the end, and return what is left. Raises Finding."""
        clock = ManualClock(START)
        self.harness = SandboxHarness(clock, loopback=True)
        server = await asyncio.start_unix_server(self._met, self.socket, limit=LINE_BYTES_MAX)
        try:
            async with self.harness:
                await self._story()
                picture = await self._picture()
                await self._do(Told("close"))
                if self._worker is not None:
                    await self._worker.gone()
                return Ending(picture, self._made(Session), self._made(Refund))
        finally:
            server.close()
            for worker in self._met_ones:
                worker.kill()
                worker.writer.close()

    async def _story(self) -> None:
        await self._step(Told("open"))
        await self._checkout("ana", "app:pro", "ana-pro")
        await self._checkout("ben", "book:full", "ben-book")
        await self._pay("ana-pro", "ben-book")
        first = self._sent()
        await self._receive(first, "inline")
        await self._spend("ana", "consume", 30, "ana-spent")
        await self._spend("ana", "reserve", 50, "ana-held")
        await self._checkout("ana", "book:full", "ana-book", lost=True)
        await self._work(2 * MINUTE)
        await self._checkout("ana", "book:full", "ana-book")
        await self._pay("ana-book")
        fresh = self._sent()
        await self._receive([*fresh, *fresh], "queue")  # each comes twice, at the same moment
        await self._work(MINUTE)
        await self._refund("ben", "ben-refund")
        await self._work(2 * MINUTE)
        await self._receive(self._sent(), "inline")
        await self._spend("ana", "settle", 20, "ana-held")
        await self._checkout("cleo", "tokens:small", "cleo-tokens")
        await self._pay("cleo-tokens")
        await self._receive(self._sent(), "queue")
        await self._receive(first[:4], "inline")  # the provider sends again what was answered long ago
        for _ in range(SETTLE_ROUNDS):
            await self._work(HOUR)
        await self._refund("ben", "ben-refund", lost=False)

    # --- steps -------------------------------------------------------------------------------

    async def _checkout(self, customer: str, offer: str, key: str, *, lost: bool = False) -> None:
        answer = await self._commanded(
            Told("checkout", key=key, customer=customer, offer=offer), Session, lost
        )
        if not answer.error:
            self._sessions[key] = answer.said
            self._commands[f"checkout.start:{key}"] = "confirmed"

    async def _refund(self, customer: str, key: str, *, lost: bool = True) -> None:
        answer = await self._commanded(Told("refund", key=key, customer=customer), Refund, lost)
        if not answer.error:
            self._commands[f"refund:{key}"] = "confirmed"

    async def _spend(self, customer: str, kind: str, amount: int, key: str) -> None:
        answer = await self._step(Told("spend", key=key, customer=customer, kind=kind, amount=amount))
        self._spent.append(answer.said)

    async def _commanded(self, told: Told, made: type[Thing], lost: bool) -> Answer:
        """A command; with `lost`, one that the provider obeys, and of which nobody hears."""
        before = self._made(made)
        with self._losing(lost):
            answer = await self._step(told, may_be_unknown=lost)
        if answer.error and self._made(made) == before:  # it was only being looked for, after a death
            answer = await self._repeated(told)
        return answer

    def _made(self, kind: type[Thing]) -> int:
        return len(list(self.harness.account.book.all(kind)))

    @contextmanager
    def _losing(self, lost: bool) -> Iterator[None]:
        if lost:
            self.harness.chaos.set(Fault.LOST_ANSWER, CERTAIN_PPM)
        try:
            yield
        finally:
            self.harness.chaos.clear()

    async def _pay(self, *keys: str) -> None:
        for key in keys:
            await self.harness.pay(self._sessions[key])

    def _sent(self) -> list[bytes]:
        return [one.body for one in self.harness.webhooks() if not _SILENT.search(one.body)]

    async def _receive(self, bodies: Sequence[bytes], door: str) -> None:

        def taken(answer: Answer) -> None:
            done.append(answer.receipt)
            before = self._events.get(answer.said, "")
            self._events[answer.said] = before if answer.state == "duplicate" and before else answer.state

        self._pass(MINUTE)
        left = [Webhook(body, list(self.harness.sign(body))) for body in bodies]
        for _ in range(TRIES_MAX):
            done: list[int] = []
            with suppress(Refused, Died):
                await self._ask(Told("receive", now=self._now, door=door, webhooks=left), taken)
            # A provider that was told of success once sends that event no more.
            told = {event_of(left[number]) for number in done}
            left = [one for one in left if event_of(one) not in told]
            if not left:
                return
        raise Finding(f"{len(left)} deliveries are never taken: {self.refusals[-1:]}")

    async def _work(self, after: int) -> None:
        self._pass(after)
        for _ in range(TRIES_MAX):
            if not (await self._repeated(Told("work", now=self._now))).said:
                return

    async def _step(self, told: Told, *, may_be_unknown: bool = False) -> Answer:
        self._pass(MINUTE)
        told.now = self._now
        return await self._repeated(told, may_be_unknown=may_be_unknown)

    def _pass(self, by: int) -> None:
        self._now = max(self.harness.clock.now(), self._now) + by
        self.harness.clock.set_to(Instant(self._now))

    async def _repeated(self, told: Told, *, may_be_unknown: bool = False) -> Answer:
        for _ in range(TRIES_MAX):
            try:
                return await self._ask(told)
            except Died:
                continue
            except Refused as refused:
                if may_be_unknown and not refused.answer.of_store:
                    return refused.answer  # as it was meant: the provider's answer was lost
        raise Finding(f"{told.step!r} never succeeds: {self.refusals[-1:]}")

    # --- processes ---------------------------------------------------------------------------

    async def _do(self, told: Told) -> None:
        with suppress(Died):
            await self._ask(told)

    async def _ask(self, told: Told, receipts: Callable[[Answer], None] | None = None) -> Answer:
        """One question to the worker of the moment. Raises Died, Refused or Finding."""
        worker = self._worker or await self._new_worker()
        try:
            answer = await worker.tell(told, receipts)
        except Died:
            await self._bury(worker)
            raise
        if answer.odd:
            raise Finding(f"{told.step!r} fails with {answer.text}")
        if answer.error:
            self.refusals.append(f"{told.step}: {answer.error}: {answer.text}")
            if answer.of_store and ("writes no more" in answer.text or "closed" in answer.text):
                worker.kill()  # what an operator would do
                await self._bury(worker)
            raise Refused(answer)
        return answer

    async def _bury(self, worker: Worker) -> None:
        self._worker = None
        self.deaths += 1
        worker.kill()
        await worker.gone()
        if self.deaths >= LIVES_MAX:
            raise Finding("one harm, and processes die again and again")

    async def _new_worker(self) -> Worker:
        """Start one, let it open the store, and see that nothing acknowledged was lost."""
        for _ in range(TRIES_MAX):
            self._lives += 1
            harmed = self._lives == 1
            start = Start(self.socket, self.store, self.place if harmed else self.safe_place,
                          self.harness.url, self._now, self._lives, COMMANDS, self.bug)  # fmt: skip
            self.fork(self.harm.start(start) if harmed else start)
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    worker = await self._hello.get()
            except TimeoutError:
                raise Finding("a process does not start") from None
            try:
                await self._open(worker, harmed=harmed)
            except Died:
                self._worker = worker
                await self._bury(worker)
                continue
            except Refused:
                worker.kill()
                await self._bury(worker)
                continue
            self._worker = worker
            return worker
        raise Finding(f"the store cannot be opened any more: {self.refusals[-1:]}")

    async def _open(self, worker: Worker, *, harmed: bool) -> None:
        if harmed and self.harm.opening:
            await self.harm.opening(worker)
        answer = await worker.tell(Told("prepare"))
        self._accepted(answer, "prepare")
        worker.writing_thread = int(answer.said)
        if harmed and self.harm.opened:
            await self.harm.opened(worker)
        for _ in range(2):
            answer = await worker.tell(Told("open"))
            if not answer.error:
                break
        self._accepted(answer, "open")
        if self._lives > 1:
            answer = await worker.tell(Told("picture"))
            self._accepted(answer, "picture")
            assert answer.picture is not None
            self._nothing_lost(answer.picture)

    def _accepted(self, answer: Answer, step: str) -> None:
        if answer.odd:
            raise Finding(f"{step!r} fails with {answer.text}")
        if answer.error:
            self.refusals.append(f"{step}: {answer.error}: {answer.text}")
            raise Refused(answer)

    def _nothing_lost(self, picture: Picture) -> None:
        for event, state in self._events.items():
            found = picture.deliveries.get(event)
            if found is None:
                raise Finding(f"event {event} was acknowledged ({state}), and is gone")
            if state in ("done", "ignored") and found != state:
                raise Finding(f"event {event} was acknowledged as {state}, and is {found}")
        for command, state in self._commands.items():
            if picture.commands.get(command) != state:
                raise Finding(f"{command} was {state}, and is {picture.commands.get(command, 'gone')}")
        for movement in self._spent:
            if movement not in picture.spent:
                raise Finding(f"{movement} was acknowledged, and is gone")
        if picture.wrong:
            raise Finding("; ".join(picture.wrong))

    async def _picture(self) -> Picture:
        answer = await self._repeated(Told("picture"))
        assert answer.picture is not None
        self._nothing_lost(answer.picture)
        return answer.picture

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = msgspec.json.decode(await reader.readline(), type=Answer)
        worker = Worker(reader, writer, int(hello.said))
        self._met_ones.append(worker)
        self._hello.put_nowait(worker)
