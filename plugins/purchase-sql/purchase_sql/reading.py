"""Statements that read, each for one method of the port. Needs the extra `schema`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from purchase_core.facts.rows import ROW_TYPES, IntentRow, SubscriptionRow
from purchase_core.ports.store import TABLES, TableRow
from purchase_core.records.delivery import DONE
from purchase_core.records.ledger_rows import DrawnRow
from purchase_sql import schema, tallying
from purchase_sql.dialects import OneOf
from purchase_sql.shapes import DELIVERY_COLUMNS, MAILBOX_COLUMNS, ROW_COLUMNS
from purchase_sql.statement import Statement, in_pairs, in_texts, number, text, whole, word

LISTED_COLUMNS = DELIVERY_COLUMNS[:-1]
LANE_COLUMNS = ("lane", "version", "document", "linked_to", "reducer", "erased")
REFERENCE_COLUMNS = ("object", "lane", "root")
CLUSTER_COLUMNS = ("root", "lane", "registers")
FACT_COLUMNS = (
    "position",
    "object",
    "kind",
    "seen_at",
    "digest",
    "final",
    "body",
    "lane",
    "recorded_at",
    "cause",
)


def statements() -> Iterable[Statement]:
    """All of them."""
    yield from _looking()
    yield from _points()
    yield from _deliveries()
    yield from _facts()
    yield from _lists()
    yield from _mailboxes()
    yield from _runs()
    yield from _holding()
    yield from _dangling()
    yield from tallying.statements()
    yield from _conflicting()
    for row_type in TABLES:
        yield from _pages(row_type)


def _chosen(table: sa.Table, names: Sequence[str]) -> sa.Select[Any]:
    return sa.select(*(table.c[name] for name in names))


def _all(table: sa.Table) -> sa.Select[Any]:
    return sa.select(*table.columns)


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
        _chosen(references, REFERENCE_COLUMNS).where(in_texts(references.c.object, "objects")),
    )
    chosen = _chosen(clusters, CLUSTER_COLUMNS)
    yield Statement(
        "look_clusters",
        ("objects",),
        chosen.where(OneOf(clusters.c.root, _asked_references(references.c.root))),
    )
    yield Statement("look_whole_lanes", ("lanes",), chosen.where(in_texts(clusters.c.lane, "lanes")))
    prices = schema.price_references
    yield Statement(
        "look_prices",
        ("prices",),
        _all(prices).where(in_pairs(prices.c.connection, prices.c.price, "prices")),
    )


def _points() -> Iterable[Statement]:
    """Single things, by their key."""
    batches, lanes, commands = schema.batches, schema.lanes, schema.commands
    yield Statement("batch", ("id",), sa.select(batches.c.id).where(batches.c.id == text("id")))
    yield Statement("lane", ("lane",), _chosen(lanes, LANE_COLUMNS).where(lanes.c.lane == text("lane")))
    details = schema.customer_details
    yield Statement("details", ("customer",), _all(details).where(details.c.customer == text("customer")))
    yield Statement("command", ("key",), _all(commands).where(commands.c.key == text("key")))
    yield Statement("command_by_id", ("id",), _all(commands).where(commands.c.id == text("id")))
    movements, drawn = schema.movements, schema.rows[DrawnRow]
    yield Statement("movement", ("key",), _all(movements).where(movements.c.key == text("key")))
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
        _all(prices)
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
    whole_row = _chosen(deliveries, DELIVERY_COLUMNS)
    yield Statement(
        "delivery",
        ("connection", "event_id"),
        whole_row.where(
            deliveries.c.connection == text("connection"), deliveries.c.event_id == text("event_id")
        ),
    )
    yield Statement("delivery_by_id", ("id",), whole_row.where(deliveries.c.id == text("id")))
    listed = (
        _chosen(deliveries, LISTED_COLUMNS)
        .where(deliveries.c.id < text("before_id"))
        .order_by(deliveries.c.id.desc())
        .limit(whole("limit"))
    )
    yield Statement("deliveries", ("before_id", "limit"), listed)
    yield Statement(
        "deliveries_oldest",
        ("after_id", "limit"),
        _chosen(deliveries, LISTED_COLUMNS)
        .where(deliveries.c.id > text("after_id"))
        .order_by(deliveries.c.id)
        .limit(whole("limit")),
    )
    # Nearly all rows are done, so that state needs no index, and a delivery that is done writes none.
    yield Statement("deliveries_done", ("before_id", "limit"), listed.where(deliveries.c.state == word(DONE)))
    yield Statement(
        "deliveries_in",
        ("state", "before_id", "limit"),
        listed.where(deliveries.c.state == text("state"), sa.text(schema.IS_NOT_DONE)),
    )
    yield _inflow()


def _inflow() -> Statement:
    deliveries = schema.deliveries
    received_at = deliveries.c.received_at
    newest = (
        sa.select(
            received_at,
            (received_at // whole("stretch") * whole("stretch")).label("begins"),
            deliveries.c.connection,
            deliveries.c.state,
        )
        .order_by(deliveries.c.id.desc())
        .limit(whole("newest"))
        .subquery("newest")
    )
    parts = (newest.c.begins, newest.c.connection, newest.c.state)
    counted = (
        sa.select(*parts, sa.func.count().label("count"))
        .where(newest.c.received_at >= whole("since"))
        .group_by(*parts)
    )
    return Statement("inflow", ("newest", "stretch", "since"), counted)


def _facts() -> Iterable[Statement]:
    facts, lanes, references = schema.facts, schema.lanes, schema.object_references
    yield Statement(
        "facts",
        ("lane", "known_at", "after", "limit"),
        _chosen(facts, FACT_COLUMNS)
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
        _chosen(facts, FACT_COLUMNS)
        .where(OneOf(facts.c.object, objects))
        .order_by(facts.c.recorded_at, facts.c.lane, facts.c.position),
    )


def _lists() -> Iterable[Statement]:
    references, commands, effects = schema.object_references, schema.commands, schema.effects
    # The kind is how the object begins; a range finds it in the index, LIKE would read % and _ in it.
    yield Statement(
        "references_of",
        ("lane", "first", "beyond"),
        _chosen(references, REFERENCE_COLUMNS)
        .where(
            references.c.lane == text("lane"),
            references.c.object >= text("first"),
            references.c.object < text("beyond"),
        )
        .order_by(references.c.object),
    )
    prices = schema.price_references
    yield Statement(
        "prices_of",
        ("connection", "price", "currency", "limit"),
        _all(prices)
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
    yield Statement(
        "commands_open",
        ("kinds", "before", "limit"),
        _all(commands)
        .where(
            sa.text(schema.IS_OPEN),
            commands.c.updated_at < whole("before"),
            in_texts(commands.c.kind, "kinds"),
        )
        .order_by(commands.c.updated_at, commands.c.key)
        .limit(whole("limit")),
    )
    intents = schema.rows[IntentRow]
    yield Statement(
        "intents_since",
        ("since", "before", "before_key", "limit"),
        _chosen(intents, ROW_COLUMNS[IntentRow])
        .where(
            intents.c.placed_at >= whole("since"),
            intents.c.placed_at <= whole("before"),  # what an index can begin at
            sa.or_(intents.c.placed_at < whole("before"), intents.c.key < text("before_key")),
        )
        .order_by(intents.c.placed_at.desc(), intents.c.key.desc())
        .limit(whole("limit")),
    )
    beyond = sa.and_(
        effects.c.lane_version == whole("after_version"), effects.c.position > whole("after_position")
    )
    yield Statement(
        "commands_page",
        ("after_key", "beyond", "limit"),
        _all(commands)
        .where(commands.c.key > text("after_key"), commands.c.key < text("beyond"))
        .order_by(commands.c.key)
        .limit(whole("limit")),
    )
    movements = schema.movements
    yield Statement(
        "movements",
        ("lane", "after", "limit"),
        _all(movements)
        .where(movements.c.lane == text("lane"), movements.c.position > whole("after"))
        .order_by(movements.c.position)
        .limit(whole("limit")),
    )
    yield Statement(
        "effects",
        ("lane", "after_version", "after_position", "limit"),
        _all(effects)
        .where(
            effects.c.lane == text("lane"),
            effects.c.lane_version >= whole("after_version"),  # what an index can begin at
            sa.or_(effects.c.lane_version > whole("after_version"), beyond),
        )
        .order_by(effects.c.lane_version, effects.c.position)
        .limit(whole("limit")),
    )


def _runs() -> Iterable[Statement]:
    runs = schema.runs
    page = _all(runs).where(runs.c.id < text("before_id")).order_by(runs.c.id.desc()).limit(whole("limit"))
    yield Statement("run", ("id",), _all(runs).where(runs.c.id == text("id")))
    yield Statement("runs", ("before_id", "limit"), page)
    yield Statement("runs_of", ("kind", "before_id", "limit"), page.where(runs.c.kind == text("kind")))


def _holding() -> Iterable[Statement]:
    """The parts of `holdings`: of each table what lies in some lanes, or in those linked to them."""
    lanes = schema.lanes
    yield Statement(
        "lanes_page",
        ("after", "limit"),
        _chosen(lanes, LANE_COLUMNS)
        .where(lanes.c.lane > text("after"))
        .order_by(lanes.c.lane)
        .limit(whole("limit")),
    )
    # Two queries and not one OR: each finds its lanes by an index.
    held = sa.union_all(
        sa.select(lanes.c.lane).where(in_texts(lanes.c.lane, "lanes")),
        sa.select(lanes.c.lane).where(in_texts(lanes.c.linked_to, "lanes"), sa.text(schema.IS_LINKED)),
    )
    parts: dict[str, tuple[sa.Table, Sequence[str]]] = {
        "lanes": (lanes, LANE_COLUMNS),
        "facts": (schema.facts, FACT_COLUMNS),
        "clusters": (schema.clusters, CLUSTER_COLUMNS),
        "references": (schema.object_references, REFERENCE_COLUMNS),
        "movements": (schema.movements, schema.movements.c.keys()),
        **{one.TABLE: (schema.rows[one], ROW_COLUMNS[one]) for one in ROW_TYPES},
    }
    for name, (table, columns) in parts.items():
        clause = _chosen(table, columns).where(OneOf(table.c.lane, held))
        yield Statement(f"{name}_held", ("lanes",), clause)


def _dangling() -> Iterable[Statement]:
    """What names something that is not there; each walks its table once."""
    lanes, facts, prices = schema.lanes, schema.facts, schema.price_references
    there = lanes.alias("there")
    named: dict[str, tuple[sa.Column[Any], sa.Column[Any]]] = {
        "facts_lane": (facts.c.key, facts.c.lane),
        "clusters_lane": (schema.clusters.c.root, schema.clusters.c.lane),
        "references_lane": (schema.object_references.c.object, schema.object_references.c.lane),
        "effects_lane": (schema.effects.c.key, schema.effects.c.lane),
        "lanes_linked_to": (lanes.c.lane, lanes.c.linked_to),
        **{f"{one.TABLE}_lane": (schema.rows[one].c.key, schema.rows[one].c.lane) for one in ROW_TYPES},
    }
    for name, (key, lane) in named.items():
        absent = ~sa.exists(number(1)).where(there.c.lane == lane)
        linked = (sa.text(schema.IS_LINKED),) if name == "lanes_linked_to" else ()
        clause = sa.select(key, lane).where(absent, *linked).limit(whole("limit"))
        yield Statement(f"dangling_{name}", ("limit",), clause)
    deliveries, commands, offers = schema.deliveries, schema.commands, schema.offer_versions
    uncaused = (
        ~sa.exists(number(1)).where(deliveries.c.id == facts.c.cause),
        ~sa.exists(number(1)).where(commands.c.id == facts.c.cause),
    )
    clause = sa.select(facts.c.key, facts.c.cause).where(*uncaused).limit(whole("limit"))
    yield Statement("dangling_facts_cause", ("limit",), clause)
    absent = ~sa.exists(number(1)).where(offers.c.hash == prices.c.version)
    clause = sa.select(prices.c.price, prices.c.version).where(absent).limit(whole("limit"))
    yield Statement("dangling_prices_version", ("limit",), clause)


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


def _mailboxes() -> Iterable[Statement]:
    mailboxes, subscribers = schema.mailboxes, schema.subscribers
    chosen = _chosen(mailboxes, MAILBOX_COLUMNS)
    yield Statement("subscribers", (), sa.select(subscribers.c.name).order_by(subscribers.c.name))
    yield Statement(
        "mailbox",
        ("subscriber", "lane"),
        chosen.where(mailboxes.c.subscriber == text("subscriber"), mailboxes.c.lane == text("lane")),
    )
    yield Statement(
        "mailboxes",
        ("subscriber", "state", "after_lane", "limit"),
        chosen.where(
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
        _chosen(table, ROW_COLUMNS[row_type])
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
