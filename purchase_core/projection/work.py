"""What is to be recorded, and what became of it."""

from __future__ import annotations

from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import CaseRow
from purchase_core.ledger.decision import Decision
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerClaim, Need
from purchase_core.records.reference import Reference
from purchase_core.values import Value


class Recorded(Value, frozen=True):
    """What became of some facts. With `needs`, nothing was written; `foreign` counts those left out."""

    batch: Batch | None = None
    needs: tuple[Need, ...] = ()
    foreign: int = 0

    @property
    def contested(self) -> tuple[str, ...]:
        """Objects of which two states now claim one instant."""
        rows = self.batch.rows if self.batch else ()
        cases = (row for row in rows if isinstance(row, CaseRow) and row.status == "open")
        return tuple(row.about for row in cases if row.kind == "contested")


class Work(Value, frozen=True):
    """Facts to record, with the claims that came with them.

    `lanes` are stepped even if no fact belongs to them. `owner` ties a provider's customer to a lane of ours,
    and with it the lanes `waiting`, which nobody owns yet. `claimed`, a guest's lane, is tied to `claimer`.
    `decision` is taken about its lane, on what the facts have made of it.
    `merged`, a customer's lane, is tied to `into`, with `references`: what else is theirs at providers.
    """

    facts: tuple[Fact, ...] = ()
    claims: tuple[CustomerClaim, ...] = ()
    lanes: tuple[str, ...] = ()
    owner: Reference | None = None
    waiting: tuple[str, ...] = ()
    claimed: str = ""
    merged: str = ""
    into: str = ""
    references: tuple[str, ...] = ()
    claimer: str = ""
    decision: Decision | None = None
