"""Statements that read, each for one method of the port. Needs the extra `schema`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from purchase_core.facts.rows import InvoiceRow, SubscriptionRow
from purchase_core.ports.deadlines import DEADLINES
from purchase_core.ports.store import NEWEST_BY, TABLES, TableRow
from purchase_core.records.ledger_rows import DrawnRow
from purchase_sql import schema
from purchase_sql.dialects import OneOf
from purchase_sql.shapes import (
    CLUSTER_COLUMNS,
    DELIVERY_COLUMNS,
    FACT_COLUMNS,
    LANE_COLUMNS,
    MAILBOX_COLUMNS,
    REFERENCE_COLUMNS,
    ROW_COLUMNS,
)
from purchase_sql.statement import Statement, all_of, chosen, in_pairs, in_texts, number, text, whole


def statements() -> Iterable[Statement]:
    """All of them."""
    yield from _looking()
    yield from _points()
    yield from _deliveries()
    yield from _facts()
    yield from _lists()
    yield from _logs()
    yield from _due()
    yield from _newest()
    yield from _mailboxes()
    yield from _conflicting()
    for row_type in TABLES:
        yield from _pages(row_type)


def _asked_references(column: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(column).where(in_texts(schema.object_references.c.object, "objects"))


def _looking() -> Iterable[Statement]:
    """The parts of `look`, lanes first: a view must never be newer than its lanes say."""
    lanes, references, clusters = schema.lanes, schema.object_references, schema.clusters
    owners = lanes.alias("owners")
    named = OneOf(lanes.c.lane, _asked_references(references.c.lane))
    yield Statement(
        "look_lanes",
        ("lanes", "objects"),
        sa.select(
            *(lanes.c[name] for name in LANE_COLUMNS),
            *(owners.c[name].label(f"owner_{name}") for name in LANE_COLUMNS),
        )
        .select_from(lanes.outerjoin(owners, owners.c.lane == lanes.c.linked_to))
        .where(sa.or_(in_texts(lanes.c.lane, "lanes"), named)),
    )
    yield Statement(
        "look_references",
        ("objects",),
        chosen(references, REFERENCE_COLUMNS).where(in_texts(references.c.object, "objects")),
    )
    whole_clusters = chosen(clusters, CLUSTER_COLUMNS)
    yield Statement(
        "look_clusters",
        ("objects",),
        whole_clusters.where(OneOf(clusters.c.root, _asked_references(references.c.root))),
    )
    yield Statement("look_whole_lanes", ("lanes",), whole_clusters.where(in_texts(clusters.c.lane, "lanes")))
    prices = schema.price_references
    yield Statement(
        "look_prices",
        ("prices",),
        all_of(prices).where(in_pairs(prices.c.connection, prices.c.price, "prices")),
    )


def _points() -> Iterable[Statement]:
    """Single things, by their key."""
    batches, lanes, commands = schema.batches, schema.lanes, schema.commands
    yield Statement("batch", ("id",), sa.select(batches.c.id).where(batches.c.id == text("id")))
    yield Statement("lane", ("lane",), chosen(lanes, LANE_COLUMNS).where(lanes.c.lane == text("lane")))
    details = schema.customer_details
    yield Statement("details", ("customer",), all_of(details).where(details.c.customer == text("customer")))
    yield Statement("command", ("key",), all_of(commands).where(commands.c.key == text("key")))
    yield Statement("command_by_id", ("id",), all_of(commands).where(commands.c.id == text("id")))
    movements, drawn = schema.movements, schema.rows[DrawnRow]
    yield Statement("movement", ("key",), all_of(movements).where(movements.c.key == text("key")))
    yield Statement(
        "drawn", ("lots",), sa.select(drawn.c.key, drawn.c.drawn).where(in_texts(drawn.c.key, "lots"))
    )
    offers = schema.offer_versions
    yield Statement(
        "offers",
        ("hashes",),
        sa.select(offers.c.hash, offers.c.body).where(in_texts(offers.c.hash, "hashes")),
    )
    prices = schema.price_references
    yield Statement(
        "price_for",
        ("connection", "version", "currency", "variant"),
        all_of(prices)
        .where(
            prices.c.connection == text("connection"),
            prices.c.version == text("version"),
            prices.c.currency == text("currency"),
            prices.c.variant == text("variant"),
            sa.text(schema.IS_ON_SALE),
        )
        .order_by(prices.c.created_at.desc(), prices.c.price.desc())
        .limit(number(1)),
    )
    yield Statement(
        "schema_version",
        (),
        sa.select(sa.func.coalesce(sa.func.max(schema.schema_version.c.version), number(0))),
    )


def _deliveries() -> Iterable[Statement]:
    deliveries = schema.deliveries
    whole_row = chosen(deliveries, DELIVERY_COLUMNS)
    yield Statement(
        "delivery",
        ("connection", "event_id"),
        whole_row.where(
            deliveries.c.connection == text("connection"), deliveries.c.event_id == text("event_id")
        ),
    )
    yield Statement("delivery_by_id", ("id",), whole_row.where(deliveries.c.id == text("id")))


def _facts() -> Iterable[Statement]:
    facts, lanes, references = schema.facts, schema.lanes, schema.object_references
    yield Statement(
        "facts",
        ("lane", "known_at", "after", "limit"),
        chosen(facts, FACT_COLUMNS)
        .where(
            facts.c.lane == text("lane"),
            facts.c.recorded_at <= whole("known_at"),
            facts.c.position > whole("after"),
        )
        .order_by(facts.c.position)
        .limit(whole("limit")),
    )
    yield Statement(
        "linked_lanes",
        ("lane",),
        sa.select(lanes.c.lane)
        .where(lanes.c.linked_to == text("lane"), sa.text(schema.IS_LINKED))
        .order_by(lanes.c.lane),
    )
    objects = sa.select(references.c.object).where(references.c.root == text("root"))
    yield Statement(
        "facts_about",
        ("root",),
        chosen(facts, FACT_COLUMNS)
        .where(OneOf(facts.c.object, objects))
        .order_by(facts.c.recorded_at, facts.c.lane, facts.c.position),
    )


def _lists() -> Iterable[Statement]:
    references = schema.object_references
    # The kind is how the object begins; a range finds it in the index, LIKE would read % and _ in it.
    yield Statement(
        "references_of",
        ("lane", "first", "beyond"),
        chosen(references, REFERENCE_COLUMNS)
        .where(
            references.c.lane == text("lane"),
            references.c.object >= text("first"),
            references.c.object < text("beyond"),
        )
        .order_by(references.c.object),
    )
    lanes = schema.lanes
    yield Statement(
        "lanes_page",
        ("after", "limit"),
        chosen(lanes, LANE_COLUMNS)
        .where(lanes.c.lane > text("after"))
        .order_by(lanes.c.lane)
        .limit(whole("limit")),
    )
    prices = schema.price_references
    yield Statement(
        "prices_of",
        ("connection", "price", "currency", "limit"),
        all_of(prices)
        .where(
            prices.c.connection == text("connection"),
            prices.c.price >= text("price"),
            sa.or_(prices.c.price > text("price"), prices.c.currency > text("currency")),
        )
        .order_by(prices.c.price, prices.c.currency)
        .limit(whole("limit")),
    )
    held = schema.rows[SubscriptionRow]
    yield Statement(
        "holders",
        ("connection",),
        sa.select(held.c.version, held.c.currency, sa.func.count().label("count"))
        .where(held.c.connection == text("connection"), sa.text(schema.IS_LIVE))
        .group_by(held.c.version, held.c.currency)
        .order_by(held.c.version, held.c.currency),
    )


def _logs() -> Iterable[Statement]:
    """Commands, movements and effects, in the order in which they were written."""
    commands, movements, effects = schema.commands, schema.movements, schema.effects
    yield Statement(
        "commands_open",
        ("kinds", "before", "limit"),
        all_of(commands)
        .where(
            sa.text(schema.IS_OPEN),
            commands.c.updated_at < whole("before"),
            in_texts(commands.c.kind, "kinds"),
        )
        .order_by(commands.c.updated_at, commands.c.key)
        .limit(whole("limit")),
    )
    yield Statement(
        "movements",
        ("lane", "after", "limit"),
        all_of(movements)
        .where(movements.c.lane == text("lane"), movements.c.position > whole("after"))
        .order_by(movements.c.position)
        .limit(whole("limit")),
    )
    yield Statement(
        "effects_known",
        ("keys",),
        sa.select(effects.c.key).where(in_texts(effects.c.key, "keys")),
    )
    beyond = sa.and_(
        effects.c.lane_version == whole("after_version"), effects.c.position > whole("after_position")
    )
    yield Statement(
        "effects",
        ("lane", "after_version", "after_position", "limit"),
        all_of(effects)
        .where(
            effects.c.lane == text("lane"),
            effects.c.lane_version >= whole("after_version"),  # what an index can begin at
            sa.or_(effects.c.lane_version > whole("after_version"), beyond),
        )
        .order_by(effects.c.lane_version, effects.c.position)
        .limit(whole("limit")),
    )


def _conflicting() -> Iterable[Statement]:
    """What to read after a guard ended a batch, to say which of its keys it was."""
    lanes, facts, deliveries = schema.lanes, schema.facts, schema.deliveries
    yield Statement(
        "found_lanes",
        ("lanes",),
        sa.select(lanes.c.lane, lanes.c.version).where(in_texts(lanes.c.lane, "lanes")),
    )
    yield Statement(
        "found_facts", ("keys",), sa.select(facts.c.key, facts.c.digest).where(in_texts(facts.c.key, "keys"))
    )
    movements = schema.movements
    yield Statement(
        "found_movements", ("keys",), sa.select(movements.c.key).where(in_texts(movements.c.key, "keys"))
    )
    event = (deliveries.c.connection, deliveries.c.event_id)
    yield Statement("found_events", ("events",), sa.select(*event).where(in_pairs(*event, "events")))
    yield Statement(
        "found_fences",
        ("ids",),
        sa.select(deliveries.c.id, deliveries.c.fence).where(in_texts(deliveries.c.id, "ids")),
    )
    mailboxes = schema.mailboxes
    whose = (mailboxes.c.subscriber, mailboxes.c.lane)
    yield Statement(
        "found_mailboxes",
        ("mailboxes",),
        sa.select(*whose, mailboxes.c.fence).where(in_pairs(*whose, "mailboxes")),
    )


def _due() -> Iterable[Statement]:
    for deadline in DEADLINES:
        table = schema.rows[deadline.row_type]
        at = table.c[deadline.column]
        clause = (
            chosen(table, ROW_COLUMNS[deadline.row_type])
            .where(
                sa.text(schema.HAS_DEADLINE[deadline.name]),
                at >= whole("after"),  # what an index can begin at
                sa.or_(at > whole("after"), table.c.key > text("after_key")),
                at <= whole("until"),
            )
            .order_by(at, table.c.key)
            .limit(whole("limit"))
        )
        yield Statement(f"due_{deadline.name}", ("after", "after_key", "until", "limit"), clause)


def _newest() -> Iterable[Statement]:
    for row_type, when in NEWEST_BY.items():
        table = schema.rows[row_type]
        clause = (
            chosen(table, ROW_COLUMNS[row_type])
            .where(
                table.c.lane == text("lane"),
                table.c[when] <= whole("before"),  # what an index can begin at
                sa.or_(table.c[when] < whole("before"), table.c.key < text("before_key")),
            )
            .order_by(table.c[when].desc(), table.c.key.desc())
            .limit(whole("limit"))
        )
        yield Statement(f"{row_type.TABLE}_newest", ("lane", "before", "before_key", "limit"), clause)
        if row_type is InvoiceRow:
            waiting = clause.where(sa.text(schema.IS_OPEN_BILL))
            yield Statement("bills_open", ("lane", "before", "before_key", "limit"), waiting)


def _mailboxes() -> Iterable[Statement]:
    mailboxes, subscribers = schema.mailboxes, schema.subscribers
    whole_row = chosen(mailboxes, MAILBOX_COLUMNS)
    yield Statement("subscribers", (), sa.select(subscribers.c.name).order_by(subscribers.c.name))
    yield Statement(
        "mailbox",
        ("subscriber", "lane"),
        whole_row.where(mailboxes.c.subscriber == text("subscriber"), mailboxes.c.lane == text("lane")),
    )
    yield Statement(
        "mailboxes",
        ("subscriber", "state", "after_lane", "limit"),
        whole_row.where(
            mailboxes.c.subscriber == text("subscriber"),
            mailboxes.c.state == text("state"),
            sa.text(schema.IS_NOT_IDLE),
            mailboxes.c.lane > text("after_lane"),
        )
        .order_by(mailboxes.c.lane)
        .limit(whole("limit")),
    )


def _pages(row_type: type[TableRow]) -> Iterable[Statement]:
    table = schema.rows[row_type]
    page = (
        chosen(table, ROW_COLUMNS[row_type])
        .where(table.c.key > text("after_key"))
        .order_by(table.c.key)
        .limit(whole("limit"))
    )
    yield Statement(f"{row_type.TABLE}_page", ("after_key", "limit"), page)
    yield Statement(
        f"{row_type.TABLE}_page_of_lane",
        ("lane", "after_key", "limit"),
        page.where(table.c.lane == text("lane")),
    )
