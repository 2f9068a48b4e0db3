"""Bugs of reading: what an answer leaves out, adds, or puts in another order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import Holders, Question, TableRow, View
from purchase_core.records.command import UNKNOWN, Command
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore

R = TypeVar("R", bound=TableRow)

PARAMETERS_MAX = 100


class OrdersFactsByTheirOwnTime(MemoryStore):
    """Facts come as they happened, not as they were recorded."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        found = await super().facts(lane, known_at=known_at, after=after, limit=limit)
        return sorted(found, key=lambda one: one[1].fact.order)


class ForgetsLinkedLanes(MemoryStore):
    """What was recorded before the link is not the customer's."""

    async def linked_lanes(self, lane: str) -> Sequence[str]:
        return ()


class CountsFactsOfAllLanes(MemoryStore):
    """One counter for all lanes, and facts of linked lanes come along: a reader may be past them already."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        lanes = {lane, *(one.lane for one in self.database.lanes.values() if one.linked_to == lane)}
        found = [
            (position, one)
            for position, one in enumerate(self.database.facts.values(), start=1)
            if one.lane in lanes and (known_at is None or one.recorded_at <= known_at)
        ]
        return [one for one in found if one[0] > after][:limit]

    async def linked_lanes(self, lane: str) -> Sequence[str]:
        return ()


class TakesFactsOfLanesThatStandStill(MemoryStore):
    """A fact is recorded in a lane that the batch does not guard."""

    async def commit(self, batch: Batch) -> None:
        stepped = {one.lane for one in batch.lanes}
        facts = tuple(one for one in batch.facts if one.lane in stepped)
        await super().commit(replace(batch, facts=facts))


class LinksForEver(MemoryStore):
    """A lane that was linked elsewhere since is still listed, and in the order of linking."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._links: dict[str, list[str]] = {}

    async def linked_lanes(self, lane: str) -> Sequence[str]:
        return self._links.get(lane, [])

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        for one in batch.lanes:
            if one.linked_to and one.lane not in self._links.setdefault(one.linked_to, []):
                self._links[one.linked_to].append(one.lane)


class ConfusesTheTwoTimes(MemoryStore):
    """`known_at` is held against the fact's own time."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        found = await super().facts(lane, after=after, limit=limit)
        return [one for one in found if known_at is None or one[1].fact.order <= known_at]


class ExcludesTheInstantItself(MemoryStore):
    """What was recorded at `known_at` is not known yet."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        earlier = None if known_at is None else Instant(known_at - 1)
        return await super().facts(lane, known_at=earlier, after=after, limit=limit)


class CountsInsteadOfPositions(MemoryStore):
    """`after` is taken for a number of facts of this lane."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        return (await super().facts(lane))[after : after + limit]


class PagesByTheTimeOfRecording(MemoryStore):
    """The next page begins behind the instant of the last row: what was recorded with it is skipped."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        found = await super().facts(lane, known_at=known_at)
        last = max((one.recorded_at for position, one in found if position <= after), default=None)
        return [one for one in found if last is None or one[1].recorded_at > last][:limit]


class StartsThePastAnew(MemoryStore):
    """The statement for the past lacks `after`."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        after = after if known_at is None else 0
        return await super().facts(lane, known_at=known_at, after=after, limit=limit)


class LimitsBeforeItFilters(MemoryStore):
    """A page of everything, and of that what was known then: the page can be empty before the end."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        page = await super().facts(lane, after=after, limit=limit)
        page = page or await super().facts(lane, after=after)
        return [one for one in page if known_at is None or one[1].recorded_at < known_at]


