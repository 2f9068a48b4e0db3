"""What the reference store would have on disk: dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import Row
from purchase_core.instants import Instant
from purchase_core.ports.store import TableRow
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery
from purchase_core.records.details import Details
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.ledger_rows import LEDGER_TYPES, LedgerRow
from purchase_core.records.mailbox import Mailbox
from purchase_core.records.movement import Movement
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.records.run import Run

R = TypeVar("R", bound=TableRow)

NOT_LEASED = Instant(-(2**63))


@attrs.define
class MemoryDatabase:
    """What would be on disk. Several stores may share one, as processes share a database."""

    schema_version: int = 0
    batches: set[str] = attrs.field(factory=set)
    lanes: dict[str, Lane] = attrs.field(factory=dict)
    facts: dict[str, RecordedFact] = attrs.field(factory=dict)  # by key
    positions: dict[str, int] = attrs.field(factory=dict)  # of facts in their lanes, by key
    clusters: dict[str, Cluster] = attrs.field(factory=dict)
    rows: dict[tuple[type[Row], str], Row] = attrs.field(factory=dict)
    ledger: dict[tuple[type[LedgerRow], str], LedgerRow] = attrs.field(factory=dict)
    movements: dict[str, Movement] = attrs.field(factory=dict)  # by key
    journal: dict[tuple[str, int], str] = attrs.field(factory=dict)  # (lane, position): key of a movement
    references: dict[str, Reference] = attrs.field(factory=dict)
    prices: dict[tuple[str, str, str], PriceReference] = attrs.field(factory=dict)
    offers: dict[str, OfferVersion] = attrs.field(factory=dict)
    commands: dict[str, Command] = attrs.field(factory=dict)
    deliveries: dict[str, Delivery] = attrs.field(factory=dict)  # by id
    events: dict[tuple[str, str], str] = attrs.field(factory=dict)  # (connection, event id): delivery id
    leases: dict[str, Instant] = attrs.field(factory=dict)  # of claimed deliveries, by id
    effects: dict[str, Effect] = attrs.field(factory=dict)
    subscribers: set[str] = attrs.field(factory=set)
    mailboxes: dict[tuple[str, str], Mailbox] = attrs.field(factory=dict)  # by subscriber and lane
    mailbox_leases: dict[tuple[str, str], Instant] = attrs.field(factory=dict)
    runs: dict[str, Run] = attrs.field(factory=dict)
    details: dict[str, Details] = attrs.field(factory=dict)

    def table(self, row_type: type[R]) -> list[R]:
        """All rows of one documented table."""
        held: Mapping[Any, TableRow] = self.ledger if row_type in LEDGER_TYPES else self.rows
        return [row for row in held.values() if isinstance(row, row_type)]
