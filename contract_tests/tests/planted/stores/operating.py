"""Bugs of what operations read and write: lanes, holdings, runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from purchase_core.errors import StoreError
from purchase_core.facts.rows import STUCK_REFUNDS, CaseRow, IntentRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.operator_reads import TALLIES, Dangling, Holdings, Tally, W
from purchase_core.records.delivery import Delivery
from purchase_core.records.lane import Lane
from purchase_core.records.run import Run
from purchase_core.testing.memory_store import MemoryStore


class ListsLanesAsTheyWereMade(MemoryStore):
    """The order of lanes is that of their making, and a page begins behind a number of them."""

    async def lanes(self, *, after: str = "", limit: int = PAGE_ROWS_MAX) -> Sequence[Lane]:
        names = list(self.database.lanes)
        begin = names.index(after) + 1 if after in names else 0
        return [self.database.lanes[name] for name in names[begin : begin + limit]]


class ForgetsWhichFoldWrote(MemoryStore):
    """A lane keeps the version of the fold that made it."""

    def _apply(self, batch: Batch) -> None:
        known = {name: one.reducer for name, one in self.database.lanes.items()}
        super()._apply(batch)
        for name, reducer in known.items():
            self.database.lanes[name] = replace(self.database.lanes[name], reducer=reducer)


class HoldsOnlyTheLaneItself(MemoryStore):
    """What was recorded in a lane that is linked by now is left out."""

    async def holdings(self, first: str, last: str) -> Holdings:
        held = await super().holdings(first, last)
        kept = {name: one for name, one in held.lanes.items() if not one.linked_to}
        return replace(held, lanes=kept, facts=[one for one in held.facts if one[1].lane in kept])


class HoldsOneTableTooFew(MemoryStore):
    """References are not thought of."""

    async def holdings(self, first: str, last: str) -> Holdings:
        return replace(await super().holdings(first, last), references=())


class HoldsNoJournal(MemoryStore):
    """Journals are not thought of."""

    async def holdings(self, first: str, last: str) -> Holdings:
        return replace(await super().holdings(first, last), movements=())


class CountsHeldFacts(MemoryStore):
    """Facts come with their place in the answer, not with that in their lane."""

    async def holdings(self, first: str, last: str) -> Holdings:
        held = await super().holdings(first, last)
        return replace(held, facts=[(place, one) for place, (_, one) in enumerate(held.facts)])


class HoldsWhatIsLinkedToNothing(MemoryStore):
    """A range that begins with no name has everything that is linked nowhere."""

    async def holdings(self, first: str, last: str) -> Holdings:
        held = await super().holdings(first, last)
        known = self.database.lanes.items()
        more = {name: one for name, one in known if first <= one.linked_to <= last}
        return replace(held, lanes={**held.lanes, **more})


class HoldsWhatIsLinkedOutOfTheRange(MemoryStore):
    """What lies in the range is told, although it belongs to a lane outside of it."""

    async def holdings(self, first: str, last: str) -> Holdings:
        held = await super().holdings(first, last)
        known = self.database
        more = {name: one for name, one in known.lanes.items() if first <= name <= last}
        facts = [(known.positions[key], one) for key, one in known.facts.items() if one.lane in more]
        return replace(held, lanes={**held.lanes, **more}, facts=facts or held.facts)


class HoldsALinkedLaneTwice(MemoryStore):
    """A lane that lies in the range, and is linked to another one of it, is read as both."""

    async def holdings(self, first: str, last: str) -> Holdings:
        held = await super().holdings(first, last)
        again = {one.lane for one in held.lanes.values() if one.linked_to and first <= one.lane <= last}
        return replace(held, facts=[*held.facts, *(one for one in held.facts if one[1].lane in again)])


class HoldsAllButTheLast(MemoryStore):
    """A range ends before its last lane."""

    async def holdings(self, first: str, last: str) -> Holdings:
        held = await super().holdings(first, last)
        kept = {name: one for name, one in held.lanes.items() if name != last or first == last}
        return replace(held, lanes=kept)


class HoldsWhatLiesInNoLane(MemoryStore):
    """Rows are found by the name of their lane, whether or not there is such a lane."""

    async def holdings(self, first: str, last: str) -> Holdings:
        held = await super().holdings(first, last)
        lost = [
            row for row in self.database.rows.values()
            if first <= row.lane <= last and row.lane not in self.database.lanes
        ]  # fmt: skip
        return replace(held, rows=[*held.rows, *lost])


class KeepsTheFirstOfARun(MemoryStore):
    """A run is inserted, and how it went on is lost."""

    def _apply(self, batch: Batch) -> None:
        known = dict(self.database.runs)
        super()._apply(batch)
        self.database.runs.update(known)


class MixesRunsOfAllKinds(MemoryStore):
    """The kind is not looked at."""

    async def runs(self, *, kind: str = "", before_id: str = "", limit: int = 100) -> Sequence[Run]:
        return await super().runs(before_id=before_id, limit=limit)


class NotesRunsByThemselves(MemoryStore):
    """How far a run has come is written although what it did was refused."""

    async def commit(self, batch: Batch) -> None:
        try:
            await super().commit(batch)
        except StoreError:
            self.database.runs.update({one.id: one for one in batch.runs})
            raise


class ClaimsTheOldestWhateverIsAsked(MemoryStore):
    """What came last waits behind the backlog."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        return await super().claim(now=now, lease_until=lease_until, limit=limit)


class KnowsEventsOfAllConnections(MemoryStore):
    """An event of another connection is taken for this one's."""

    async def known_events(self, connection: str, event_ids: Sequence[str]) -> frozenset[str]:
        return frozenset(event for _, event in self.database.events if event in event_ids)


