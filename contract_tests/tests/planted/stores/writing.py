"""Bugs of writing: what a commit forgets, overwrites, or does not check."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.errors import LaneConflict
from purchase_core.ports.batch import Batch
from purchase_core.records.lane import Lane
from purchase_core.testing.memory_store import MemoryStore

CHUNK_ROWS = 100


class ForgetsTheOutbox(MemoryStore):
    """Effects are left to the application."""

    async def commit(self, batch: Batch) -> None:
        await super().commit(replace(batch, effects=()))


class InsertsDeliveriesByThemselves(MemoryStore):
    """The inbox row goes in before the rest of its batch is checked."""

    async def commit(self, batch: Batch) -> None:
        for row in batch.deliveries:
            self.database.deliveries.setdefault(row.id, row)
        await super().commit(batch)


class AppliesUntilItFails(MemoryStore):
    """Rows are written before the price is found to be taken."""

    def _check_prices(self, batch: Batch) -> None:
        self.database.rows.update({(type(row), row.key): row for row in batch.rows})
        super()._check_prices(batch)


class ForgetsBatchIds(MemoryStore):
    """A batch that is sent again is taken for a new one."""

    async def commit(self, batch: Batch) -> None:
        self.database.batches.discard(batch.id)
        await super().commit(batch)


class RemembersRefusedBatches(MemoryStore):
    """The batch id is noted before the batch is checked."""

    def _check(self, batch: Batch) -> None:
        self.database.batches.add(batch.id)
        super()._check(batch)


class WritesAfterClosing(MemoryStore):
    """Closing changes nothing."""

    async def aclose(self) -> None:
        pass


class SplitsLargeBatches(MemoryStore):
    """What is too long for one statement is written in pieces, each for itself."""

    async def commit(self, batch: Batch) -> None:
        for start in range(0, len(batch.rows) - CHUNK_ROWS, CHUNK_ROWS):
            piece = batch.rows[start : start + CHUNK_ROWS]
            await super().commit(Batch(f"{batch.id} {start}", batch.at, rows=piece))
        await super().commit(batch)


# --- lanes -------------------------------------------------------------------------------------


class InventsLanes(MemoryStore):
    """A lane is made when it is first read."""

    async def lane(self, lane: str) -> Lane:
        return self.database.lanes.get(lane, Lane(lane, 1))


class KeepsOldDocuments(MemoryStore):
    """An empty document is taken for none."""

    async def commit(self, batch: Batch) -> None:
        known = self.database.lanes
        lanes = tuple(
            replace(one, document=one.document or known.get(one.lane, Lane(one.lane)).document)
            for one in batch.lanes
        )
        await super().commit(replace(batch, lanes=lanes))


class LosesLinks(MemoryStore):
    """A lane's link is not stored."""

    async def commit(self, batch: Batch) -> None:
        lanes = tuple(replace(one, linked_to="") for one in batch.lanes)
        await super().commit(replace(batch, lanes=lanes))


class AcceptsAnyVersion(MemoryStore):
    """The last writer wins."""

    def _check_lanes(self, batch: Batch) -> None:
        pass


class AcceptsVersionsAhead(MemoryStore):
    """The guard is an order, not an equality."""

    def _check_lanes(self, batch: Batch) -> None:
        for step in batch.lanes:
            if self.database.lanes.get(step.lane, Lane(step.lane)).version > step.expected_version:
                raise LaneConflict(f"lane {step.lane!r} has moved on")


class GuardsTheFirstLane(MemoryStore):
    """Only one lane of a batch is checked."""

    def _check_lanes(self, batch: Batch) -> None:
        super()._check_lanes(replace(batch, lanes=batch.lanes[:1]))


class UpdatesEveryLane(MemoryStore):
    """The update lacks its condition."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        for step in batch.lanes:
            for name, lane in self.database.lanes.items():
                self.database.lanes[name] = replace(lane, document=step.document)


# --- facts and references ----------------------------------------------------------------------


class LosesFinality(MemoryStore):
    """A column is missing from the insert."""

    async def commit(self, batch: Batch) -> None:
        facts = tuple(replace(one, fact=replace(one.fact, final=False)) for one in batch.facts)
        await super().commit(replace(batch, facts=facts))


class RecordsFactsAgain(MemoryStore):
    """A fact that is there is overwritten."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        self.database.facts.update({one.fact.key: one for one in batch.facts})


class IgnoresDigests(MemoryStore):
    """Whatever has the same key is the same fact."""

    def _check_facts(self, batch: Batch) -> None:
        pass


class PinsReferences(MemoryStore):
    """A reference is inserted or ignored."""

    def _apply(self, batch: Batch) -> None:
        known = dict(self.database.references)
        super()._apply(batch)
        self.database.references.update(known)


