"""Bugs of erasing: what was forgotten comes back, or is still there."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_core.ports.batch import Batch
from purchase_core.records.details import Details
from purchase_core.records.lane import Lane, LaneStep
from purchase_core.testing.memory_store import MemoryStore


class KeepsTheFirstDetails(MemoryStore):
    """What the application said first is what is known of a person."""

    def _apply_erasures(self, batch: Batch) -> None:
        before = dict(self.database.details)
        super()._apply_erasures(batch)
        self.database.details = {**self.database.details, **before}


class FindsDetailsByTheLane(MemoryStore):
    """Details are found under the customer's lane too."""

    async def details(self, customer: str) -> Details | None:
        return await super().details(customer.removeprefix("customer:"))


class DropsTheDetailsOfEverybody(MemoryStore):
    """The customer is left out of the DELETE."""

    def _apply_erasures(self, batch: Batch) -> None:
        if batch.dropped_details:
            self.database.details.clear()
        super()._apply_erasures(batch)


class ForgetsErasures(MemoryStore):
    """The next step of a lane writes all of its row."""

    def _apply_step(self, step: LaneStep) -> None:
        version = step.expected_version + 1
        self.database.lanes[step.lane] = Lane(
            step.lane, version, step.document, step.linked_to, step.reducer, step.erased
        )


class EmptiesTheBodyAlone(MemoryStore):
    """Headers can identify a person as well."""

    def _apply_erasures(self, batch: Batch) -> None:
        super()._apply_erasures(replace(batch, redacted=()))
        for one in batch.redacted:
            known = self.database.deliveries.get(one)
            if known is not None:
                self.database.deliveries[one] = replace(known, body=b"")
