"""From a batch to the statements that write it, in the order in which every store runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeAlias

import msgspec

from purchase_core.errors import InvalidText
from purchase_core.facts.fact import RecordedFact, encode_body
from purchase_core.ports.store import Batch
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery
from purchase_sql.clusters import ClusterTexts
from purchase_sql.shapes import (
    Value,
    values_of_effect,
    values_of_price,
    values_of_reference,
    values_of_row,
)
from purchase_sql.texts import Texts

Operation: TypeAlias = tuple[str, tuple[Value, ...]]
"""A statement's text and its parameters."""

_json = msgspec.json.Encoder().encode
_by_lane = attrgetter("lane")
NO_HEADERS = "[]"
SURROGATE = "a text holds a lone surrogate"
NUL = "a text holds NUL"


def operations(texts: Texts, clusters: ClusterTexts, batch: Batch) -> list[Operation]:
    """Everything that a batch writes. The batch's own row comes first, then the lanes in order.

    Raises InvalidText where a lone surrogate would have to be written within JSON; others meet the driver.
    """
    written: list[Operation] = [(texts.batch_insert, (batch.id, batch.at))]
    try:
        _add_guarded(texts, batch, written.append)
        _add_unguarded(texts, clusters, batch, written.append)
    except UnicodeEncodeError:
        raise InvalidText(SURROGATE) from None
    return written


def _add_guarded(texts: Texts, batch: Batch, add: Callable[[Operation], None]) -> None:
    # Two batches that take the same lanes in the same order cannot wait for each other.
    for step in sorted(batch.lanes, key=_by_lane) if len(batch.lanes) > 1 else batch.lanes:
        add((texts.lane_step, (step.lane, step.expected_version, step.document, step.linked_to)))
    for delivery in batch.deliveries:
        add((texts.delivery_insert, _delivery(delivery)))
    for one in batch.settlements:
        values = (one.id, one.fence, one.state, one.reason, one.attempts, one.available_at)
        add((texts.settle, values))
    if batch.command is not None:
        add((texts.command_put, _command(batch.command)))
    for price in batch.prices:
        add((texts.price_put, values_of_price(price)))
    for fact in batch.facts:
        add((texts.fact_insert, _fact(fact)))


def _add_unguarded(
    texts: Texts, clusters: ClusterTexts, batch: Batch, add: Callable[[Operation], None]
) -> None:
    for root in batch.dropped_clusters:
        add((texts.cluster_drop, (root,)))
    for cluster in batch.clusters:
        add((texts.cluster_put, (cluster.root, cluster.lane, clusters.write(cluster))))
    for row_type, key in batch.dropped_rows:
        add((texts.row_drop[row_type], (key,)))
    for row in batch.rows:
        add((texts.row_put[type(row)], values_of_row[type(row)](row)))
    for reference in batch.references:
        add((texts.reference_put, values_of_reference(reference)))
    for offer in batch.offers:
        add((texts.offer_insert, (offer.hash, offer.offer, offer.encode().decode())))
    for effect in batch.effects:
        add((texts.effect_insert, values_of_effect(effect)))


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
        one.body,
    )


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


def _fact(one: RecordedFact) -> tuple[Value, ...]:
    fact = one.fact
    return (
        fact.key,
        fact.object,
        fact.kind,
        fact.order,
        fact.digest,
        fact.final,
        encode_body(fact.body).decode(),
        one.lane,
        one.recorded_at,
        one.cause,
    )
