"""`purchase export`, as a person calls it who leaves, or whose customer asks for what is theirs."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.operations.export import Export, Line
from purchase_core.testing.bench import Bench
from purchase_core.testing.sales import Sale

FILE = "customers.jsonl"


@pytest.fixture(autouse=True)
def _sold(app: Any) -> None:
    """Three customers who set out to buy something."""

    async def record() -> None:
        bench = await Bench(app.database).open()
        for number, customer in enumerate(("alice", "bob", "carol"), 1):
            sale = Sale(number, customer)
            await bench.record(sale.placed(), sale.tried("current"))
            await bench.customers.upsert(customer, email=f"{customer}@shop.example", name="A\u2028\x1b[2J")

    asyncio.run(record())


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_everything_is_written_to_stdout_one_object_a_line(app: Any) -> None:
    ended = app.run("export")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    lines = lines_of(ended.out)
    assert list(dict.fromkeys(one["customer"] for one in lines)) == ["alice", "bob", "carol"]
    assert {one["schema_version"] for one in lines} == {1}
    (details,) = [one["data"] for one in lines if (one["type"], one["customer"]) == ("details", "bob")]
    assert details["body"] == {"email": "bob@shop.example", "name": "A\u2028\x1b[2J"}
    assert ended.err.endswith(f"{len(lines)} lines\n")
    assert app.run("export", "-").out == ended.out


def test_a_customer_gets_what_is_theirs_and_nothing_of_another(app: Any) -> None:
    ended = app.run("export", "--customer", "bob")
    assert ended.code == 0
    assert {one["owner"] for one in lines_of(ended.out)} == {"customer:bob"}
    assert "alice" not in ended.out
    assert "intent_2" in ended.out
    assert "intent_1" not in ended.out
    assert app.run("export", "--customer", "nobody").code == 1


def test_a_file_is_its_owners_alone_and_is_not_overwritten(app: Any) -> None:
    ended = app.run("export", FILE, "--json")
    written = Path(FILE).read_text()
    told = json.loads(ended.out)
    assert (told["file"], told["lines"], told["types"]["intents"]) == (FILE, len(lines_of(written)), 3)
    assert written == app.run("export").out
    assert stat.S_IMODE(Path(FILE).stat().st_mode) == 0o600
    again = app.run("export", FILE, "--customer", "bob")
    assert (again.code, Path(FILE).read_text()) == (1, written)
    assert "--force" in again.err
    assert app.run("export", FILE, "--customer", "bob", "--force").code == 0
    assert Path(FILE).read_text() == app.run("export", "--customer", "bob").out
    assert not Path(f"{FILE}.part").exists()


def test_nothing_is_left_of_an_export_that_was_refused(app: Any) -> None:
    assert app.run("export", FILE, "--customer", "nobody").code == 1
    assert list(Path().glob(f"{FILE}*")) == []
    assert app.run("export", "--customer", "bob", "--after", "customer:a").code == 2
    assert app.run("export", "--json").code == 2
    assert app.run("export", "no/such/folder.jsonl").code == 2
    Path("folder").mkdir()
    assert app.run("export", "folder", "--force").code == 2


def cut_off(app: Any, *arguments: str, within: str) -> Any:
    """An export that is interrupted when it has written the first line of an owner."""
    everything = Export.everything

    async def until(self: Export, *, after: str = "") -> AsyncIterator[Line]:
        async for line in everything(self, after=after):
            yield line
            if line.owner == within:
                raise KeyboardInterrupt

    with patch.object(Export, "everything", until):
        return app.run("export", *arguments)


def test_an_export_that_was_cut_off_says_how_to_go_on_and_comes_to_the_same(app: Any) -> None:
    whole = app.run("export").out
    ended = cut_off(app, FILE, within="customer:bob")
    assert ended.code == 130
    assert f"To go on: purchase export {FILE} --after customer:alice\n" in ended.err
    assert not Path(FILE).exists()
    assert app.run("export", FILE).code == 1, "one may be running"
    assert app.run("export", FILE, "--after", "customer:bob").code == 2, "bob would be missing"
    ended = cut_off(app, FILE, "--after", "customer:alice", within="customer:bob")
    assert f"To go on: purchase export {FILE} --after customer:alice\n" in ended.err
    assert app.run("export", FILE, "--after", "customer:alice").code == 0
    assert Path(FILE).read_text() == whole
    assert app.run("export", "other.jsonl", "--after", "customer:alice").code == 2


def test_on_stdout_it_goes_on_behind_the_last_whole_owner(app: Any) -> None:
    ended = cut_off(app, within="customer:carol")
    assert "To go on: purchase export - --after customer:bob\n" in ended.err
    behind = lines_of(app.run("export", "--after", "customer:bob").out)
    assert {one["owner"] for one in behind} == {"customer:carol"}


def test_a_part_whose_last_line_is_not_whole_is_not_gone_on_with(app: Any) -> None:
    cut_off(app, FILE, within="customer:bob")
    part = Path(f"{FILE}.part")
    part.write_bytes(part.read_bytes()[:-1])
    assert app.run("export", FILE, "--after", "customer:alice").code == 2
    assert app.run("export", FILE, "--force").code == 0
