"""A crew: processes of this machine that look at lanes beside this one, each with a billing of its own.

Each opens the application as the command does, for reading. They are asked in turn and answer in turn, so
that what is found, and its order, are the same however many there are. One that dies is an error.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import cycle
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeAlias, TypeVar

from purchase_core.billing import Billing
from purchase_core.cli.app import Application
from purchase_core.errors import PurchaseError
from purchase_core.opening import Opening
from purchase_core.operations.sharing import Range, Share

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext

T = TypeVar("T")

LookAt: TypeAlias = Callable[[Billing, str, str], Awaitable[T]]
"""Looks at the lanes from the first to the last. A function of a module: others import it by its name."""

RANGES_ALONE = 32  # or starting others would take longer than doing it
RANGES_AHEAD = 2  # that one is asked for before it is heard: enough never to wait, and no more to hold
ENDING_SECONDS = 10.0


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not every system tells
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Crew(Generic[T]):
    """Shares ranges of lanes out among `jobs` processes, once there are more than a few.

    A store that only this process can open is looked at by this one alone.
    """

    def __init__(self, application: Application, look: LookAt[T], jobs: int) -> None:
        self._application = application
        self._look = look
        self._jobs = jobs
        self._hands: list[Hand[T]] = []

    def __enter__(self) -> Self:
        # What is loaded by now stays: the collector need not look at it each time, while records come and go.
        gc.freeze()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        gc.unfreeze()
        for one in self._hands:
            one.dismiss(at_once=error is not None)

    def over(self, billing: Billing) -> Share[T]:
        """Shares out what this billing holds. Raises PurchaseError where one of the processes dies."""
        jobs = 1 if billing.store.of_this_process else self._jobs

        async def share(ranges: AsyncIterator[Range]) -> AsyncIterator[tuple[Range, T]]:
            count = 0
            async for one in ranges:
                yield one, await self._look(billing, *one)
                count += 1
                if jobs > 1 and count == RANGES_ALONE:
                    break
            async for answered in self._shared(ranges, jobs):
                yield answered

        return share

    async def _shared(self, ranges: AsyncIterator[Range], jobs: int) -> AsyncIterator[tuple[Range, T]]:
        asked: deque[tuple[Range, Hand[T]]] = deque()
        turns = cycle(range(jobs))
        async for one in ranges:
            if len(asked) == jobs * RANGES_AHEAD:
                done, hand = asked.popleft()
                yield done, await hand.answer()
            turn = next(turns)
            if turn == len(self._hands):
                self._hands.append(Hand(self._application, self._look))
            self._hands[turn].ask(one)
            asked.append((one, self._hands[turn]))
        for done, hand in asked:
            yield done, await hand.answer()


class Hand(Generic[T]):
    """One of the crew, as seen from here."""

    def __init__(self, application: Application, look: LookAt[T]) -> None:
        import multiprocessing  # noqa: PLC0415  # few commands share anything out

        # Forked, it would have threads and connections of ours that do not work there.
        context: SpawnContext = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, application, look), daemon=True)
        self.process.start()
        theirs.close()  # or nobody would hear from here that it is gone

    def ask(self, one: Range) -> None:
        """Have it look at these lanes."""
        with suppress(OSError):  # it is gone: whoever waits for the answer is told so
            self._pipe.send(one)

    async def answer(self) -> T:
        """What came of the ranges asked for, one a call. Raises what it raised, or that it is gone."""
        try:
            told: T | Exception = await asyncio.to_thread(self._pipe.recv)
        except (EOFError, OSError) as error:
            self.process.join(ENDING_SECONDS)
            raise PurchaseError(
                f"a process that looked at lanes has died (exit code {self.process.exitcode})",
                hint="What it had in hand is not known. If memory ran out, say fewer --jobs.",
            ) from error
        except asyncio.CancelledError:
            self.process.terminate()  # or the thread that listens would wait on for it
            raise
        if isinstance(told, Exception):
            raise told
        return told

    def dismiss(self, *, at_once: bool) -> None:
        """Have it end; what it has in hand is not waited for where that is of no use any more."""
        if not at_once:
            self._pipe.close()  # it ends when it hears of nobody
            self.process.join(ENDING_SECONDS)
        self.process.terminate()
        self.process.join()


def _serve(pipe: Connection, application: Application, look: LookAt[T]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells every process; whoever began it decides
    try:
        asyncio.run(_answer(pipe, application.opening(), look))
    except Exception as error:  # it is raised again where it is waited for
        with suppress(OSError):
            pipe.send(error)


async def _answer(pipe: Connection, opening: Opening, look: LookAt[T]) -> None:
    async with opening.reading() as billing:
        gc.freeze()
        while True:
            try:
                first, last = pipe.recv()
            except EOFError:  # whoever asked is done, or gone
                return
            pipe.send(await look(billing, first, last))
