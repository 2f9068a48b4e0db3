"""Bugs of what falls due, and of what is known to have been told of it."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.deadlines import D, Deadline
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.testing.memory_store import MemoryStore


class FallsDueByKeys(MemoryStore):
    """What falls due comes in the order of the table, and a page is cut by that."""

    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        found = await super().due(deadline, after=after, until=until)
        return sorted(found, key=lambda one: one.key)[:limit]


class ForgetsWhatIsDueNow(MemoryStore):
    """What falls due at the last instant that was asked for is left to the next time."""

    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        return await super().due(deadline, after=after, until=Instant(until - 1), limit=limit)


class SkipsWhatIsDueAtOnce(MemoryStore):
    """The next page begins behind the last instant of this one."""

    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        behind = (after[0], "\U0010ffff") if after[1] else after
        return await super().due(deadline, after=behind, until=until, limit=limit)


class FallsDueAfterTheEnd(MemoryStore):
    """Whatever has an instant falls due, also when it has ended or been paid."""

    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        rows = self.database.table(deadline.row_type)
        places = {
            (at, one.key): one for one in rows if (at := getattr(one, deadline.column, None)) is not None
        }
        return [places[one] for one in sorted(places) if after < one and one[0] <= until][:limit]


class KeepsTheFirstDeadline(MemoryStore):
    """What is due is noted when a row is written first, and stays where it was."""

    def _apply(self, batch: Batch) -> None:
        known = {one: self.database.rows[one] for one in self.database.rows}
        super()._apply(batch)
        self._first = {**vars(self).get("_first", {}), **known}

    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        found = await super().due(deadline, after=(Instant(0), ""), until=Instant(2**60))
        first = vars(self).get("_first", {})
        noted = [
            ((getattr(first.get((type(one), one.key), one), deadline.column), one.key), one) for one in found
        ]
        kept = sorted((place, one.key) for place, one in noted if after < place and place[0] <= until)
        rows = {one.key: one for one in found}
        return [rows[key] for _, key in kept][:limit]


class KnowsEffectsByTheirBeginning(MemoryStore):
    """An effect is known where one is whose key begins with it."""

    async def known_effects(self, keys: Sequence[str]) -> frozenset[str]:
        written = self.database.effects
        return frozenset(one for one in keys if any(key.startswith(one) for key in written))


class KnowsAllEffects(MemoryStore):
    """Every key that is asked for is known."""

    async def known_effects(self, keys: Sequence[str]) -> frozenset[str]:
        return frozenset(keys)
