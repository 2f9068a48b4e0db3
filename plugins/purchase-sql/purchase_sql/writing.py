"""Statements that write, each with its guard inside. Needs the extra `schema`.

Not every database lets one read between the statements of a batch, so a guard cannot be "read, compare, go
on". Each is an insert whose ON CONFLICT part compares, and on a mismatch sets a value that a named CHECK
forbids: that ends the batch, and the CHECK's name says which guard it was. The ON CONFLICT part compares
even where the insert has looked already, since another transaction may have inserted in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from purchase_core.facts.rows import ROW_TYPES
from purchase_core.records.delivery import PENDING
from purchase_sql import schema
from purchase_sql.dialects import NoBytes, OneOf
from purchase_sql.shapes import DELIVERY_COLUMNS, ROW_COLUMNS
from purchase_sql.statement import Statement, number, of_column, text, whole, word

IMPOSSIBLE = number(-1)
NOWHERE = word("")


def statements() -> Iterable[Statement]:
    """All of them."""
    yield _batch_insert()
    yield _lane_step()
    yield _fact_insert()
    yield _put("cluster_put", schema.clusters, ("root", "lane", "registers"))
    yield _drop("cluster_drop", schema.clusters)
    yield _put("reference_put", schema.object_references, ("object", "lane", "root"))
    yield _price_put()
    yield _insert_or_ignore("offer_insert", schema.offer_versions)
    yield _command_put()
    yield _delivery_insert()
    yield _settle()
    yield _claim()
    yield _insert_or_ignore("effect_insert", schema.effects)
    for row_type in ROW_TYPES:
        table = schema.rows[row_type]
        yield _put(f"{row_type.TABLE}_put", table, ROW_COLUMNS[row_type])
        yield _drop(f"{row_type.TABLE}_drop", table)
    yield _version_insert()


def _names(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def _inserting(table: sa.Table, names: Sequence[str]) -> Insert:
    # The insert of the Postgres dialect is the generic one with ON CONFLICT, as SQLite has it too.
    return insert(table).inline().values({name: of_column(table.c[name]) for name in names})


def _put(name: str, table: sa.Table, names: Sequence[str]) -> Statement:
    keys = [column.name for column in table.primary_key]
    inserting = _inserting(table, names)
    written = {one: inserting.excluded[one] for one in names if one not in keys}
    return Statement(name, tuple(names), inserting.on_conflict_do_update(index_elements=keys, set_=written))


def _drop(name: str, table: sa.Table) -> Statement:
    (key,) = table.primary_key
    return Statement(name, (key.name,), sa.delete(table).where(key == of_column(key)))


def _insert_or_ignore(name: str, table: sa.Table) -> Statement:
    keys = [column.name for column in table.primary_key]
    names = _names(table)
    return Statement(name, names, _inserting(table, names).on_conflict_do_nothing(index_elements=keys))


def _batch_insert() -> Statement:
    # First in every batch: a replay is told from a conflict before any other guard can fail.
    names = ("id", "committed_at")
    clause = _inserting(schema.batches, names).on_conflict_do_update(
        index_elements=["id"], set_={"id": NOWHERE}
    )
    return Statement("batch_insert", names, clause)


def _lane_step() -> Statement:
    lanes, expected = schema.lanes, whole("expected")
    # A row to be inserted must pass the CHECKs before a conflict is found, so its version may be impossible
    # only where there is no row yet although one was expected.
    there = sa.exists(number(1)).where(lanes.c.lane == text("lane"))
    first = sa.case((sa.or_(expected == number(0), there), expected + number(1)), else_=IMPOSSIBLE)
    inserting = insert(lanes).values(
        lane=text("lane"),
        version=first,
        document=of_column(lanes.c.document),
        linked_to=of_column(lanes.c.linked_to),
    )
    clause = inserting.on_conflict_do_update(
        index_elements=["lane"],
        set_={
            "version": sa.case((lanes.c.version == expected, lanes.c.version + number(1)), else_=IMPOSSIBLE),
            "document": inserting.excluded.document,
            "linked_to": inserting.excluded.linked_to,
        },
    )
    return Statement("lane_step", ("lane", "expected", "document", "linked_to"), clause)


def _fact_insert() -> Statement:
    facts = schema.facts
    names = _names(facts)
    inserting = _inserting(facts, names)
    clause = inserting.on_conflict_do_update(
        index_elements=["key"],
        set_={"digest": NOWHERE},
        where=facts.c.digest != inserting.excluded.digest,
    )
    return Statement("fact_insert", names, clause)


def _price_put() -> Statement:
    prices = schema.price_references
    names = _names(prices)
    inserting = _inserting(prices, names)
    fresh = inserting.excluded
    clause = inserting.on_conflict_do_update(
        index_elements=["connection", "price", "currency"],
        set_={
            "version": sa.case((prices.c.version == fresh.version, prices.c.version), else_=NOWHERE),
            "ended_at": sa.func.coalesce(fresh.ended_at, prices.c.ended_at),
        },
    )
    return Statement("price_put", names, clause)


def _command_put() -> Statement:
    commands = schema.commands
    names = _names(commands)
    inserting = _inserting(commands, names)
    fresh = inserting.excluded
    written = {name: fresh[name] for name in names if name not in ("key", "id")}
    same = sa.case((commands.c.id == fresh.id, commands.c.id), else_=NOWHERE)
    clause = inserting.on_conflict_do_update(index_elements=["key"], set_={"id": same, **written})
    return Statement("command_put", names, clause)


def _delivery_insert() -> Statement:
    clause = _inserting(schema.deliveries, DELIVERY_COLUMNS).on_conflict_do_update(
        index_elements=["connection", "event_id"], set_={"attempts": IMPOSSIBLE}
    )
    return Statement("delivery_insert", DELIVERY_COLUMNS, clause)


def _settle() -> Statement:
    # An update cannot end a batch when its row is missing. This insert never inserts: where the row is
    # there, it conflicts with it and becomes the update; where it is not, its fence is impossible.
    deliveries, fence = schema.deliveries, whole("fence")
    names = ("id", "fence", "state", "reason", "attempts", "available_at")
    there = sa.exists(number(1)).where(deliveries.c.id == text("id"))
    blank = {
        column.name: NoBytes() if column.name == "body" else NOWHERE
        for column in deliveries.columns
        if isinstance(column.type, sa.Text | sa.LargeBinary)
    }
    inserting = insert(deliveries).values({
        **blank,
        "id": text("id"),
        "occurred_at": number(0),
        "received_at": number(0),
        "attempts": number(0),
        "available_at": number(0),
        "fence": sa.case((there, number(0)), else_=IMPOSSIBLE),
    })  # fmt: skip
    clause = inserting.on_conflict_do_update(
        index_elements=["id"],
        set_={
            "state": text("state"),
            "reason": text("reason"),
            "attempts": whole("attempts"),
            "available_at": whole("available_at"),
            "leased_until": sa.null(),
            "fence": sa.case((deliveries.c.fence == fence, deliveries.c.fence), else_=IMPOSSIBLE),
        },
    )
    return Statement("settle", names, clause)


def _claim() -> Statement:
    deliveries, now = schema.deliveries, whole("now")
    free = (
        sa.select(deliveries.c.id)
        .where(
            deliveries.c.state == word(PENDING),
            deliveries.c.available_at <= now,
            sa.or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until < now),
        )
        .order_by(deliveries.c.available_at, deliveries.c.id)
        .limit(whole("limit"))
        .with_for_update(skip_locked=True)  # says nothing where one writer is all there is
    )
    clause = (
        sa.update(deliveries)
        .where(OneOf(deliveries.c.id, free))
        .values(
            fence=deliveries.c.fence + number(1),
            attempts=deliveries.c.attempts + number(1),
            leased_until=whole("lease_until"),
        )
        .returning(*(deliveries.c[name] for name in DELIVERY_COLUMNS))
    )
    return Statement("claim", ("now", "lease_until", "limit"), clause)


def _version_insert() -> Statement:
    return attrs.evolve(
        _insert_or_ignore("version_insert", schema.schema_version), parameters=("version", "migrated_at")
    )
