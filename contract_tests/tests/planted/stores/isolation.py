"""Bugs of isolation: one condition is missing in one statement, and a neighbour's things show."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs
from msgspec.structs import replace

from purchase_core.facts.fact import RecordedFact
from purchase_core.instants import Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import Question, View
from purchase_core.records.effect import Effect
from purchase_core.records.reference import Reference
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore


@attrs.define
class NextDatabase(MemoryDatabase):
    """The tables of another application, beside the first one's."""

    first: MemoryDatabase = attrs.field(factory=MemoryDatabase)


class ReadsFactsOfEverybody(MemoryStore):
    """The log is read without the lane."""

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        return [
            (position, one)
            for position, one in enumerate(self.database.facts.values(), start=1)
            if position > after and (known_at is None or one.recorded_at <= known_at)
        ][:limit]


class ReadsEffectsOfEverybody(MemoryStore):
    """The outbox is read without the lane."""

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        found = sorted(self.database.effects.values(), key=lambda one: (one.lane_version, one.position))
        return [one for one in found if one.place > after][:limit]


class FindsReferencesOfEverybody(MemoryStore):
    """References are found by their kind alone."""

    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        known = self.database.references.values()
        return sorted((one for one in known if one.object.startswith(f"{kind}:")), key=lambda one: one.object)


class ReadsClustersOfEverybody(MemoryStore):
    """A whole lane brings whatever clusters there are."""

    async def look(self, question: Question) -> View:
        view = await super().look(question)
        return replace(view, clusters=dict(self.database.clusters)) if question.whole_lanes else view


class MatchesLanesByPattern(MemoryStore):
    """`LIKE` where `=` was meant: a customer called % is everybody."""

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        pattern = re.escape(lane).replace("%", ".*").replace("_", ".")
        found = [one for one in self.database.effects.values() if re.fullmatch(pattern, one.lane, re.DOTALL)]
        found = [one for one in found if one.place > after]
        return sorted(found, key=lambda one: (one.lane_version, one.position))[:limit]


class MatchesLanesByTheirBeginning(MemoryStore):
    """What belongs to ana2 belongs to ana."""

    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        known = self.database.references.values()
        found = [one for one in known if one.lane.startswith(lane) and one.object.startswith(f"{kind}:")]
        return sorted(found, key=lambda one: one.object)


class LooksPricesUpByTheirIdAlone(MemoryStore):
    """The other account's price has the same id, and sells something else."""

    async def look(self, question: Question) -> View:
        view = await super().look(question)
        names = {price for _, price in question.prices}
        known = self.database.prices.values()
        return replace(view, prices={(one.connection, one.price): one for one in known if one.price in names})


class LooksReferencesUpByTheirIdAlone(MemoryStore):
    """The connection is cut out of the key."""

    async def look(self, question: Question) -> View:
        view = await super().look(question)
        ends = {(one.split(":", 1)[0], one.rpartition(":")[2]) for one in question.objects}
        found = {
            key: one
            for key, one in self.database.references.items()
            if (key.split(":", 1)[0], key.rpartition(":")[2]) in ends
        }
        return replace(view, references=found)


class ForgetsThePrefixOfOneTable(MemoryStore):
    """Two applications share the table of batches: what one has done, the other need not."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        if isinstance(database, NextDatabase):
            database.batches = database.first.batches
