"""How the reference store writes: a commit checks everything, then applies everything; no more is atomic."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import attrs
from msgspec.structs import replace

from purchase_core.errors import (
    KeyConflict,
    LaneConflict,
    LeaseLost,
    PurchaseError,
    StoreError,
    StoreUnavailable,
)
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import OVER, PENDING, Delivery
from purchase_core.records.lane import Lane, LaneStep
from purchase_core.records.reference import PriceReference
from purchase_core.testing.memory_database import NOT_LEASED, MemoryDatabase
from purchase_core.testing.memory_mailboxes import MemoryMailboxes


class MemoryWriting(MemoryMailboxes):
    """The part of the reference store that writes."""

    _closed: bool

    async def commit(self, batch: Batch) -> None:
        """Check everything, then apply everything."""
        self._require_open()
        if batch.id in self.database.batches:
            return
        self._check(batch)
        self._apply(batch)

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Apply all of them, or bring back what was there."""
        self._require_open()
        known = [one.id in self.database.batches for one in batches]
        if all(known):
            return
        before = {one.name: copy(getattr(self.database, one.name)) for one in attrs.fields(MemoryDatabase)}
        try:
            if any(known):
                raise LaneConflict("one of the batches was committed before")
            for batch in batches:
                self._check(batch)
                self._apply(batch)
        except PurchaseError as error:
            for name, value in before.items():
                setattr(self.database, name, value)
            if not isinstance(error, StoreError):
                raise
            raise LaneConflict(f"one of the batches is refused: {error.code}") from error

    def _check(self, batch: Batch) -> None:
        self._check_lanes(batch)
        if batch.facts:
            self._check_facts(batch)
        if batch.movements:
            self._check_movements(batch)
        self._check_prices(batch)
        self._check_command(batch)
        self._check_deliveries(batch)
        self._check_settlements(batch)
        self._check_told(batch)

    def _check_lanes(self, batch: Batch) -> None:
        for step in batch.lanes:
            known = self.database.lanes.get(step.lane)
            found = known.version if known else 0
            if found != step.expected_version:
                raise LaneConflict(f"lane {step.lane!r} is at {found}, not at {step.expected_version}")

    def _check_facts(self, batch: Batch) -> None:
        batch.placed_facts()
        fresh: dict[str, str] = {}
        for one in batch.facts:
            key, digest = one.fact.key, one.fact.digest
            known = self.database.facts.get(key)
            if digest != (known.fact.digest if known else fresh.setdefault(key, digest)):
                raise KeyConflict("fact", key)

    def _check_movements(self, batch: Batch) -> None:
        into, keys, places = self.database, set[str](), set[tuple[str, int]]()
        for one in batch.placed_movements():
            place = (one.lane, one.position)
            if one.key in keys or one.key in into.movements or place in places or place in into.journal:
                raise KeyConflict("movement", one.key)
            keys.add(one.key)
            places.add(place)

    def _check_prices(self, batch: Batch) -> None:
        fresh: dict[tuple[str, str, str], PriceReference] = {}
        for price in batch.prices:
            known = self.database.prices.get(_price_key(price)) or fresh.setdefault(_price_key(price), price)
            if known.version != price.version:
                raise KeyConflict("price", ":".join(_price_key(price)))

    def _check_command(self, batch: Batch) -> None:
        if batch.command is not None:
            key, identifier = batch.command.key, batch.command.id
            known = self.database.commands.get(key)
            if known is None and any(one.id == identifier for one in self.database.commands.values()):
                raise KeyConflict("command", key)
            if known is not None and known.id != identifier:
                raise KeyConflict("command", key)

    def _check_deliveries(self, batch: Batch) -> None:
        fresh: set[tuple[str, str]] = set()
        for one in batch.deliveries:
            event = (one.connection, one.event_id)
            if event in self.database.events or event in fresh or one.id in self.database.deliveries:
                raise KeyConflict("delivery", ":".join(event))
            fresh.add(event)

    def _check_settlements(self, batch: Batch) -> None:
        for settlement in batch.settlements:
            row = self.database.deliveries.get(settlement.id)
            if row is None or row.fence != settlement.fence or row.state in OVER:
                raise LeaseLost(f"delivery {settlement.id!r} is not held under fence {settlement.fence}")

    def _apply(self, batch: Batch) -> None:
        into = self.database
        into.batches.add(batch.id)
        for step in batch.lanes:
            self._apply_step(step)
        self._apply_projection(batch)
        self._apply_ledger(batch)
        if batch.command is not None:
            into.commands[batch.command.key] = batch.command
        for delivery in batch.deliveries:
            into.deliveries[delivery.id] = delivery
            into.events[delivery.connection, delivery.event_id] = delivery.id
        for offer in batch.offers:
            into.offers.setdefault(offer.hash, offer)
        self._apply_subscribers(batch)
        self._apply_effects(batch)
        self._apply_told(batch)
        into.runs.update((run.id, run) for run in batch.runs)
        self._apply_prices(batch)
        self._apply_settlements(batch)
        self._apply_erasures(batch)

    def _apply_projection(self, batch: Batch) -> None:
        into = self.database
        for root in batch.dropped_clusters:
            into.clusters.pop(root, None)
        for cluster in batch.clusters:
            into.clusters[cluster.root] = cluster
        for identity in batch.dropped_rows:
            into.rows.pop(identity, None)
        for row in batch.rows:
            into.rows[type(row), row.key] = row
        for reference in batch.references:
            into.references[reference.object] = reference
        for position, fact in batch.placed_facts() if batch.facts else ():
            key = fact.fact.key
            if key not in into.facts:
                into.facts[key] = fact
                into.positions[key] = position

    def _apply_ledger(self, batch: Batch) -> None:
        into = self.database
        for row in batch.ledger:
            into.ledger[type(row), row.key] = row
        for movement in batch.movements:
            into.movements[movement.key] = movement
            into.journal[movement.lane, movement.position] = movement.key

    def _apply_step(self, step: LaneStep) -> None:
        known = self.database.lanes.get(step.lane)
        erased = step.erased or (known is not None and known.erased)
        version = step.expected_version + 1
        self.database.lanes[step.lane] = Lane(
            step.lane, version, step.document, step.linked_to, step.reducer, erased
        )

    def _apply_erasures(self, batch: Batch) -> None:
        for customer in batch.dropped_details:
            self.database.details.pop(customer, None)
        for one in batch.details:
            self.database.details[one.customer] = one
        for identifier in batch.redacted:
            known = self.database.deliveries.get(identifier)
            if known is not None:
                self.database.deliveries[identifier] = replace(known, body=b"", headers=())

    def _apply_prices(self, batch: Batch) -> None:
        for price in batch.prices:
            known = self.database.prices.setdefault(_price_key(price), price)
            if price.ended_at is not None:
                self.database.prices[_price_key(price)] = replace(known, ended_at=price.ended_at)
            elif known.ended_at is not None and price.created_at > known.ended_at:
                again = replace(known, created_at=price.created_at, ended_at=None)
                self.database.prices[_price_key(price)] = again

    def _apply_settlements(self, batch: Batch) -> None:
        for settlement in batch.settlements:
            self.database.leases.pop(settlement.id, None)
            self.database.deliveries[settlement.id] = replace(
                self.database.deliveries[settlement.id],
                state=settlement.state,
                reason=settlement.reason,
                attempts=settlement.attempts,
                available_at=settlement.available_at,
                code=settlement.code,
            )

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        """Take up to `limit` pending inbox rows that are due and free."""
        self._require_open()
        into = self.database
        free = [
            row
            for row in into.deliveries.values()
            if row.state == PENDING
            and row.available_at <= now
            and into.leases.get(row.id, NOT_LEASED) < now
        ]  # fmt: skip
        free.sort(key=lambda row: (row.available_at, row.id))
        taken = free[max(0, len(free) - limit) :] if newest else free[:limit]
        claimed = [replace(row, fence=row.fence + 1, attempts=row.attempts + 1) for row in taken]
        for row in claimed:
            into.deliveries[row.id] = row
            into.leases[row.id] = lease_until
        return claimed

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")


def _price_key(price: PriceReference) -> tuple[str, str, str]:
    return price.connection, price.price, price.currency
