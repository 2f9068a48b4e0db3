"""From stored rows back to the values they were. Rows come as tuples, in the order that `reading` selects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec

from purchase_core.facts.fact import Fact, RecordedFact, decode_body
from purchase_core.ports.store import TableRow
from purchase_core.records.command import Command, Stage
from purchase_core.records.delivery import Delivery
from purchase_core.records.details import Details
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.mailbox import Mailbox
from purchase_core.records.movement import Leg, Movement
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.records.run import Run
from purchase_sql.encode import NO_HEADERS
from purchase_sql.shapes import ROW_FLAGS

R = TypeVar("R", bound=TableRow)

LANE_WIDTH = len(Lane.__struct_fields__)

Record: TypeAlias = Sequence[Any]  # what drivers return; the statement says what is in it

_stages = msgspec.json.Decoder(tuple[Stage, ...]).decode
_counts = msgspec.json.Decoder(dict[str, int]).decode
_legs = msgspec.json.Decoder(tuple[Leg, ...]).decode
_headers = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode


def lane(record: Record) -> Lane:
    """A row of `lane`."""
    name, version, document, linked_to, reducer, erased = record
    return Lane(name, version, document, linked_to, reducer, bool(erased))


def lanes(records: Iterable[Record]) -> dict[str, Lane]:
    """The rows of `look_lanes`, by name: each has a lane, and the one it is linked to or nulls."""
    found: dict[str, Lane] = {}
    for record in records:
        found[record[0]] = lane(record[:LANE_WIDTH])
        if record[LANE_WIDTH] is not None:
            found[record[LANE_WIDTH]] = lane(record[LANE_WIDTH:])
    return found


def reference(record: Record) -> Reference:
    """A row of `look_references` and `references_of`."""
    return Reference(*record)


def price(record: Record) -> PriceReference:
    """A row of `look_prices`, `price_for` and `prices_of`."""
    return PriceReference(*record)


def command(record: Record) -> Command:
    """A row of `command`, `command_by_id`, and the lists of commands."""
    values = (*record[:10], _stages(record[10]), *record[11:])
    return Command(*values)


def delivery(record: Record) -> Delivery:
    """A row of `delivery`, `delivery_by_id` and `claim`."""
    return _delivery(record, record[15])


def delivery_without_body(record: Record) -> Delivery:
    """A row of `deliveries` and its kind."""
    return _delivery(record, b"")


def recorded_fact(record: Record) -> tuple[int, RecordedFact]:
    """A row of `facts` and `facts_about`, with its position."""
    position, key, kind, seen_at, digest, final, body, owner, recorded_at, cause = record
    fact = Fact(key, seen_at, decode_body(kind, body), digest, bool(final))
    return position, RecordedFact(fact, owner, recorded_at, cause)


def movement(record: Record) -> Movement:
    """A row of `movement` and `movements`."""
    values = (*record[:5], _legs(record[5]), *record[6:])
    return Movement(*values)


def effect(record: Record) -> Effect:
    """A row of `effects`."""
    return Effect(*record)


def mailbox(record: Record) -> Mailbox:
    """A row of `mailbox`, `mailboxes` and `mailbox_claim`."""
    return Mailbox(*record)


def run(record: Record) -> Run:
    """A row of `run` and `runs`."""
    values = (*record[:8], _counts(record[8]), record[9])
    return Run(*values)


def details(record: Record) -> Details:
    """A row of `details`."""
    return Details(*record)


def row(row_type: type[R], record: Record) -> R:
    """A row of one of the projection's tables."""
    return rows(row_type, (record,))[0]


def rows(row_type: type[R], records: Iterable[Record]) -> list[R]:
    """Rows of one of the projection's tables."""
    places = ROW_FLAGS[row_type]
    if not places:
        return [row_type(*record) for record in records]
    found = []
    for record in records:
        values = list(record)
        for place in places:
            values[place] = bool(values[place])
        found.append(row_type(*values))
    return found


def _delivery(record: Record, body: bytes) -> Delivery:
    key, connection, event_id, event_type, about, occurred_at, received_at, headers, source = record[:9]
    return Delivery(
        key,
        connection,
        event_id,
        event_type,
        about,
        occurred_at,
        received_at,
        () if headers == NO_HEADERS else _headers(headers),
        body,
        source,
        *record[9:15],
    )
