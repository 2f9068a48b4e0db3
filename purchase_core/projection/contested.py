"""Contested objects: where two states claim one instant, only the provider can say which is true.

Whatever brought the second one, an event or the answer to a command, the batch that shows the contest also
puts a look-up into the inbox, to be worked off once the instant is over.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from purchase_core.facts.fact import OWN
from purchase_core.facts.rows import CaseRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import LOOKUP, Delivery

CONTESTED_SECONDS = 2  # clocks of whole seconds have moved on by then


def with_look_ups(batch: Batch, ids: IdSource) -> Batch:
    """The batch, and a look-up for each object that is contested by it."""
    asked = tuple(_look_up(key, at, batch.at, ids) for key, at in _contested(batch))
    return replace(batch, deliveries=(*batch.deliveries, *asked)) if asked else batch


def _contested(batch: Batch) -> Iterator[tuple[str, Instant]]:
    """Contested objects of providers, and the instant that their states claim."""
    cases = [row for row in batch.rows if isinstance(row, CaseRow) and row.kind == "contested"]
    if not cases:
        return
    registers = {key: one for cluster in batch.clusters for key, one in cluster.registers.items()}
    for row in cases:
        if row.about.split(":", 2)[1] != OWN:
            yield row.about, registers[row.about].newest.order


def _look_up(key: str, contested_at: Instant, now: Instant, ids: IdSource) -> Delivery:
    """The inbox row. Its `occurred_at` is the instant that must be over when the object is looked up.

    It has an event id that nothing else has: asking twice is harmless, a refused batch is not."""
    identifier = ids.new("delivery")
    return Delivery(
        id=identifier,
        connection=key.split(":", 2)[1],
        event_id=f"{LOOKUP}:{identifier}",
        event_type=LOOKUP,
        object=key,
        occurred_at=contested_at,
        received_at=now,
        headers=(),
        body=b"",
        source=LOOKUP,
        available_at=Instant(now + CONTESTED_SECONDS * SECOND),
    )
