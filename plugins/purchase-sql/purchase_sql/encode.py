"""From a batch to the statements that write it, in the order in which every store runs them.

Each statement locks a row. Tables come in one order, and the rows of each by their key: so two batches that
want the same rows ask for them in the same order, and neither can hold what the other needs next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import TypeAlias, TypeVar

import msgspec

from purchase_core.errors import InvalidText
from purchase_core.facts.fact import RecordedFact, encode_body
from purchase_core.ports.batch import Batch
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery, Settlement
from purchase_core.records.lane import LaneStep
from purchase_core.records.movement import Movement
from purchase_core.records.run import Run
from purchase_sql.clusters import ClusterTexts
from purchase_sql.shapes import (
    Value,
    values_of_effect,
    values_of_price,
    values_of_reference,
    values_of_row,
    values_of_told,
)
from purchase_sql.texts import Texts

Operation: TypeAlias = tuple[str, tuple[Value, ...]]
"""A statement's text and its parameters."""

_json = msgspec.json.Encoder().encode
_sorted_json = msgspec.json.Encoder(order="sorted").encode
T = TypeVar("T")

_by_lane = attrgetter("lane")
_by_event = attrgetter("connection", "event_id")
_by_id = attrgetter("id")
_by_lane_place = attrgetter("lane", "lane_version", "position")
_by_mailbox = attrgetter("subscriber", "lane")
_by_price = attrgetter("connection", "price", "currency")
_by_object = attrgetter("object")
_by_hash = attrgetter("hash")
_by_key = attrgetter("key")
_by_place = itemgetter(0)
NO_HEADERS = "[]"
SURROGATE = "a text holds a lone surrogate"
NUL = "a text holds NUL"


def operations(texts: Texts, clusters: ClusterTexts, *batches: Batch) -> list[Operation]:
    """Everything that these batches write, as one. Their own rows come first, then the lanes.

    What concerns one key keeps the order of the batches. Raises InvalidArgument for one that cannot be, and
    InvalidText where a lone surrogate would have to be written within JSON; others meet the driver.
    """
    written: list[Operation] = [(texts.batch_insert, (one.id, one.at)) for one in _sorted(batches, _by_id)]
    try:
        _add_guarded(texts, batches, written.append)
        _add_unguarded(texts, clusters, batches, written.append)
    except UnicodeEncodeError:
        raise InvalidText(SURROGATE) from None
    return written


def _add_guarded(texts: Texts, batches: Sequence[Batch], add: Callable[[Operation], None]) -> None:
    for step in _sorted([step for one in batches for step in one.lanes], _by_lane):
        add((texts.lane_step, _step(step)))
    for delivery in _sorted([delivery for one in batches for delivery in one.deliveries], _by_event):
        add((texts.delivery_insert, _delivery(delivery)))
    for settled in _sorted([settled for one in batches for settled in one.settlements], _by_id):
        add((texts.settle, _settlement(settled)))
    for told in _sorted([told for one in batches for told in one.told], _by_mailbox):
        add((texts.mailbox_told, values_of_told(told)))
    for command in _sorted([one.command for one in batches if one.command is not None], _by_key):
        add((texts.command_put, _command(command)))
    for price in _sorted([price for one in batches for price in one.prices], _by_price):
        add((texts.price_put, values_of_price(price)))
    for movement in _sorted([moved for one in batches for moved in one.placed_movements()], _by_key):
        add((texts.movement_insert, _movement(movement)))
    for position, fact in _sorted([placed for one in batches for placed in one.placed_facts()], _fact_key):
        add((texts.fact_insert, _fact(position, fact)))


def _add_unguarded(
    texts: Texts, clusters: ClusterTexts, batches: Sequence[Batch], add: Callable[[Operation], None]
) -> None:
    roots = [change for one in batches for change in _clusters(texts, clusters, one)]
    for _, operation in _sorted(roots, _by_place):
        add(operation)
    rows = [change for one in batches for change in _rows(texts, one)]
    for _, operation in _sorted(rows, _by_place):
        add(operation)
    for reference in _sorted([reference for one in batches for reference in one.references], _by_object):
        add((texts.reference_put, values_of_reference(reference)))
    for offer in _sorted([offer for one in batches for offer in one.offers], _by_hash):
        add((texts.offer_insert, (offer.hash, offer.offer, offer.encode().decode())))
    _add_erasures(texts, batches, add)
    names = [change for one in batches for change in _subscribers(texts, one)]
    for _, operation in _sorted(names, _by_place):
        add(operation)
    effects = _sorted([effect for one in batches for effect in one.effects], _by_key)
    for effect in effects:
        add((texts.effect_insert, values_of_effect(effect)))
    for effect in _sorted(effects, _by_lane_place):
        # A mailbox is made by the first of its lane, and begins there. An effect that was there before stands
        # at another place, and wakes nobody.
        add((texts.mailbox_wake, (effect.key, effect.lane_version, effect.position)))
    for run in _sorted([run for one in batches for run in one.runs], _by_id):
        add((texts.run_put, _run(run)))


