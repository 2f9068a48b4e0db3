"""Every read of the port finds its rows by an index, however many there are."""

from __future__ import annotations

import re
import sqlite3

import pytest

from purchase_core.ports.deadlines import DEADLINES
from purchase_core.ports.operator_reads import WAITING_TYPES
from purchase_core.ports.store import NEWEST_BY, TABLES
from purchase_core.records.delivery import DELIVERY_STATES
from purchase_sql.generated import d1, sqlite
from purchase_sql.migration import migrations

# Pages over a whole table walk its key in order; versions and subscribers are a handful of rows.
WALKS = {f"{one.TABLE}_page" for one in TABLES} | {"schema_version", "subscribers", "mailbox_wake"}
DUE = {f"due_{one.name}" for one in DEADLINES}
# These give rows in the order in which the index holds them: a page costs its own length.
IN_ORDER = {
    "bills_open", "claim", "claim_newest", "commands_of", "commands_open", "commands_page", "deliveries",
    "deliveries_oldest",
    "effects", "facts", "holders", "linked_lanes", "mailbox_claim", "mailboxes", "price_for", "prices_of",
    "intents_since", "cases_open", "cases_resolved", "cases_of_kind",
    "movements", "references_of", "lanes_page", "runs", "runs_of",
    *(f"{one.TABLE}_page_of_lane" for one in TABLES),
    *(f"{one.TABLE}_waiting" for one in WAITING_TYPES),
    *DUE,
    *(f"deliveries_{one}" for one in DELIVERY_STATES),
    *(f"{one.TABLE}_newest" for one in NEWEST_BY),
}  # fmt: skip

# This reads as many rows as it is told, from the end of an index.
NEWEST = {"inflow": "deliveries USING INDEX sqlite_autoindex_deliveries_1|newest"}

STATEMENTS = sqlite.STATEMENTS
# Whether anything names what is not there is asked of all of it.
ALL_OF_IT = {name for name in STATEMENTS if name.startswith("dangling_")}

WAITING = {name for name in STATEMENTS if name.startswith("tally_") or name.endswith("_waiting")}
PARTIAL = {
    "deliveries_pending", "deliveries_state", "commands_open", "mailboxes_state", "cases_open",
    "refunds_stuck",
}  # fmt: skip


@pytest.fixture(scope="module", params=[sqlite, d1], ids=["sqlite", "d1"])
def plans(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    connection = sqlite3.connect(":memory:")
    connection.create_function("unhex", 1, bytes.fromhex)  # of newer versions than some that Pythons bring
    for migration in migrations("sqlite", ""):
        for one in migration.statements:
            connection.execute(one)
    found = {}
    for name, shipped in request.param.STATEMENTS.items():
        text = shipped.replace("{prefix}", "")
        count = max([int(number) for number in re.findall(r"\?(\d+)", text)], default=0)
        plan = connection.execute(
            "EXPLAIN QUERY PLAN " + text, {str(number): None for number in range(1, count + 1)}
        )
        found[name] = [detail for *_, detail in plan]
    connection.close()
    return found


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - WALKS - ALL_OF_IT - WAITING))
def test_a_statement_reads_no_whole_table(plans: dict[str, list[str]], name: str) -> None:
    scans = [one for one in plans[name] if one.startswith("SCAN")]
    allowed = f"SCAN (json_each|listed|CONSTANT ROW|{NEWEST.get(name, 'listed')})"
    assert [one for one in scans if not re.match(allowed, one)] == []


@pytest.mark.parametrize("name", sorted(WAITING))
def test_what_waits_is_found_in_an_index_that_holds_nothing_else(
    plans: dict[str, list[str]], name: str
) -> None:
    (walk,) = [one for one in plans[name] if re.match("(SCAN|SEARCH) (?!counted)", one)]
    (index,) = re.findall(r"USING (?:COVERING )?INDEX (\w+)", walk)
    assert index in PARTIAL


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cases_open", "cases_open_key (key>?)"),
        ("cases_resolved", "cases_resolved_key (key>?)"),
        ("cases_of_kind", "cases_kind (kind=? AND status=? AND key>?)"),
    ],
)
def test_cases_are_found_by_their_status_and_kind(plans: dict[str, list[str]], name: str, found: str) -> None:
    assert plans[name] == [f"SEARCH cases USING INDEX {found}"]


def test_open_bills_are_found_where_no_others_are(plans: dict[str, list[str]]) -> None:
    (search,) = plans["bills_open"]
    assert search == "SEARCH invoices USING INDEX invoices_open (lane=? AND seen_at<?)"


@pytest.mark.parametrize("name", sorted(DUE))
def test_what_falls_due_is_found_from_its_instant_on_in_an_index_of_its_own(
    plans: dict[str, list[str]], name: str
) -> None:
    (search,) = plans[name]
    assert re.fullmatch(rf"SEARCH \w+ USING INDEX {name} \(\w+>\? AND \w+<\?\)", search), search


@pytest.mark.parametrize("name", sorted(IN_ORDER | WALKS))
def test_a_page_needs_no_sorting(plans: dict[str, list[str]], name: str) -> None:
    assert [one for one in plans[name] if "TEMP B-TREE" in one] == []
