"""The tables, in SQLAlchemy Core: one description for every database. Needs the extra `schema`.

The rows of the projection and of the ledger have one documented table each, one column an attribute
(purchase_core.facts.rows, purchase_core.records.ledger_rows).
Instants are microseconds since the epoch, UTC. Every name carries the mark of the application's prefix.

Constraints that end a batch are CHECKs on a value that a guard makes impossible on purpose: they have names,
and every database reports a broken CHECK by its name, inside a batch too (see `writing`).
"""

from __future__ import annotations

from types import NoneType
from typing import Any, get_args, get_type_hints

import sqlalchemy as sa

from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import (
    CASE_STATUSES,
    STUCK_REFUNDS,
    CaseRow,
    IntentRow,
    InvoiceRow,
    RefundRow,
    SubscriptionRow,
)
from purchase_core.ports.deadlines import DEADLINES
from purchase_core.ports.store import NEWEST_BY, TABLES, TableRow
from purchase_core.records.command import OPEN_STATES
from purchase_core.records.delivery import DONE, PENDING
from purchase_core.records.mailbox import IDLE, WAITING

NAME_CHARACTERS_MAX = 23  # Postgres cuts identifiers at 63, which leaves 40 to the prefix there

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # keys are compared by code point
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # INTEGER has 64 bits there
FLAG = sa.Boolean(create_constraint=False).with_variant(sa.Integer(), "sqlite")
BYTES = sa.LargeBinary()

metadata = sa.MetaData(naming_convention={"pk": "%(table_name)s_pk"})


def mark(name: str) -> str:
    """The name of a table, index or constraint, with the place of the prefix."""
    return "{prefix}" + name


def _table(name: str, *parts: sa.Column[Any] | sa.Constraint, rowid: bool = False) -> sa.Table:
    # Tables of small rows lie in their primary key: one tree to write instead of two.
    return sa.Table(mark(name), metadata, *parts, sqlite_strict=True, sqlite_with_rowid=rowid, quote=True)


def _column(name: str, kind: sa.types.TypeEngine[Any], *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null)


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, TEXT, primary_key=True)


def _guard(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=mark(name))


def _index(name: str, *columns: sa.Column[Any], where: str = "", unique: bool = False) -> None:
    partial = sa.text(where) if where else None
    sa.Index(mark(name), *columns, unique=unique, sqlite_where=partial, postgresql_where=partial)


def _any_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


IS_OPEN = _any_of("state", OPEN_STATES)
IS_PENDING = f"state = '{PENDING}'"
IS_NOT_DONE = f"state <> '{DONE}'"
IS_WAITING = f"state = '{WAITING}'"
IS_NOT_IDLE = f"state <> '{IDLE}'"
IS_LINKED = "linked_to <> ''"
IS_ON_SALE = "ended_at IS NULL"
IS_OPEN_CASE = "status = 'open'"
IS_STUCK_REFUND = _any_of("status", STUCK_REFUNDS)
IS_TRIALING = "status = 'trialing'"
IS_PAST_DUE = "status = 'past_due'"
IS_OPEN_BILL = "status = 'open'"
IS_EXPIRING = "expires_at IS NOT NULL"
IS_LIVE = f"bound AND NOT {_any_of('status', tuple(sorted(ENDED_SUBSCRIPTIONS)))}"

HAS_DEADLINE = {
    "period_ends": IS_LIVE,
    "trial_ends": IS_TRIALING,
    "unpaid_from": IS_PAST_DUE,
    "bill_asked": IS_OPEN_BILL,
    "lot_expires": IS_EXPIRING,
}

# --- what is ours ------------------------------------------------------------------------------

schema_version = _table(
    "schema_version",
    sa.Column("version", WHOLE, primary_key=True, autoincrement=False),
    _column("migrated_at", WHOLE),
)

batches = _table(
    "batches", _key("id"), _column("committed_at", WHOLE), _guard("batches_once", "id <> ''")
)  # fmt: skip