def _add_erasures(texts: Texts, batches: Sequence[Batch], add: Callable[[Operation], None]) -> None:
    for identifier in _sorted([identifier for one in batches for identifier in one.redacted], str):
        add((texts.redact, (identifier,)))
    persons = [change for one in batches for change in _details(texts, one)]
    for _, operation in _sorted(persons, _by_place):
        add(operation)


# Drops and puts are sorted together: of one key, what was there is dropped before it is put anew.


def _clusters(texts: Texts, clusters: ClusterTexts, batch: Batch) -> Iterator[tuple[str, Operation]]:
    for root in batch.dropped_clusters:
        yield root, (texts.cluster_drop, (root,))
    for one in batch.clusters:
        yield one.root, (texts.cluster_put, (one.root, one.lane, clusters.write(one)))


def _rows(texts: Texts, batch: Batch) -> Iterator[tuple[tuple[str, str], Operation]]:
    for kind, key in batch.dropped_rows:
        yield (kind.TABLE, key), (texts.row_drop[kind], (key,))
    for row in (*batch.rows, *batch.ledger):
        yield (row.TABLE, row.key), (texts.row_put[type(row)], values_of_row[type(row)](row))


def _subscribers(texts: Texts, batch: Batch) -> Iterator[tuple[str, Operation]]:
    for name in batch.dropped_subscribers:
        yield name, (texts.subscriber_drop, (name,))
        yield name, (texts.mailbox_drop, (name,))
    for name in batch.subscribers:
        yield name, (texts.subscriber_insert, (name,))


def _details(texts: Texts, batch: Batch) -> Iterator[tuple[str, Operation]]:
    for customer in batch.dropped_details:
        yield customer, (texts.details_drop, (customer,))
    for one in batch.details:
        yield one.customer, (texts.details_put, (one.customer, one.body, one.updated_at))


def _sorted(values: Sequence[T], key: Callable[[T], str | tuple[str, ...]]) -> Sequence[T]:
    return sorted(values, key=key) if len(values) > 1 else values


def _fact_key(placed: tuple[int, RecordedFact]) -> str:
    return placed[1].fact.key


def text_list(values: Iterable[str]) -> str:
    """Many texts as one parameter. Raises InvalidText."""
    listed = list(values)
    _require_whole(listed)
    try:
        return _json(listed).decode()
    except UnicodeEncodeError:
        raise InvalidText(SURROGATE) from None


def pair_list(values: Sequence[tuple[str, str]]) -> str:
    """Many pairs of texts as one parameter. Raises InvalidText."""
    for pair in values:
        _require_whole(pair)
    try:
        return _json(values).decode()
    except UnicodeEncodeError:
        raise InvalidText(SURROGATE) from None


def _require_whole(values: Iterable[str]) -> None:
    # SQLite ends a text of a JSON list at NUL: who asks for one thing would be told of another.
    if any("\x00" in value for value in values):
        raise InvalidText(NUL)


def _step(one: LaneStep) -> tuple[Value, ...]:
    return one.lane, one.expected_version, one.document, one.linked_to, one.reducer, one.erased


def _run(one: Run) -> tuple[Value, ...]:
    counts = _sorted_json(one.counts).decode()
    return (
        one.id,
        one.kind,
        one.scope,
        one.state,
        one.code,
        one.started_at,
        one.updated_at,
        one.cursor,
        counts,
        one.note,
    )


def _delivery(one: Delivery) -> tuple[Value, ...]:
    return (
        one.id,
        one.connection,
        one.event_id,
        one.event_type,
        one.object,
        one.occurred_at,
        one.received_at,
        _json(one.headers).decode() if one.headers else NO_HEADERS,
        one.source,
        one.state,
        one.reason,
        one.attempts,
        one.available_at,
        one.fence,
        one.code,
        one.body,
    )


def _settlement(one: Settlement) -> tuple[Value, ...]:
    return one.id, one.fence, one.state, one.reason, one.attempts, one.available_at, one.code


def _command(one: Command) -> tuple[Value, ...]:
    return (
        one.key,
        one.id,
        one.kind,
        one.lane,
        one.fingerprint,
        one.state,
        one.connection,
        one.reference,
        one.created_at,
        one.updated_at,
        _json(one.stages).decode(),
        one.decision,
        one.request,
        one.result,
    )


def _movement(one: Movement) -> tuple[Value, ...]:
    return (
        one.key,
        one.lane,
        one.kind,
        one.unit,
        one.at,
        _json(one.legs).decode(),
        one.cause,
        one.fingerprint,
        one.answer,
        one.reason,
        one.position,
        one.hash,
    )


def _fact(position: int, one: RecordedFact) -> tuple[Value, ...]:
    fact = one.fact
    return (
        fact.key,
        one.lane,
        position,
        fact.object,
        fact.kind,
        fact.order,
        fact.digest,
        fact.final,
        encode_body(fact.body).decode(),
        one.recorded_at,
        one.cause,
    )
