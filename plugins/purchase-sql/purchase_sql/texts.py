"""The statements of one database under one prefix, ready to run. Imports no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.facts.rows import CASE_STATUSES, ROW_TYPES
from purchase_core.ports.deadlines import DEADLINES
from purchase_core.ports.operator_reads import RELATIONS, TALLIES, WAITING_TYPES
from purchase_core.ports.store import NEWEST_BY, TABLES
from purchase_core.records.delivery import DELIVERY_STATES
from purchase_sql.prefix import checked_prefix, checked_schema, with_prefix


@attrs.frozen
class Texts:
    """One attribute a statement; `writing` and `reading` say what each does, and takes in which order."""

    prefix: str
    schema: str
    batch_insert: str
    lane_step: str
    fact_insert: str
    cluster_put: str
    cluster_drop: str
    reference_put: str
    price_put: str
    offer_insert: str
    command_put: str
    delivery_insert: str
    settle: str
    claim: str
    claim_newest: str
    effect_insert: str
    subscriber_insert: str
    subscriber_drop: str
    mailbox_drop: str
    mailbox_wake: str
    mailbox_told: str
    mailbox_claim: str
    run_put: str
    movement_insert: str
    details_put: str
    details_drop: str
    redact: str
    version_insert: str
    look_lanes: str
    look_references: str
    look_clusters: str
    look_whole_lanes: str
    look_prices: str
    batch: str
    lane: str
    command: str
    command_by_id: str
    offers: str
    price_for: str
    schema_version: str
    movement: str
    drawn: str
    delivery: str
    delivery_by_id: str
    deliveries: str
    deliveries_oldest: str
    inflow: str
    facts: str
    linked_lanes: str
    facts_about: str
    references_of: str
    prices_of: str
    holders: str
    commands_open: str
    bills_open: str
    commands_of: str
    commands_page: str
    effects: str
    effects_known: str
    details: str
    subscribers: str
    mailbox: str
    mailboxes: str
    run: str
    runs: str
    runs_of: str
    lanes_page: str
    lanes_held: str
    facts_held: str
    clusters_held: str
    references_held: str
    movements_held: str
    movements: str
    intents_since: str
    cases_of_kind: str
    found_lanes: str
    found_facts: str
    found_movements: str
    found_events: str
    found_fences: str
    found_mailboxes: str
    row_put: Mapping[type[object], str]
    row_drop: Mapping[type[object], str]
    row_page: Mapping[type[object], str]
    row_page_of_lane: Mapping[type[object], str]
    row_held: Mapping[type[object], str]
    row_waiting: Mapping[type[object], str]
    row_newest: Mapping[type[object], str]
    cases: Mapping[str, str]
    deliveries_in: Mapping[str, str]
    due: Mapping[str, str]
    dangling: Mapping[str, str]
    tallies: Mapping[str, str]

    @property
    def all(self) -> frozenset[str]:
        """Every text: whatever else a store executes, it is none of ours."""
        single = [one for one in attrs.astuple(self, recurse=False)[2:] if isinstance(one, str)]
        several = (
            self.row_put,
            self.row_drop,
            self.row_page,
            self.row_page_of_lane,
            self.row_held,
            self.row_waiting,
            self.row_newest,
            self.cases,
            self.deliveries_in,
            self.due,
            self.dangling,
            self.tallies,
        )
        return frozenset(single).union(*(one.values() for one in several))


def texts(shipped: Mapping[str, str], prefix: str, schema: str = "") -> Texts:
    """The shipped statements of a database for an application's tables. Raises InvalidArgument."""
    checked_prefix(prefix)
    checked_schema(schema)
    ready = {name: with_prefix(text, prefix, schema) for name, text in shipped.items()}
    groups: dict[str, object] = {
        f"row_{group}": {one: ready.pop(f"{one.TABLE}_{group}") for one in kept}
        for group, kept in (
            ("put", TABLES),
            ("drop", ROW_TYPES),
            ("page", TABLES),
            ("page_of_lane", TABLES),
            ("held", ROW_TYPES),
            ("waiting", WAITING_TYPES),
            ("newest", tuple(NEWEST_BY)),
        )
    }
    groups["cases"] = {one: ready.pop(f"cases_{one}") for one in CASE_STATUSES}
    groups["deliveries_in"] = {one: ready.pop(f"deliveries_{one}") for one in DELIVERY_STATES}
    groups["due"] = {one.name: ready.pop(f"due_{one.name}") for one in DEADLINES}
    groups["dangling"] = {one: ready.pop(f"dangling_{one.replace('.', '_')}") for one in RELATIONS}
    groups["tallies"] = {one: ready.pop(f"tally_{one}") for one in TALLIES}
    return Texts(prefix=prefix, schema=schema, **ready, **groups)  # type: ignore[arg-type]  # a test compares the names