lanes = _table(
    "lanes",
    _key("lane"),
    _column("version", WHOLE),
    _column("document", BYTES),
    _column("linked_to", TEXT),
    _column("reducer", WHOLE),
    _column("erased", FLAG),
    _guard("lanes_expected", "version > 0"),
)
_index("lanes_linked_to", lanes.c.linked_to, where=IS_LINKED)

facts = _table(
    "facts",
    _key("key"),
    _column("lane", TEXT),
    _column("position", WHOLE),  # in its lane (Batch.placed_facts)
    _column("object", TEXT),
    _column("kind", TEXT),
    _column("seen_at", WHOLE),
    _column("digest", TEXT),
    _column("final", FLAG),
    _column("body", TEXT),
    _column("recorded_at", WHOLE),
    _column("cause", TEXT),
    _guard("facts_same", "digest <> ''"),
    rowid=True,
)
_index("facts_lane", facts.c.lane, facts.c.position, unique=True)
_index("facts_object", facts.c.object)

clusters = _table("clusters", _key("root"), _column("lane", TEXT), _column("registers", TEXT))
_index("clusters_lane", clusters.c.lane)

object_references = _table("object_references", _key("object"), _column("lane", TEXT), _column("root", TEXT))
_index("object_references_lane", object_references.c.lane, object_references.c.object)
_index("object_references_root", object_references.c.root)

price_references = _table(
    "price_references",
    _key("connection"),
    _key("price"),
    _column("offer", TEXT),
    _column("version", TEXT),
    _key("currency"),
    _column("created_at", WHOLE),
    _column("ended_at", WHOLE, null=True),
    _column("variant", TEXT),
    _guard("prices_same", "version <> ''"),
)
_index(
    "prices_on_sale",
    price_references.c.connection,
    price_references.c.version,
    price_references.c.currency,
    price_references.c.variant,
    price_references.c.created_at,
    price_references.c.price,
    where=IS_ON_SALE,
)

offer_versions = _table("offer_versions", _key("hash"), _column("offer", TEXT), _column("body", TEXT))

commands = _table(
    "commands",
    _key("key"),
    _column("id", TEXT),
    _column("kind", TEXT),
    _column("lane", TEXT),
    _column("fingerprint", TEXT),
    _column("state", TEXT),
    _column("connection", TEXT),
    _column("reference", TEXT),
    _column("created_at", WHOLE),
    _column("updated_at", WHOLE),
    _column("stages", TEXT),
    _column("decision", BYTES),
    _column("request", BYTES),
    _column("result", BYTES),
    _guard("commands_same", "id <> ''"),
    rowid=True,
)
_index("commands_id", commands.c.id, unique=True)
_index("commands_lane", commands.c.lane, commands.c.key)
_index("commands_open", commands.c.updated_at, commands.c.key, where=IS_OPEN)

deliveries = _table(
    "deliveries",
    _key("id"),
    _column("connection", TEXT),
    _column("event_id", TEXT),
    _column("event_type", TEXT),
    _column("object", TEXT),
    _column("occurred_at", WHOLE),
    _column("received_at", WHOLE),
    _column("headers", TEXT),
    _column("source", TEXT),
    _column("state", TEXT),
    _column("reason", TEXT),
    _column("attempts", WHOLE),
    _column("available_at", WHOLE),
    _column("fence", WHOLE),
    _column("code", TEXT),
    _column("body", BYTES),
    _column("leased_until", WHOLE, null=True),
    _guard("deliveries_once", "attempts >= 0"),
    _guard("deliveries_held", "fence >= 0"),
    rowid=True,
)
_index("deliveries_event", deliveries.c.connection, deliveries.c.event_id, unique=True)
_index("deliveries_pending", deliveries.c.available_at, deliveries.c.id, where=IS_PENDING)
_index("deliveries_state", deliveries.c.state, deliveries.c.id, where=IS_NOT_DONE)

effects = _table(
    "effects",
    _key("key"),
    _column("name", TEXT),
    _column("lane", TEXT),
    _column("lane_version", WHOLE),
    _column("position", WHOLE),
    _column("about", TEXT),
    _column("at", WHOLE),
)
_index("effects_lane", effects.c.lane, effects.c.lane_version, effects.c.position)

