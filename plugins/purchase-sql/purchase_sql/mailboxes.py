"""Statements that write subscribers and their mailboxes. Needs the extra `schema`."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from purchase_core.records.effect import EFFECTS_PER_VERSION_MAX
from purchase_core.records.mailbox import IDLE, WAITING
from purchase_sql import schema
from purchase_sql.dialects import OneOf
from purchase_sql.shapes import MAILBOX_COLUMNS
from purchase_sql.statement import IMPOSSIBLE, NOWHERE, Given, Statement, number, text, whole, word

TOLD_COLUMNS = ("subscriber", "lane", "fence", "told", "state", "attempts", "available_at", "reason")


def statements(given: type[Given]) -> Iterable[Statement]:
    """All of them. `given` says how the rows that they write are passed in."""
    yield _subscriber_insert(given)
    yield _drop("subscriber_drop", schema.subscribers.c.name, given)
    yield _drop("mailbox_drop", schema.mailboxes.c.subscriber, given)
    yield _wake(given)
    yield _told(given)
    yield _claim()


def _subscriber_insert(given: type[Given]) -> Statement:
    row = given(("name",))
    values = {"name": row.of_column(schema.subscribers.c.name)}
    clause = row.insert(schema.subscribers, values).on_conflict_do_nothing(index_elements=["name"])
    return Statement("subscriber_insert", row.parameters, clause)


def _drop(name: str, column: sa.Column[str], given: type[Given]) -> Statement:
    row = given((column.name,))
    return Statement(name, row.parameters, sa.delete(column.table).where(row.is_one(column)))


def _wake(given: type[Given]) -> Statement:
    """Where an effect was inserted just now, every subscriber's mailbox of its lane waits for it."""
    effects, mailboxes = schema.effects, schema.mailboxes
    row = given(("key", "lane_version", "position"))
    first = effects.c.lane_version * number(EFFECTS_PER_VERSION_MAX)
    fresh = {
        "subscriber": schema.subscribers.c.name,
        "lane": effects.c.lane,
        "told": first - number(1),
        "newest": first + effects.c.position,
        "state": word(WAITING),
        "attempts": number(0),
        "available_at": effects.c.at,
        "reason": NOWHERE,
        "fence": number(0),
    }
    chosen = row.select(*fresh.values()).where(
        effects.c.key == row.of_column(effects.c.key),
        effects.c.lane_version == row.of_column(effects.c.lane_version),
        effects.c.position == row.of_column(effects.c.position),
    )
    inserting = insert(mailboxes).from_select(list(fresh), chosen)
    waking, idle = inserting.excluded, mailboxes.c.state == word(IDLE)
    clause = inserting.on_conflict_do_update(
        index_elements=["subscriber", "lane"],
        set_={
            "newest": sa.case((mailboxes.c.newest < waking.newest, waking.newest), else_=mailboxes.c.newest),
            "state": sa.case((idle, waking.state), else_=mailboxes.c.state),
            "available_at": sa.case((idle, waking.available_at), else_=mailboxes.c.available_at),
        },
    )
    return Statement("mailbox_wake", row.parameters, clause)


def _told(given: type[Given]) -> Statement:
    # Like `settle`: this insert never inserts, and its fence is impossible where there is no mailbox.
    mailboxes, row = schema.mailboxes, given(TOLD_COLUMNS)
    values = {name: row.of_column(mailboxes.c[name]) for name in row.names}
    there = sa.exists(number(1)).where(
        mailboxes.c.subscriber == values["subscriber"], mailboxes.c.lane == values["lane"]
    )
    fence = sa.case((there, values["fence"]), else_=IMPOSSIBLE)
    inserting = row.insert(mailboxes, {**values, "newest": number(0), "fence": fence})
    told = inserting.excluded
    more = sa.and_(told.state == word(IDLE), mailboxes.c.newest > told.told)
    clause = inserting.on_conflict_do_update(
        index_elements=["subscriber", "lane"],
        set_={
            **{name: told[name] for name in ("told", "attempts", "available_at", "reason")},
            "state": sa.case((more, word(WAITING)), else_=told.state),
            "leased_until": sa.null(),
            "fence": sa.case((mailboxes.c.fence == told.fence, told.fence), else_=IMPOSSIBLE),
        },
    )
    return Statement("mailbox_told", row.parameters, clause)


def _claim() -> Statement:
    mailboxes, now = schema.mailboxes, whole("now")
    mine = mailboxes.c.subscriber == text("subscriber")
    free = (
        sa.select(mailboxes.c.lane)
        .where(
            mine,
            sa.text(schema.IS_WAITING),
            mailboxes.c.available_at <= now,
            sa.or_(mailboxes.c.leased_until.is_(None), mailboxes.c.leased_until < now),
        )
        .order_by(mailboxes.c.available_at, mailboxes.c.lane)
        .limit(whole("limit"))
        .with_for_update(skip_locked=True)  # says nothing where one writer is all there is
    )
    clause = (
        sa.update(mailboxes)
        .where(mine, OneOf(mailboxes.c.lane, free))
        .values(
            fence=mailboxes.c.fence + number(1),
            attempts=mailboxes.c.attempts + number(1),
            leased_until=whole("lease_until"),
        )
        .returning(*(mailboxes.c[name] for name in MAILBOX_COLUMNS))
    )
    return Statement("mailbox_claim", ("subscriber", "now", "lease_until", "limit"), clause)
