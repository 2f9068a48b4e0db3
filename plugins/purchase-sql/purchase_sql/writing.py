"""Statements that write, each with its guard inside. Needs the extra `schema`.

Not every database lets one read between the statements of a batch, so a guard cannot be "read, compare, go
on". Each is an insert whose ON CONFLICT part compares, and on a mismatch sets a value that a named CHECK
forbids: that ends the batch, and the CHECK's name says which guard it was. The ON CONFLICT part compares
even where the insert has looked already, since another transaction may have inserted in between.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert

from purchase_core.facts.rows import ROW_TYPES
from purchase_core.ports.store import TABLES
from purchase_core.records.delivery import OVER, PENDING
from purchase_sql import mailboxes, schema
from purchase_sql.dialects import NoBytes, OneOf
from purchase_sql.schema import WHOLE
from purchase_sql.shapes import DELIVERY_COLUMNS, ROW_COLUMNS
from purchase_sql.statement import IMPOSSIBLE, NOWHERE, Given, Single, Statement, number, whole, word

SETTLED = ("state", "reason", "attempts", "available_at", "code")


def statements(given: type[Given] = Single) -> Iterable[Statement]:
    """All of them. `given` says how the rows that they write are passed in."""
    yield _batch_insert(given)
    yield _lane_step(given)
    yield _fact_insert(given)
    yield _put("cluster_put", schema.clusters, given(("root", "lane", "registers")))
    yield _drop("cluster_drop", schema.clusters, given)
    yield _put("reference_put", schema.object_references, given(("object", "lane", "root")))
    yield _price_put(given)
    yield _insert_or_ignore("offer_insert", schema.offer_versions, given)
    yield _command_put(given)
    yield _delivery_insert(given)
    yield _settle(given)
    yield _claim("claim", newest=False)
    yield _claim("claim_newest", newest=True)
    yield _insert_or_ignore("effect_insert", schema.effects, given)
    yield from mailboxes.statements(given)
    yield _put("run_put", schema.runs, given(_names(schema.runs)))
    yield _movement_insert(given)
    for table_type in TABLES:
        table = schema.rows[table_type]
        yield _put(f"{table_type.TABLE}_put", table, given(ROW_COLUMNS[table_type]))
    yield _put("details_put", schema.customer_details, given(_names(schema.customer_details)))
    yield _drop("details_drop", schema.customer_details, given)
    yield _redact(given)
    for row_type in ROW_TYPES:
        yield _drop(f"{row_type.TABLE}_drop", schema.rows[row_type], given)
    yield _insert_or_ignore("version_insert", schema.schema_version, given)


def _names(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def _inserting(table: sa.Table, row: Given) -> Insert:
    return row.insert(table, {name: row.of_column(table.c[name]) for name in row.names})


def _put(name: str, table: sa.Table, row: Given) -> Statement:
    keys = [column.name for column in table.primary_key]
    inserting = _inserting(table, row)
    written = {one: inserting.excluded[one] for one in row.names if one not in keys}
    clause = inserting.on_conflict_do_update(index_elements=keys, set_=written)
    return Statement(name, row.parameters, clause)


def _drop(name: str, table: sa.Table, given: type[Given]) -> Statement:
    (key,) = table.primary_key
    row = given((key.name,))
    return Statement(name, row.parameters, sa.delete(table).where(row.is_one(key)))


def _insert_or_ignore(name: str, table: sa.Table, given: type[Given]) -> Statement:
    keys = [column.name for column in table.primary_key]
    row = given(_names(table))
    clause = _inserting(table, row).on_conflict_do_nothing(index_elements=keys)
    return Statement(name, row.parameters, clause)


def _batch_insert(given: type[Given]) -> Statement:
    # First in every batch: a replay is told from a conflict before any other guard can fail.
    row = given(("id", "committed_at"))
    clause = _inserting(schema.batches, row).on_conflict_do_update(
        index_elements=["id"], set_={"id": NOWHERE}
    )
    return Statement("batch_insert", row.parameters, clause)


def _lane_step(given: type[Given]) -> Statement:
    lanes, row = schema.lanes, given(("lane", "expected", "document", "linked_to", "reducer", "erased"))
    name, expected = row.of_column(lanes.c.lane), row.value("expected", WHOLE)
    # A row to be inserted must pass the CHECKs before a conflict is found, so its version may be impossible
    # only where there is no row yet although one was expected.
    there = sa.exists(number(1)).where(lanes.c.lane == name)
    stepped = sa.case((sa.or_(expected == number(0), there), expected + number(1)), else_=IMPOSSIBLE)
    inserting = row.insert(
        lanes,
        {
            "lane": name,
            "version": stepped,
            "document": row.of_column(lanes.c.document),
            "linked_to": row.of_column(lanes.c.linked_to),
            "reducer": row.of_column(lanes.c.reducer),
            "erased": row.of_column(lanes.c.erased),
        },
    )
    fresh = inserting.excluded
    clause = inserting.on_conflict_do_update(
        index_elements=["lane"],
        set_={
            "version": sa.case(
                (lanes.c.version + number(1) == fresh.version, fresh.version), else_=IMPOSSIBLE
            ),
            "document": fresh.document,
            "linked_to": fresh.linked_to,
            "reducer": fresh.reducer,
            "erased": sa.case((lanes.c.erased, lanes.c.erased), else_=fresh.erased),
        },
    )
    return Statement("lane_step", row.parameters, clause)


def _fact_insert(given: type[Given]) -> Statement:
    facts = schema.facts
    row = given(_names(facts))
    inserting = _inserting(facts, row)
    clause = inserting.on_conflict_do_update(
        index_elements=["key"],
        set_={"digest": NOWHERE},
        where=facts.c.digest != inserting.excluded.digest,
    )
    return Statement("fact_insert", row.parameters, clause)


def _movement_insert(given: type[Given]) -> Statement:
    row = given(_names(schema.movements))
    clause = _inserting(schema.movements, row).on_conflict_do_update(
        index_elements=["key"], set_={"hash": NOWHERE}
    )
    return Statement("movement_insert", row.parameters, clause)


def _price_put(given: type[Given]) -> Statement:
    prices = schema.price_references
    row = given(_names(prices))
    inserting = _inserting(prices, row)
    fresh = inserting.excluded
    # Not true where it has not ended, or ends now: then it is compared with null.
    again = sa.and_(fresh.ended_at.is_(None), fresh.created_at > prices.c.ended_at)
    clause = inserting.on_conflict_do_update(
        index_elements=["connection", "price", "currency"],
        set_={
            "version": sa.case((prices.c.version == fresh.version, prices.c.version), else_=NOWHERE),
            "created_at": sa.case((again, fresh.created_at), else_=prices.c.created_at),
            "ended_at": sa.case(
                (again, sa.null()), else_=sa.func.coalesce(fresh.ended_at, prices.c.ended_at)
            ),
        },
    )
    return Statement("price_put", row.parameters, clause)


def _command_put(given: type[Given]) -> Statement:
    commands = schema.commands
    row = given(_names(commands))
    inserting = _inserting(commands, row)
    fresh = inserting.excluded
    written = {name: fresh[name] for name in row.names if name not in ("key", "id")}
    same = sa.case((commands.c.id == fresh.id, commands.c.id), else_=NOWHERE)
    clause = inserting.on_conflict_do_update(index_elements=["key"], set_={"id": same, **written})
    return Statement("command_put", row.parameters, clause)


def _delivery_insert(given: type[Given]) -> Statement:
    row = given(DELIVERY_COLUMNS)
    clause = _inserting(schema.deliveries, row).on_conflict_do_update(
        index_elements=["connection", "event_id"], set_={"attempts": IMPOSSIBLE}
    )
    return Statement("delivery_insert", row.parameters, clause)


def _settle(given: type[Given]) -> Statement:
    # An update cannot end a batch when its row is missing. This insert never inserts: where the row is
    # there, it conflicts with it and becomes the update; where it is not, its fence is impossible.
    deliveries, row = schema.deliveries, given(("id", "fence", *SETTLED))
    there = sa.exists(number(1)).where(deliveries.c.id == row.of_column(deliveries.c.id))
    blank = {
        column.name: NoBytes() if column.name == "body" else NOWHERE
        for column in deliveries.columns
        if isinstance(column.type, sa.Text | sa.LargeBinary)
    }
    settled = {name: row.of_column(deliveries.c[name]) for name in row.names}
    inserting = row.insert(deliveries, {
        **blank,
        "occurred_at": number(0),
        "received_at": number(0),
        **settled,
        "fence": sa.case((there, settled["fence"]), else_=IMPOSSIBLE),
    })  # fmt: skip
    fresh = inserting.excluded
    held = sa.and_(deliveries.c.fence == fresh.fence, *(deliveries.c.state != word(state) for state in OVER))
    clause = inserting.on_conflict_do_update(
        index_elements=["id"],
        set_={
            **{name: fresh[name] for name in SETTLED},
            "leased_until": sa.null(),
            "fence": sa.case((held, fresh.fence), else_=IMPOSSIBLE),
        },
    )
    return Statement("settle", row.parameters, clause)


def _redact(given: type[Given]) -> Statement:
    deliveries, row = schema.deliveries, given(("id",))
    emptied = {"body": NoBytes(), "headers": word("[]")}
    # What was emptied before is not written again: who goes through old rows once more is to cost no writes.
    anything = sa.or_(*(deliveries.c[name] != nothing for name, nothing in emptied.items()))
    clause = sa.update(deliveries).where(row.is_one(deliveries.c.id), anything).values(emptied)
    return Statement("redact", row.parameters, clause)


def _claim(name: str, *, newest: bool) -> Statement:
    deliveries, now = schema.deliveries, whole("now")
    order = (deliveries.c.available_at, deliveries.c.id)
    free = (
        sa.select(deliveries.c.id)
        .where(
            deliveries.c.state == word(PENDING),
            deliveries.c.available_at <= now,
            sa.or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until < now),
        )
        .order_by(*(one.desc() if newest else one for one in order))
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
    return Statement(name, ("now", "lease_until", "limit"), clause)