class ListsTheOldestAgain(MemoryStore):
    """A page of the oldest begins with the last row of the page before."""

    async def oldest_deliveries(self, *, after_id: str = "", limit: int = 100) -> Sequence[Delivery]:
        found = sorted(self.database.deliveries.values(), key=lambda one: one.id)
        return [replace(one, body=b"") for one in found if one.id >= after_id][:limit]


class ListsTheNewestForTheOldest(MemoryStore):
    """The order is the one of the other list."""

    async def oldest_deliveries(self, *, after_id: str = "", limit: int = 100) -> Sequence[Delivery]:
        return await self.deliveries(limit=limit)


class OverlooksCauses(MemoryStore):
    """Only lanes are looked for."""

    async def dangling(self, limit: int) -> Sequence[Dangling]:
        return [one for one in await super().dangling(limit) if one.relation.endswith(".lane")]


class ForgetsTheCode(MemoryStore):
    """Which code judged a delivery is not kept."""

    def _apply_settlements(self, batch: Batch) -> None:
        settled = tuple(replace(one, code="") for one in batch.settlements)
        super()._apply_settlements(replace(batch, settlements=settled))


class CountsTheFloodOnly(MemoryStore):
    """Whatever waits, only deliveries are counted."""

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        return [one for one in await super().tallies(now=now, limit=limit, of=of) if one.of == "pending"]


class CountsWithoutLimit(MemoryStore):
    """A flood is counted to its end."""

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        return await super().tallies(now=now, limit=limit * PAGE_ROWS_MAX, of=of)


class CountsWhatNobodyAskedFor(MemoryStore):
    """Whatever is asked for, everything that waits is counted."""

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        return await super().tallies(now=now, limit=limit)


class CountsWhatIsBeingWorkedOnAsAbandoned(MemoryStore):
    """A lease that still holds is taken for one that ran out."""

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        return await super().tallies(now=Instant(now + 3_600_000_000), limit=limit, of=of)


class CountsCasesThatWereResolved(MemoryStore):
    """Every case is counted, also those that somebody has decided."""

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        more = sum(isinstance(one, CaseRow) and one.status != "open" for one in self.database.rows.values())
        found = await super().tallies(now=now, limit=limit, of=of)
        return [replace(one, count=one.count + more) if one.of == "cases" else one for one in found]


class ForgetsSinceWhenItWaits(MemoryStore):
    """What came last says since when all of it waits."""

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        return [replace(one, oldest=now) for one in await super().tallies(now=now, limit=limit, of=of)]


class MixesErrors(MemoryStore):
    """What is particular to one delivery is taken for its error."""

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        found = await super().tallies(now=now, limit=limit, of=of)
        return [
            replace(one, by=(*one.by[:2], "malformed")) if one.of == "quarantined" else one for one in found
        ]


class ShowsCasesThatWereResolved(MemoryStore):
    """What somebody has decided is waiting still."""

    async def waiting(self, row_type: type[W], *, limit: int = PAGE_ROWS_MAX) -> Sequence[W]:
        kept = ("open", "resolved", *STUCK_REFUNDS)
        found = [one for one in self.database.table(row_type) if one.status in kept]
        return sorted(found, key=lambda one: (one.amount, one.key), reverse=True)[:limit]


class ShowsTheFirstKeys(MemoryStore):
    """The rows that wait are cut by their keys, and then sorted by their money."""

    async def waiting(self, row_type: type[W], *, limit: int = PAGE_ROWS_MAX) -> Sequence[W]:
        found = sorted(await super().waiting(row_type), key=lambda one: one.key)[:limit]
        return sorted(found, key=lambda one: (one.amount, one.key), reverse=True)


class ShowsAllThatWaits(MemoryStore):
    """The limit is not looked at."""

    async def waiting(self, row_type: type[W], *, limit: int = PAGE_ROWS_MAX) -> Sequence[W]:
        return await super().waiting(row_type)


class TakesKeysOfIntentsForTimes(MemoryStore):
    """Intents come by their keys, as if each key were made when the intent was placed."""

    async def intents_since(
        self, since: Instant, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[IntentRow]:
        placed = [one for one in self.database.table(IntentRow) if one.placed_at >= since]
        found = [one for one in placed if before is None or one.key < before[1]]
        return sorted(found, key=lambda one: one.key, reverse=True)[:limit]


class GivesTheOldestIntents(MemoryStore):
    """A page begins at the instant, and what is newest is cut off."""

    async def intents_since(
        self, since: Instant, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[IntentRow]:
        return (await super().intents_since(since, before=before))[-limit:]


class SkipsIntentsOfTheSameInstant(MemoryStore):
    """The next page begins before the last instant of this one."""

    async def intents_since(
        self, since: Instant, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[IntentRow]:
        return await super().intents_since(since, before=before and (before[0], ""), limit=limit)


class ListsCasesOfAnyStatus(MemoryStore):
    """The list of open cases shows what somebody has decided as well."""

    async def cases(
        self, status: str, *, kind: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[CaseRow]:
        mine = [one for one in self.database.table(CaseRow) if kind in ("", one.kind)]
        return sorted((one for one in mine if one.key > after_key), key=lambda one: one.key)[:limit]


class FiltersCasesOfAPage(MemoryStore):
    """A page is read first, and what is of another kind left out of it."""

    async def cases(
        self, status: str, *, kind: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[CaseRow]:
        page = await super().cases(status, after_key=after_key, limit=limit)
        return [one for one in page if kind in ("", one.kind)]
