"""Quarantine: deliveries that could not be worked off, by cause; tried again, or given up by somebody.

What was quarantined is tried again by itself once other code runs than that which judged it. While a deploy
is under way, old code and new run side by side: none tries again what the other has judged since it started.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from purchase_core.errors import InvalidArgument, LeaseLost, WrongState
from purchase_core.identifiers import IdSource
from purchase_core.instants import HOUR, Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.paging import every_delivery
from purchase_core.ports.store import Store
from purchase_core.records.delivery import IGNORED, PENDING, QUARANTINED, Delivery, Settlement
from purchase_core.records.run import FINISHED, Run
from purchase_core.text import storable
from purchase_core.values import Value

RETRY, DISCARD = "retry-quarantined", "discard-quarantined"
ROLLOUT = HOUR  # after so long, no older code runs beside this
REASON_CHARACTERS_MAX = 500
SHOWN_MAX = 3


class Cause(Value, frozen=True):
    """What a quarantined delivery failed on, and under which code: those that are alike fail alike."""

    connection: str
    event_type: str
    error: str
    code: str


class Group(Value, frozen=True):
    """Quarantined deliveries of one cause. `outdated`: other code judged them; a worker tries them again."""

    cause: Cause
    count: int
    first_at: Instant
    last_at: Instant
    reason: str
    examples: tuple[str, ...]
    outdated: bool


class Chosen(Value, frozen=True):
    """Which of them. "" means any."""

    connection: str = ""
    event_type: str = ""
    error: str = ""
    code: str = ""
    reason: str = ""

    def means(self, delivery: Delivery) -> bool:
        """Whether a delivery is one of them."""
        cause = cause_of(delivery)
        return (
            self.connection in ("", cause.connection)
            and self.event_type in ("", cause.event_type)
            and self.error in ("", cause.error)
            and self.code in ("", cause.code)
            and self.reason in delivery.reason
        )


def cause_of(delivery: Delivery) -> Cause:
    """What a delivery failed on: the error's code or name, without what is particular to this one."""
    return Cause(delivery.connection, delivery.event_type, delivery.reason.partition(":")[0], delivery.code)


class Quarantine:
    """Decides about what is quarantined."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, *, code: str) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._code = code
        self._started = clock.now()

    async def groups(self, *, newest: int | None = None) -> Sequence[Group]:
        """What is quarantined, by cause; the most first. `newest`: only so many are looked at."""
        found: dict[Cause, list[Delivery]] = {}
        counts: dict[Cause, int] = {}
        first: dict[Cause, Instant] = {}
        looked_at = 0
        async for one in every_delivery(self._store, state=QUARANTINED):
            if looked_at == newest:
                break
            looked_at += 1
            cause = cause_of(one)
            counts[cause] = counts.get(cause, 0) + 1
            first[cause] = one.received_at
            some = found.setdefault(cause, [])
            if len(some) < SHOWN_MAX:
                some.append(one)
        groups = [
            Group(
                cause,
                count,
                first[cause],
                found[cause][0].received_at,
                found[cause][0].reason,
                tuple(one.id for one in found[cause]),
                cause.code != self._code,
            )
            for cause, count in counts.items()
        ]
        return sorted(groups, key=lambda one: (-one.count, one.cause.event_type, one.cause.error))

    async def each(self, chosen: Chosen) -> AsyncIterator[Delivery]:
        """The quarantined deliveries that are meant, the newest first, without their bodies."""
        async for one in every_delivery(self._store, state=QUARANTINED):
            if chosen.means(one):
                yield one

    async def retry(self, deliveries: Sequence[Delivery], *, note: str = "") -> Run:
        """Have these tried again as if they had just come, and keep a receipt of it.

        What is not quarantined any more is left alone. Raises StoreError.
        """
        return await self._settle(RETRY, deliveries, PENDING, "", note)

    async def discard(self, deliveries: Sequence[Delivery], *, by: str, reason: str) -> Run:
        """Give these up: they are ignored from now on, and say who said so and why.

        They stay where they are, and replay reads them again. Raises InvalidArgument without a reason.
        """
        if not (reason.strip() and by.strip()):
            raise InvalidArgument("who discards a delivery says who they are, and why")
        told = storable("reason", f"{by}: {reason}", characters_max=REASON_CHARACTERS_MAX)
        return await self._settle(DISCARD, deliveries, IGNORED, f"discarded by {told}", told)

    async def retry_outdated(self) -> int:
        """Have tried again what other code has judged; how many that were."""
        now = self._clock.now()
        due = [
            one
            async for one in self.each(Chosen())
            if one.code != self._code
            # Of a quarantined row, `available_at` is when it was judged.
            if one.available_at <= self._started or one.available_at < now - ROLLOUT
        ]
        if not due:
            return 0
        run = await self.retry(due, note=f"the code is another one: {self._code}")
        return run.counts["settled"]

    async def _settle(
        self, kind: str, deliveries: Sequence[Delivery], state: str, reason: str, note: str
    ) -> Run:
        now = self._clock.now()
        run = Run(self._ids.new("run"), kind, "", FINISHED, self._code, now, now, note=note)
        wrong = [one for one in deliveries if one.state != QUARANTINED]
        if wrong:
            raise WrongState(f"delivery {wrong[0].id!r} is {wrong[0].state}, and not quarantined")
        settled = 0
        for begin in range(0, len(deliveries), PAGE_ROWS_MAX):
            page = deliveries[begin : begin + PAGE_ROWS_MAX]
            settlements = tuple(
                Settlement(one.id, one.fence, state, reason, 0, now, self._code) for one in page
            )
            settled += await self._commit(settlements, now)
        counts = {"settled": settled, "overtaken": len(deliveries) - settled}
        run = Run(run.id, kind, "", FINISHED, self._code, now, self._clock.now(), counts=counts, note=note)
        await self._store.commit(Batch(self._ids.new("batch"), now, runs=(run,)))
        return run

    async def _commit(self, settlements: Sequence[Settlement], now: Instant) -> int:
        try:
            await self._store.commit(Batch(self._ids.new("batch"), now, settlements=tuple(settlements)))
        except LeaseLost:
            if len(settlements) == 1:
                return 0  # somebody else was faster
            return sum([await self._commit([one], now) for one in settlements])
        return len(settlements)
