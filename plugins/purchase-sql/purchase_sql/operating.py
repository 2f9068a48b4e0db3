"""Statements that read for operators, each for one method of the port. Needs the extra `schema`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from purchase_core.facts.rows import CASE_STATUSES, ROW_TYPES, CaseRow, IntentRow
from purchase_core.records.delivery import DELIVERY_STATES, DONE
from purchase_sql import schema, tallying
from purchase_sql.dialects import OneOf
from purchase_sql.shapes import (
    CLUSTER_COLUMNS,
    DELIVERY_COLUMNS,
    FACT_COLUMNS,
    LANE_COLUMNS,
    REFERENCE_COLUMNS,
    ROW_COLUMNS,
)
from purchase_sql.statement import Statement, all_of, chosen, number, text, whole, word
from purchase_sql.tallying import in_state

LISTED_COLUMNS = DELIVERY_COLUMNS[:-1]


def statements(*, joins_in_order: bool) -> Iterable[Statement]:
    """All of them. `joins_in_order` is the database's (Target)."""
    yield from _deliveries()
    yield _inflow()
    yield _intents()
    yield from _cases()
    yield from _commands()
    yield from _runs()
    yield from _holding(joins_in_order=joins_in_order)
    yield from _dangling()
    yield from tallying.statements()


def _deliveries() -> Iterable[Statement]:
    deliveries = schema.deliveries
    every = chosen(deliveries, LISTED_COLUMNS).limit(whole("limit"))
    listed = every.where(deliveries.c.id < text("before_id")).order_by(deliveries.c.id.desc())
    yield Statement("deliveries", ("before_id", "limit"), listed)
    yield Statement(
        "deliveries_oldest",
        ("after_id", "limit"),
        chosen(deliveries, LISTED_COLUMNS)
        .where(deliveries.c.id > text("after_id"))
        .order_by(deliveries.c.id)
        .limit(whole("limit")),
    )
    # Nearly all rows are done, so that state needs no index, and a delivery that is done writes none.
    yield Statement("deliveries_done", ("before_id", "limit"), listed.where(deliveries.c.state == word(DONE)))
    place = sa.tuple_(deliveries.c.state, deliveries.c.id)
    for state in DELIVERY_STATES:
        if state != DONE:
            within = every.where(*in_state(state), place < sa.tuple_(word(state), text("before_id")))
            in_order = within.order_by(deliveries.c.state.desc(), deliveries.c.id.desc())
            yield Statement(f"deliveries_{state}", ("before_id", "limit"), in_order)


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


def _intents() -> Statement:
    intents = schema.rows[IntentRow]
    return Statement(
        "intents_since",
        ("since", "before", "before_key", "limit"),
        chosen(intents, ROW_COLUMNS[IntentRow])
        .where(
            intents.c.placed_at >= whole("since"),
            intents.c.placed_at <= whole("before"),  # what an index can begin at
            sa.or_(intents.c.placed_at < whole("before"), intents.c.key < text("before_key")),
        )
        .order_by(intents.c.placed_at.desc(), intents.c.key.desc())
        .limit(whole("limit")),
    )


def _cases() -> Iterable[Statement]:
    cases = schema.rows[CaseRow]
    page = (
        chosen(cases, ROW_COLUMNS[CaseRow])
        .where(cases.c.key > text("after_key"))
        .order_by(cases.c.key)
        .limit(whole("limit"))
    )
    for status in CASE_STATUSES:  # as words, so that each finds the index that holds no others
        yield Statement(f"cases_{status}", ("after_key", "limit"), page.where(cases.c.status == word(status)))
    of_kind = page.where(cases.c.status == text("status"), cases.c.kind == text("kind"))
    yield Statement("cases_of_kind", ("status", "kind", "after_key", "limit"), of_kind)


def _commands() -> Iterable[Statement]:
    commands = schema.commands
    page = (
        all_of(commands)
        .where(commands.c.key > text("after_key"))
        .order_by(commands.c.key)
        .limit(whole("limit"))
    )
    within = page.where(commands.c.key < text("beyond"))
    yield Statement("commands_page", ("after_key", "beyond", "limit"), within)
    of_lane = page.where(commands.c.lane == text("lane"))
    yield Statement("commands_of", ("lane", "after_key", "limit"), of_lane)


def _runs() -> Iterable[Statement]:
    runs = schema.runs
    page = all_of(runs).where(runs.c.id < text("before_id")).order_by(runs.c.id.desc()).limit(whole("limit"))
    yield Statement("run", ("id",), all_of(runs).where(runs.c.id == text("id")))
    yield Statement("runs", ("before_id", "limit"), page)
    yield Statement("runs_of", ("kind", "before_id", "limit"), page.where(runs.c.kind == text("kind")))


def _holding(*, joins_in_order: bool) -> Iterable[Statement]:
    """The parts of `holdings`: of each table what lies in a range of lanes, or in those linked to them.

    Lanes that are rebuilt one after the other lie side by side in every index, so that a range is walked and
    no lane is looked up. What is linked to a lane of the range, and lies outside of it, comes behind.
    """
    lanes = schema.lanes
    parts: dict[str, tuple[sa.Table, Sequence[str]]] = {
        "facts": (schema.facts, FACT_COLUMNS),
        "clusters": (schema.clusters, CLUSTER_COLUMNS),
        "references": (schema.object_references, REFERENCE_COLUMNS),
        "movements": (schema.movements, schema.movements.c.keys()),
        **{one.TABLE: (schema.rows[one], ROW_COLUMNS[one]) for one in ROW_TYPES},
    }
    linked = chosen(lanes, LANE_COLUMNS).where(*_linked_into(lanes))
    yield _in_range("lanes", lanes, LANE_COLUMNS, linked)
    for name, (table, columns) in parts.items():
        held = lanes.alias("held")
        if joins_in_order:
            joined = held.join(table, table.c.lane == held.c.lane)
            linked = chosen(table, columns).select_from(joined).where(*_linked_into(held))
        else:
            names = sa.select(held.c.lane).where(*_linked_into(held))
            linked = chosen(table, columns).where(OneOf(table.c.lane, names))
        yield _in_range(name, table, columns, linked)


def _in_range(name: str, table: sa.Table, columns: Sequence[str], linked: sa.Select[Any]) -> Statement:
    own = chosen(table, columns).where(table.c.lane.between(text("first"), text("last")))
    return Statement(f"{name}_held", ("first", "last"), sa.union_all(own, linked))


def _linked_into(lanes: sa.FromClause) -> Sequence[sa.ColumnElement[bool] | sa.TextClause]:
    """That a lane is outside of the range, and linked to one within."""
    first, last = text("first"), text("last")
    outside = sa.or_(lanes.c.lane < first, lanes.c.lane > last)
    return (lanes.c.linked_to.between(first, last), sa.text(schema.IS_LINKED), outside)


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
