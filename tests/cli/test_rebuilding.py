"""`purchase rebuild` and `purchase runs`, as a person or a deploy calls them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from msgspec.structs import replace

from purchase_core.facts.rows import IntentRow
from purchase_core.testing.bench import Bench
from purchase_core.testing.sales import Sale

KEY = "intent:own:intent_1"


def sold(app: Any) -> None:
    """Two customers who set out to buy something."""

    async def record() -> None:
        bench = await Bench(app.database).open()
        for number, customer in enumerate(("alice", "bob"), 1):
            sale = Sale(number, customer)
            await bench.record(sale.placed(), sale.tried("current"))

    asyncio.run(record())


def spoil(app: Any) -> None:
    row = app.database.rows[IntentRow, KEY]
    app.database.rows[IntentRow, KEY] = replace(row, status="settled")


def test_before_a_deploy_a_shadow_says_whose_rows_would_change(app: Any) -> None:
    sold(app)
    assert app.run("rebuild", "--shadow").code == 0
    spoil(app)
    before = dict(app.database.rows)
    ended = app.run("rebuild", "--shadow", "--diff")
    assert ended.code == 3
    assert "customer alice\n  differs intents intent:own:intent_1 (status)\n" in ended.out
    assert "bob" not in ended.out
    shown = json.loads(app.run("rebuild", "--shadow", "--diff", "--json").out)
    assert (shown["changed"], shown["busy"], shown["run"]) == (1, 0, "")
    assert shown["stored_hash"] != shown["rebuilt_hash"]
    (lane,) = shown["lanes"]
    assert (lane["customer"], lane["status"]) == ("alice", "changed")
    assert lane["differences"] == [{"what": "differs", "table": "intents", "key": KEY, "columns": ["status"]}]
    assert app.database.rows == before


def test_whoever_was_merged_is_rebuilt_as_whom_they_were_merged_into(app: Any) -> None:
    sold(app)
    merged = app.run("customers", "merge", "alice", "bob", "--reason", "one person", "--yes")
    assert merged.code == 0, merged.err
    spoil(app)
    ended = app.run("rebuild", "--shadow", "--customer", "alice", "--diff")
    assert (ended.code, "customer bob" in ended.out) == (3, True), ended.err


def test_a_rebuild_is_asked_for_and_leaves_a_receipt(app: Any) -> None:
    sold(app)
    spoil(app)
    assert app.run("rebuild").code == 2
    ended = app.run("rebuild", "--yes", "--note", "ops: new fold", "--json")
    assert ended.code == 0
    done = json.loads(ended.out)
    assert (done["changed"], done["facts"]) == (1, 4)
    assert app.database.rows[IntentRow, KEY].status == "open"
    assert app.run("rebuild", "--shadow").code == 0
    shown = json.loads(app.run("runs", "show", done["run"], "--json").out)["run"]
    assert (shown["kind"], shown["state"], shown["note"]) == ("rebuild", "finished", "ops: new fold")
    assert shown["counts"]["changed"] == 1
    assert done["run"] in app.run("runs", "list", "--kind", "rebuild").out
    assert app.run("runs", "list", "--kind", "replay").err.endswith("No runs.\n")
    assert app.run("runs", "show", "run_none").code == 1


def test_one_customer_and_only_what_goes_together(app: Any) -> None:
    sold(app)
    spoil(app)
    assert app.run("rebuild", "--customer", "bob", "--shadow").code == 0
    assert app.run("rebuild", "--customer", "alice", "--shadow").code == 3
    assert app.run("rebuild", "--customer", "alice").code == 0
    assert app.run("rebuild", "--customer", "alice", "--shadow").code == 0
    assert app.run("rebuild", "--customer", "nobody").code == 1
    assert app.run("rebuild", "--after", "customer:a").code == 2
    assert app.run("rebuild", "--resume", "run_1", "--shadow").code == 2
    assert app.run("rebuild", "--resume", "run_none", "--yes").code == 1