class ForgetsWhereClustersWent(MemoryStore):
    """A fact is looked for under the root that it was recorded under."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._first_roots: dict[str, str] = {}

    async def facts_about(self, root: str) -> Sequence[RecordedFact]:
        known = self._first_roots
        return [one for one in self.database.facts.values() if known.get(one.fact.object) == root]

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        for one in batch.references:
            self._first_roots.setdefault(one.object, one.root)


class MatchesKindsByPrefix(MemoryStore):
    """`customer` is found in `customers`."""

    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        mine = [one for one in self.database.references.values() if one.lane == lane]
        return sorted((one for one in mine if one.object.startswith(kind)), key=lambda one: one.object)


class HidesEndedPrices(MemoryStore):
    """A renewal at a price that is sold no more maps to nothing."""

    async def look(self, question: Question) -> View:
        view = await super().look(question)
        on_sale = {key: one for key, one in view.prices.items() if one.ended_at is None}
        return replace(view, prices=on_sale)


class SellsAtTheOldestPrice(MemoryStore):
    """The first price that is found will do."""

    async def price_for(
        self, connection: str, version: str, currency: str, variant: str = ""
    ) -> PriceReference | None:
        wanted = (connection, version, currency, variant)
        found = [
            one
            for one in self.database.prices.values()
            if (one.connection, one.version, one.currency, one.variant) == wanted and one.ended_at is None
        ]
        return min(found, key=lambda one: one.created_at, default=None)


class SellsAtAnothersPrice(MemoryStore):
    """The connection is left out."""

    async def price_for(
        self, connection: str, version: str, currency: str, variant: str = ""
    ) -> PriceReference | None:
        connections = {one.connection for one in self.database.prices.values()}
        found = [
            await MemoryStore.price_for(self, one, version, currency, variant) for one in sorted(connections)
        ]
        return max((one for one in found if one), key=lambda one: one.created_at, default=None)


class SellsAnyVariant(MemoryStore):
    """Whether a price begins with a trial makes no difference."""

    async def price_for(
        self, connection: str, version: str, currency: str, variant: str = ""
    ) -> PriceReference | None:
        plain = await super().price_for(connection, version, currency)
        return plain or await super().price_for(connection, version, currency, variant)


class ListsPricesOnSale(MemoryStore):
    """What is sold no more is not listed."""

    async def prices_of(
        self, connection: str, *, after: tuple[str, str] = ("", ""), limit: int = PAGE_ROWS_MAX
    ) -> Sequence[PriceReference]:
        found = await super().prices_of(connection, after=after)
        return [one for one in found if one.ended_at is None][:limit]


class PagesPricesById(MemoryStore):
    """The currency is left out of the cursor."""

    async def prices_of(
        self, connection: str, *, after: tuple[str, str] = ("", ""), limit: int = PAGE_ROWS_MAX
    ) -> Sequence[PriceReference]:
        found = await super().prices_of(connection)
        return [one for one in found if one.price > after[0]][:limit]


class CountsWhoHasEnded(MemoryStore):
    """Whoever once held a version holds it still."""

    async def holders(self, connection: str) -> Sequence[Holders]:
        rows = [
            row for row in self.database.table(SubscriptionRow) if row.connection == connection and row.bound
        ]
        counts = Counter((row.version, row.currency) for row in rows)
        return [Holders(version, currency, count) for (version, currency), count in sorted(counts.items())]


class CountsWhoNeverPaid(MemoryStore):
    """A subscription is held by whoever began it."""

    async def holders(self, connection: str) -> Sequence[Holders]:
        rows = [
            row
            for row in self.database.table(SubscriptionRow)
            if row.connection == connection and row.status not in ENDED_SUBSCRIPTIONS
        ]
        counts = Counter((row.version, row.currency) for row in rows)
        return [Holders(version, currency, count) for (version, currency), count in sorted(counts.items())]


class ForgetsUnknownCommands(MemoryStore):
    """A command whose answer was lost is taken for ended."""

    async def open_commands(
        self, kinds: Collection[str], *, before: Instant, limit: int
    ) -> Sequence[Command]:
        found = await super().open_commands(kinds, before=before, limit=limit)
        return [one for one in found if one.state != UNKNOWN]


class PagesThroughEveryKind(MemoryStore):
    """A page of open commands is cut before the kinds are looked at, so that one kind starves another."""

    async def open_commands(
        self, kinds: Collection[str], *, before: Instant, limit: int
    ) -> Sequence[Command]:
        every = {one.kind for one in self.database.commands.values()}
        found = await super().open_commands(every, before=before, limit=limit)
        return [one for one in found if one.kind in kinds]


class ListsCommandsOfNeighbours(MemoryStore):
    """The colon is left out: `stripe` lists those of `stripe-eu`, too."""

    async def commands(
        self, under: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        known = self.database.commands
        found = sorted(key for key in known if key.startswith(under) and key > after_key)
        return [known[key] for key in found[:limit]]


class ListsCommandsAsTheyWereMade(MemoryStore):
    """Those of a lane come in the order of their making."""

    async def commands_of(
        self, lane: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        known = self.database.commands.values()
        return [one for one in known if one.lane == lane and one.key > after_key][:limit]


class OrdersEffectsByWriting(MemoryStore):
    """The outbox comes as it was written."""

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        found = [one for one in self.database.effects.values() if one.lane == lane]
        return [one for one in found if one.place > after][:limit]


class OrdersEffectsByKey(MemoryStore):
    """The outbox comes in the order of its primary key."""

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        return sorted(await super().effects(lane, after=after), key=lambda one: one.key)[:limit]


class OrdersEffectsByText(MemoryStore):
    """Version 10 comes before version 9."""

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        found = await super().effects(lane, after=after)
        return sorted(found, key=lambda one: (str(one.lane_version), str(one.position)))[:limit]


class ListsRowsAsWritten(MemoryStore):
    """Rows come without an order."""

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        found = [
            row for row in self.database.table(row_type) if lane in ("", row.lane) and row.key > after_key
        ]
        return found[:limit]


class ListsRowsOfEverybody(MemoryStore):
    """The lane is left out."""

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        return await super().rows(row_type, after_key=after_key, limit=limit)


class PagesWithoutEnd(MemoryStore):
    """A page is as long as the table."""

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        return await super().rows(row_type, lane=lane, after_key=after_key, limit=1_000_000)


class ForgetsOwners(MemoryStore):
    """A lane comes without the lane that it is linked to."""

    async def look(self, question: Question) -> View:
        view = await super().look(question)
        asked = {*question.lanes, *(one.lane for one in view.references.values())}
        return replace(view, lanes={name: lane for name, lane in view.lanes.items() if name in asked})


class AnswersWithLanesThatAreNot(MemoryStore):
    """A lane that is absent is in the view, at version 0; whoever asks whether it exists is misled."""

    async def look(self, question: Question) -> View:
        view = await super().look(question)
        return replace(view, lanes={**{name: Lane(name) for name in question.lanes}, **view.lanes})


class ReadsHalfALane(MemoryStore):
    """Of a whole lane, the clusters that the references name must do."""

    async def look(self, question: Question) -> View:
        return await super().look(replace(question, whole_lanes=()))


class JoinsListsWithCommas(MemoryStore):
    """Many keys become one parameter, and are taken apart again at every comma."""

    async def look(self, question: Question) -> View:
        return await super().look(replace(question, objects=tuple(",".join(question.objects).split(","))))


class AnswersTheFirstHundred(MemoryStore):
    """What does not fit into one statement is not asked."""

    async def look(self, question: Question) -> View:
        return await super().look(replace(question, objects=question.objects[:PARAMETERS_MAX]))

    async def offers(self, hashes: Sequence[str]) -> Mapping[str, OfferVersion]:
        return await super().offers(hashes[:PARAMETERS_MAX])
