"""Running statements: a batch in one transaction and round trip, a question in one snapshot, and reads."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs

from purchase_core.errors import StoreUnavailable
from purchase_d1.probing import tried
from purchase_d1.transport import Answer, Refused, Transport, Unanswered
from purchase_d1.troubles import trouble, unavailable
from purchase_sql.encode import Operation
from purchase_sql.refusals import Guard, broken_guard
from purchase_sql.shapes import Value
from purchase_sql.wire import Reader, Sent, as_texts

WAIT_SECONDS_MAX = 10.0  # whoever is to wait longer is told so instead

Records: TypeAlias = list[Any]
T = TypeVar("T")


class GuardBroken(Exception):  # an answer, not a fault; it never leaves the store
    """A guard ended a batch, and nothing of it was written."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(guard)
        self.guard = guard


@attrs.frozen
class Pace:
    """How often and after how long something is tried again. `chance` is from 0 to 1: callers spread out."""

    tries_max: int
    first_seconds: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def goes_on(self, tries: int, lost: Unanswered, *, repeatable: bool) -> bool:
        """Whether to try again after so many tries. `repeatable`: doing it twice is doing it once."""
        if lost.lasting or (lost.maybe_written and not repeatable):
            return False
        return tries < self.tries_max and lost.after_seconds <= WAIT_SECONDS_MAX

    def wait(self, tries: int, lost: Unanswered) -> float:
        """How many seconds to wait after so many tries."""
        backing_off = min(WAIT_SECONDS_MAX, self.first_seconds * 2.0 ** (tries - 1))
        return max(backing_off * (0.5 + self.chance() / 2), lost.after_seconds)


class Runner:
    """Statements over a transport."""

    def __init__(self, transport: Transport, reader: Reader, prefix: str, pace: Pace) -> None:
        self._transport = transport
        self._reader = reader
        self._prefix = prefix
        self._pace = pace
        self._atomic = transport.atomic
        self._probing = asyncio.Lock()

    async def rows(self, text: str, values: tuple[Value, ...]) -> Records:
        """Every row of one statement that reads."""
        (found,) = await self.snapshot(((text, values),))
        return found

    async def snapshot(self, operations: Sequence[Operation]) -> Sequence[Records]:
        """The rows of several statements that read, all as of one moment, in one round trip."""
        sent = [(text, as_texts(values)) for text, values in operations]
        return self._read(sent, await self._answer(sent, repeatable=True))

    async def written_rows(self, text: str, values: tuple[Value, ...]) -> Records:
        """Every row of one statement that writes, and may not be run twice."""
        await self._require_atomic()
        sent = [(text, as_texts(values))]
        (found,) = self._read(sent, await self._answer(sent, repeatable=False))
        return found

    async def write(self, statements: Sequence[Sent]) -> None:
        """Run statements in one transaction, none of which looks at what another returned.

        They are such that running them twice is running them once: a reply that was lost is found again.
        Raises GuardBroken.
        """
        await self._require_atomic()
        await self._answer(statements, repeatable=True)

    async def listed(self, text: str, *values: str) -> Sequence[Sequence[Any]]:
        """The rows of a statement of the store's own, as they arrive."""
        (found,) = await self._answer(((text, values),), repeatable=True)
        return found

    async def _require_atomic(self) -> None:
        if self._atomic:
            return
        async with self._probing:
            if not self._atomic:
                probed = await self._patiently(lambda: tried(self._transport, self._prefix), repeatable=True)
                probed.require()
                self._atomic = True

    async def _answer(self, sent: Sequence[Sent], *, repeatable: bool) -> Answer:
        try:
            return await self._patiently(lambda: self._transport.batch(sent), repeatable=repeatable)
        except Refused as refused:
            guard = broken_guard(refused.text, self._prefix)
            if guard is not None:
                raise GuardBroken(guard) from None
            raise trouble(refused.text) from None

    async def _patiently(self, attempt: Callable[[], Awaitable[T]], *, repeatable: bool) -> T:
        """Try as often as makes sense. Raises StoreUnavailable where there is no answer."""
        tries = 0
        while True:
            tries += 1
            try:
                return await attempt()
            except Unanswered as lost:
                if not self._pace.goes_on(tries, lost, repeatable=repeatable):
                    raise unavailable(lost) from None
                wait = self._pace.wait(tries, lost)
            await self._pace.sleep(wait)

    def _read(self, sent: Sequence[Sent], answer: Answer) -> Sequence[Records]:
        try:
            return [self._reader.read(text, rows) for (text, _), rows in zip(sent, answer, strict=True)]
        except (TypeError, ValueError):
            raise StoreUnavailable(
                "D1's answer is none to what was asked", hint="Is this the address of a D1 database?"
            ) from None
