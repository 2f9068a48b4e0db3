"""Every read of the port finds its rows by an index, on Postgres too, and in the order that a page wants."""

from __future__ import annotations

import asyncio
import re

import psycopg
import pytest

from purchase_core.ports.deadlines import DEADLINES
from purchase_core.ports.operator_reads import WAITING_TYPES
from purchase_core.ports.store import NEWEST_BY, TABLES
from purchase_core.records.delivery import DELIVERY_STATES, DONE
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_sql.generated.postgresql import STATEMENTS
from purchase_sql.prefix import with_prefix

# Pages over a whole table walk its key in order; versions and subscribers are a handful of rows.
WALKS = {f"{one.TABLE}_page" for one in TABLES} | {"schema_version", "subscribers", "mailbox_wake"}
# Whether anything names what is not there is asked of all of it.
ALL_OF_IT = {name for name in STATEMENTS if name.startswith("dangling_")}
DUE = {f"due_{one.name}" for one in DEADLINES}
# These give rows in the order in which the index holds them: a page costs its own length.
IN_ORDER = {
    "bills_open", "claim", "claim_newest", "commands_of", "commands_open", "deliveries",
    "deliveries_oldest", "effects", "facts", "lanes_page", "runs", "runs_of",
    "mailbox_claim", "mailboxes", "intents_since", "cases_open", "cases_resolved", "cases_of_kind",
    "movements", "price_for", "prices_of", "references_of",
    *(f"{one.TABLE}_page_of_lane" for one in TABLES),
    *(f"{one.TABLE}_waiting" for one in WAITING_TYPES),
    *DUE,
    *(f"deliveries_{one}" for one in DELIVERY_STATES),
    *(f"{one.TABLE}_newest" for one in NEWEST_BY),
}  # fmt: skip


async def _migrate(address: str) -> None:
    async with await PostgresStore.open(PostgresConfig(Secret(address))) as store:
        await store.migrate()


@pytest.fixture
def plans(address: str) -> dict[str, list[str]]:
    """Plans that hold for any values, as a prepared statement's do in the end."""
    asyncio.run(_migrate(address))
    found = {}
    with psycopg.connect(address, autocommit=True) as connection:
        # The tables are empty, so that reading and sorting all of it would look cheapest.
        connection.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        for name, text in STATEMENTS.items():
            connection.execute(f"PREPARE one AS {with_prefix(text, '')}")
            count = max([int(number) for number in re.findall(r"\$(\d+)", text)], default=0)
            values = f"({', '.join(['NULL'] * count)})" if count else ""
            found[name] = [line for (line,) in connection.execute(f"EXPLAIN EXECUTE one{values}").fetchall()]
            connection.execute("DEALLOCATE one")
    return found


def test_no_statement_reads_a_whole_table(plans: dict[str, list[str]]) -> None:
    scans = {name for name, plan in plans.items() if any("Seq Scan" in line for line in plan)}
    assert scans - WALKS - ALL_OF_IT == set()


def test_a_page_needs_no_sorting(plans: dict[str, list[str]]) -> None:
    sorting = {name for name, plan in plans.items() if any("Sort" in line for line in plan)}
    assert sorting & (IN_ORDER | WALKS) == set()


def test_what_falls_due_is_found_from_its_instant_on(plans: dict[str, list[str]]) -> None:
    for name in DUE:
        assert [line for line in plans[name] if f"Index Scan using {name} " in line], plans[name]
        (condition,) = [line for line in plans[name] if "Index Cond" in line]
        assert condition.count(">=") == condition.count("<=") == 1, condition


FLOOD = """
INSERT INTO deliveries SELECT
    'd' || lpad(n::text, 6, '0'), 'acme', 'e' || n, 'paid', 'o', n, n, '[]', 'webhook',
    CASE WHEN n % 25 = 0 THEN 'pending' WHEN n BETWEEN 9000 AND 10000 THEN 'quarantined' ELSE 'done' END,
    'malformed_body: ' || n, 1, n, 1, '', decode(repeat('ab', 1000), 'hex'), NULL
FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_what_is_not_done_is_found_among_what_is_whatever_the_planner_has_counted(
    address: str, mode: str
) -> None:
    """Nothing is forbidden to it here, and what waits is frequent enough to tempt it to walk the key."""
    asyncio.run(_migrate(address))
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(FLOOD)
        connection.execute("VACUUM ANALYZE deliveries")
        connection.execute(f"SET plan_cache_mode = {mode}")
        for name in ("tally_quarantined", *(f"deliveries_{one}" for one in DELIVERY_STATES if one != DONE)):
            connection.execute(f"PREPARE one AS {with_prefix(STATEMENTS[name], '')}")
            values = "100" if name.startswith("tally_") else "'e', 100"
            plan = [one for (one,) in connection.execute(f"EXPLAIN EXECUTE one({values})").fetchall()]
            connection.execute("DEALLOCATE one")
            assert [one for one in plan if re.search(r"Index Scan .*using deliveries_state ", one)], plan


BILLS = """
INSERT INTO invoices SELECT
    'invoice:acme:' || n, 'customer:' || CASE WHEN n % 2 = 0 THEN 'ana' ELSE n::text END, 'r', 'acme',
    n::text, '', '', '', 'renewal', CASE WHEN n % 1000 < 2 THEN 'open' ELSE 'paid' END, 'matched', false,
    'USD', 900, 900, 0, 0, 0, n, NULL, '', n
FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_open_bills_are_found_where_no_others_are(address: str, mode: str) -> None:
    asyncio.run(_migrate(address))
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(BILLS)
        connection.execute("VACUUM ANALYZE invoices")
        connection.execute(f"SET plan_cache_mode = {mode}")
        connection.execute(f"PREPARE one AS {with_prefix(STATEMENTS['bills_open'], '')}")
        values = "'customer:ana', 9000000000000000, '', 100"
        plan = [one for (one,) in connection.execute(f"EXPLAIN EXECUTE one({values})").fetchall()]
    assert re.findall(r"(?:using|Index Scan on) (\w+)", "\n".join(plan)) == ["invoices_open"], plan