customer_details = _table(
    "customer_details", _key("customer"), _column("body", BYTES), _column("updated_at", WHOLE)
)

subscribers = _table("subscribers", _key("name"))

mailboxes = _table(
    "mailboxes",
    _key("subscriber"),
    _key("lane"),
    _column("told", WHOLE),
    _column("newest", WHOLE),
    _column("state", TEXT),
    _column("attempts", WHOLE),
    _column("available_at", WHOLE),
    _column("reason", TEXT),
    _column("fence", WHOLE),
    _column("leased_until", WHOLE, null=True),
    _guard("mailboxes_held", "fence >= 0"),
)
_index(
    "mailboxes_waiting",
    mailboxes.c.subscriber,
    mailboxes.c.available_at,
    mailboxes.c.lane,
    where=IS_WAITING,
)
_index("mailboxes_state", mailboxes.c.subscriber, mailboxes.c.state, mailboxes.c.lane, where=IS_NOT_IDLE)
runs = _table(
    "runs",
    _key("id"),
    _column("kind", TEXT),
    _column("scope", TEXT),
    _column("state", TEXT),
    _column("code", TEXT),
    _column("started_at", WHOLE),
    _column("updated_at", WHOLE),
    _column("cursor", TEXT),
    _column("counts", TEXT),
    _column("note", TEXT),
)
_index("runs_kind", runs.c.kind, runs.c.id)

movements = _table(
    "movements",
    _key("key"),
    _column("lane", TEXT),
    _column("kind", TEXT),
    _column("unit", TEXT),
    _column("at", WHOLE),
    _column("legs", TEXT),
    _column("cause", TEXT),
    _column("fingerprint", TEXT),
    _column("answer", TEXT),
    _column("reason", TEXT),
    _column("position", WHOLE),  # in the journal of its lane
    _column("hash", TEXT),
    _guard("movements_once", "hash <> ''"),
)
_index("movements_lane", movements.c.lane, movements.c.position, unique=True)

# --- the projection, and the ledger --------------------------------------------------------------


def _row_table(row_type: type[TableRow]) -> sa.Table:
    hints = get_type_hints(row_type)
    names = [name for name in row_type.__struct_fields__ if name != "key"]
    table = _table(row_type.TABLE, _key("key"), *(_row_column(name, hints[name]) for name in names))
    _index(f"{row_type.TABLE}_lane", table.c.lane, table.c.key)
    return table


def _row_column(name: str, hint: object) -> sa.Column[Any]:
    choices = [one for one in get_args(hint) if one is not NoneType] or [hint]
    kind = TEXT if choices == [str] else FLAG if choices == [bool] else WHOLE
    return _column(name, kind, null=NoneType in get_args(hint))


rows: dict[type[TableRow], sa.Table] = {one: _row_table(one) for one in TABLES}
_held = rows[SubscriptionRow].c
_index("subscriptions_held", _held.connection, _held.version, _held.currency, where=IS_LIVE)
for row_type, when in NEWEST_BY.items():
    _newest = rows[row_type].c
    _index(f"{row_type.TABLE}_newest", _newest.lane, _newest[when], _newest.key)
for deadline in DEADLINES:
    _row = rows[deadline.row_type].c
    _index(f"due_{deadline.name}", _row[deadline.column], _row.key, where=HAS_DEADLINE[deadline.name])
_bills = rows[InvoiceRow].c
_index("invoices_open", _bills.lane, _bills.seen_at, _bills.key, where=IS_OPEN_BILL)
_index("intents_placed", rows[IntentRow].c.placed_at, rows[IntentRow].c.key)
for status in CASE_STATUSES:
    _index(f"cases_{status}_key", rows[CaseRow].c.key, where=f"status = '{status}'")
_index("cases_kind", rows[CaseRow].c.kind, rows[CaseRow].c.status, rows[CaseRow].c.key)
_index("cases_open", rows[CaseRow].c.amount, rows[CaseRow].c.key, where=IS_OPEN_CASE)
_index("refunds_stuck", rows[RefundRow].c.amount, rows[RefundRow].c.key, where=IS_STUCK_REFUND)