# --- prices and offers ---------------------------------------------------------------------------


class RemapsPrices(MemoryStore):
    """A price takes the version that was named last."""

    def _check_prices(self, batch: Batch) -> None:
        for price in batch.prices:
            self.database.prices.pop((price.connection, price.price, price.currency), None)


class TouchesPrices(MemoryStore):
    """A price that is recorded again is new again."""

    def _apply_prices(self, batch: Batch) -> None:
        for price in batch.prices:
            key = (price.connection, price.price, price.currency)
            known = self.database.prices.get(key, price)
            self.database.prices[key] = replace(price, ended_at=price.ended_at or known.ended_at)


class ReopensPrices(MemoryStore):
    """A price that is recorded without an end has none."""

    def _apply_prices(self, batch: Batch) -> None:
        super()._apply_prices(batch)
        for price in batch.prices:
            key = (price.connection, price.price, price.currency)
            self.database.prices[key] = replace(self.database.prices[key], ended_at=price.ended_at)


class EndsPricesForEver(MemoryStore):
    """What has ended cannot be sold again."""

    def _apply_prices(self, batch: Batch) -> None:
        known = self.database.prices
        over = {key: one for key, one in known.items() if one.ended_at is not None}
        super()._apply_prices(batch)
        known.update({key: one for key, one in over.items() if known[key].ended_at is None})


class KeepsOneCurrencyOfAPrice(MemoryStore):
    """The currency is not part of the key."""

    def _apply_prices(self, batch: Batch) -> None:
        for price in batch.prices:
            if not any(one.price == price.price for one in self.database.prices.values()):
                super()._apply_prices(replace(batch, prices=(price,)))


class RenamesOldOffers(MemoryStore):
    """An offer version is overwritten by a later one of the same hash."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        self.database.offers.update({offer.hash: offer for offer in batch.offers})


# --- commands and effects ------------------------------------------------------------------------


class OverwritesCommands(MemoryStore):
    """A key belongs to whoever wrote last."""

    def _check_command(self, batch: Batch) -> None:
        pass


class UpdatesOnlyTheState(MemoryStore):
    """A command that goes on keeps its first stages and documents."""

    async def commit(self, batch: Batch) -> None:
        command = batch.command
        known = self.database.commands.get(command.key) if command else None
        if command is not None and known is not None and known.id == command.id:
            command = attrs.evolve(known, state=command.state, updated_at=command.updated_at)
        await super().commit(replace(batch, command=command))


class RepeatsEffects(MemoryStore):
    """An effect that is there is written again, in its new place."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        self.database.effects.update({one.key: one for one in batch.effects})


# --- rows and clusters ---------------------------------------------------------------------------


class MergesRows(MemoryStore):
    """A column that is empty keeps its old value."""

    def _apply(self, batch: Batch) -> None:
        rows = []
        for row in batch.rows:
            known = self.database.rows.get((type(row), row.key), row)
            fields = {name: value for name, value in msgspec.structs.asdict(row).items() if value is not None}
            rows.append(replace(known, **fields))
        super()._apply(replace(batch, rows=tuple(rows)))


class DropsByKeyAlone(MemoryStore):
    """A dropped row takes those of other tables along."""

    def _apply(self, batch: Batch) -> None:
        keys = {key for _, key in batch.dropped_rows}
        for identity in [one for one in self.database.rows if one[1] in keys]:
            del self.database.rows[identity]
        super()._apply(batch)


class ForgetsRivals(MemoryStore):
    """Of a register only the newest sighting is stored."""

    async def commit(self, batch: Batch) -> None:
        clusters = tuple(
            replace(
                one,
                registers={key: replace(found, rivals=()) for key, found in one.registers.items()},
            )
            for one in batch.clusters
        )
        await super().commit(replace(batch, clusters=clusters))


class KeepsDroppedClusters(MemoryStore):
    """A cluster that was joined to another stays behind."""

    async def commit(self, batch: Batch) -> None:
        await super().commit(replace(batch, dropped_clusters=()))


# --- several batches ---------------------------------------------------------------------------


class WritesUpToTheRefusedOne(MemoryStore):
    """Of several batches, those before the one that is refused stay."""

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        for one in batches:
            await self.commit(one)


class WritesTheLastFirst(MemoryStore):
    """Several batches are written in no particular order, since nothing checks between them."""

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        ordered = sorted(batches, key=lambda one: one.id, reverse=True)
        await super().commit_all(batches)
        for one in ordered:
            self.database.rows.update({(type(row), row.key): row for row in one.rows})


class SkipsWhatItKnows(MemoryStore):
    """Of several batches, those that were written before are left out, and the others written."""

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        await super().commit_all([one for one in batches if one.id not in self.database.batches])
