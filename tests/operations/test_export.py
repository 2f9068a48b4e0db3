"""Export: whatever is known of a customer comes out, can be read back, and is theirs alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from unittest.mock import patch

import attrs
import msgspec
import pytest
from msgspec.structs import replace

from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    WAITING,
    batch_of_everything,
    body_of_each_kind,
    command,
    effect,
    ledger_row_of_each_table,
    movement,
    recorded,
    row_of_each_table,
    step,
)
from purchase_core.errors import NotFound, WrongState
from purchase_core.facts.bodies import KINDS
from purchase_core.facts.fact import Fact, RecordedFact, seen
from purchase_core.instants import Instant, instant, to_text
from purchase_core.operations import sharing
from purchase_core.operations.export import (
    COMMAND,
    DETAILS,
    EFFECT,
    FACT,
    LANE,
    MOVEMENT,
    REFERENCE,
    Export,
    Line,
    plain,
)
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import TABLES
from purchase_core.records.details import Details
from purchase_core.records.effect import Effect
from purchase_core.records.lane import LaneStep
from purchase_core.records.movement import Movement
from purchase_core.records.reference import Reference
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from tests.faults.shop import Shop, run

PAGE = Path(__file__).parents[2] / "docs" / "exporting.md"
FAR = Instant(9_007_199_254_740_993)  # more than a float holds
DETAILS_OF_ANA = Details("ana", b'{"email":"ana@shop.example"}', NOW)


async def filled() -> MemoryStore:
    """Ana with one object of every type and a guest's that is linked to her, and Ben with a little."""
    store = MemoryStore(MemoryDatabase())
    await store.migrate()
    batch = batch_of_everything()
    others = tuple(recorded(seen("acme", NOW, body)) for body in body_of_each_kind())
    await store.commit(replace(batch, facts=(*batch.facts, *others), details=(DETAILS_OF_ANA,)))
    rows = tuple(replace(row, key=f"ben_{row.key}") for row in row_of_each_table(BEN, filled=False))
    bens = Batch("batch_2", NOW, lanes=(step(BEN),), rows=rows, movements=(movement("k2", BEN),))
    await store.commit(replace(bens, effects=(effect("sub_2:started", lane=BEN),)))
    return store


async def written(lines: AsyncIterator[Line]) -> list[dict[str, Any]]:
    """The lines as whoever loads them reads them."""
    return [
        {"type": one.type, "owner": one.owner, "data": msgspec.json.decode(msgspec.json.encode(one.data))}
        async for one in lines
    ]


def of(lines: list[dict[str, Any]], type_: str) -> list[dict[str, Any]]:
    return [one["data"] for one in lines if one["type"] == type_]


def read_back(hint: Any, value: Any) -> Any:
    """The value that was exported, by the type that it is documented to have."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = get_type_hints(hint)
        return hint(**{name: read_back(hints[name], value[name]) for name in hint.__struct_fields__})
    if hint is Instant:
        return instant(datetime.fromisoformat(value))
    if NoneType in get_args(hint):
        return None if value is None else read_back(get_args(hint)[0], value)
    if get_origin(hint) is tuple:
        return tuple(read_back(get_args(hint)[0], one) for one in value)
    assert type(value) is hint
    return value


def fact_of(data: Mapping[str, Any]) -> RecordedFact:
    body = read_back(KINDS[data["kind"]], data["body"])
    fact = Fact(data["object"], read_back(Instant, data["order"]), body, data["digest"], data["final"])
    return RecordedFact(fact, ANA, read_back(Instant, data["recorded_at"]), data["cause"])


def test_every_type_of_object_comes_out_and_reads_back_as_it_was() -> None:
    async def work() -> None:
        store = await filled()
        lines = await written(Export(store).customer("ana"))
        for row in (*row_of_each_table(), *ledger_row_of_each_table()):
            assert [read_back(type(row), one) for one in of(lines, row.TABLE)] == [row]
        assert {fact_of(one) for one in of(lines, FACT)} == {one for _, one in await store.facts(ANA)}
        assert {one["kind"] for one in of(lines, FACT)} == {
            one.fact.kind for _, one in await store.facts(ANA)
        }
        assert [read_back(Movement, one) for one in of(lines, MOVEMENT)] == await store.movements(ANA)
        assert [read_back(Effect, one) for one in of(lines, EFFECT)] == await store.effects(ANA)
        known = list(store.database.references.values())
        assert [read_back(Reference, one) for one in of(lines, REFERENCE)] == known
        (details,) = of(lines, DETAILS)
        assert details["body"] == {"email": "ana@shop.example"}
        assert [one["linked_to"] for one in of(lines, LANE)] == ["", ANA]

    run(work)


def test_a_command_comes_out_as_its_receipt() -> None:
    async def work() -> None:
        store = await filled()
        made, guests = command("refund:1", "command_2"), command("checkout:2", "command_3")
        guests = attrs.evolve(guests, lane=WAITING, decision=b"")
        bens = attrs.evolve(command("refund:3", "command_4"), lane=BEN)
        for number, one in enumerate((made, guests, bens)):
            await store.commit(Batch(f"batch_c{number}", NOW, command=one))
        told = of(await written(Export(store).customer("ana")), COMMAND)
        assert [one["id"] for one in told] == ["command_1", "command_2", "command_3"]
        assert told[1]["stages"] == [
            {"name": one.name, "at": to_text(one.at), "detail": one.detail} for one in made.stages
        ]
        assert [one["decision"] for one in told[1:]] == [{"to": "acme"}, None]
        assert {name: told[1][name] for name in ("key", "kind", "lane", "state", "reference")} == {
            "key": "refund:1",
            "kind": made.kind,
            "lane": ANA,
            "state": made.state,
            "reference": made.reference,
        }

    run(work)


def test_no_link_that_lets_somebody_in_comes_out() -> None:
    async def work() -> None:
        async with Shop() as shop:
            checkout = await shop.start()
            told = await written(shop.billing.export.everything())
            assert checkout.receipt in [one["id"] for one in of(told, COMMAND)]
            assert checkout.url not in str(told)
            assert "://" not in str(told)

    run(work)


def test_what_is_absent_is_null_and_large_numbers_are_exact() -> None:
    for row in row_of_each_table(filled=False):
        assert read_back(type(row), msgspec.json.decode(msgspec.json.encode(plain(row)))) == row
    lot = next(row for row in row_of_each_table() if row.TABLE == "lots")
    exact = plain(replace(lot, granted=int(FAR), granted_at=FAR))
    assert (exact["granted"], exact["granted_at"]) == (9_007_199_254_740_993, "2255-06-05T23:47:34.740993Z")
    assert plain(replace(lot, granted_at=Instant(2**62)))["granted_at"] == 2**62, "no calendar's year"


def test_a_customer_has_nothing_of_anothers() -> None:
    async def work() -> None:
        store = await filled()
        everything = await written(Export(store).everything())
        ana, ben = await written(Export(store).customer("ana")), await written(Export(store).customer("ben"))
        assert {one["owner"] for one in ana} == {ANA}
        assert {one["owner"] for one in ben} == {BEN}
        assert [*ana, *ben] == everything
        with pytest.raises(NotFound):
            await written(Export(store).customer("nobody"))

    run(work)


def test_who_was_merged_is_exported_with_whom_they_were_merged_into() -> None:
    async def work() -> None:
        store = await filled()
        alone = await written(Export(store).customer("ana"))
        await store.commit(Batch("batch_3", NOW, lanes=(LaneStep(BEN, 1, b"", ANA),)))
        both = await written(Export(store).customer("ana"))
        assert len(both) > len(alone)
        for type_ in ("purchases", MOVEMENT, EFFECT):
            assert [one["lane"] for one in of(both, type_)] == [ANA, BEN]
        with pytest.raises(WrongState, match="merged into 'ana'"):
            await written(Export(store).customer("ben"))

    run(work)


def test_lanes_are_held_in_portions_and_any_of_them_can_be_gone_on_from() -> None:
    async def work() -> None:
        store = await filled()
        whole = await written(Export(store).everything())
        asked: list[tuple[str, str]] = []
        holdings = store.holdings

        async def counted(first: str, last: str) -> Any:
            asked.append((first, last))
            return await holdings(first, last)

        with patch.object(store, "holdings", counted), patch.object(sharing, "LANES_AT_ONCE", 1):
            assert await written(Export(store).everything()) == whole
        assert [first for first, last in asked if first == last] == [one.lane for one in await store.lanes()]
        behind = await written(Export(store).everything(after=ANA))
        assert behind == [one for one in whole if one["owner"] > ANA]

    run(work)


# --- what is documented -------------------------------------------------------------------------


def columns_of(heading: str) -> dict[str, list[str]]:
    """The names in the first column of the table below a heading, and those in its second."""
    text = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    return {
        first.strip().strip("`"): second.replace("`", "").replace(",", " ").split() for first, second in cells
    }


def test_the_page_names_every_type_of_line_and_every_field_of_it() -> None:
    async def work() -> None:
        lines = await written(Export(await filled()).everything())
        shown = {one["type"]: list(one["data"]) for one in lines}
        assert set(shown) == {
            LANE,
            DETAILS,
            REFERENCE,
            FACT,
            MOVEMENT,
            EFFECT,
            COMMAND,
            *(one.TABLE for one in TABLES),
        }
        assert columns_of("Types of lines") == shown

    run(work)


def test_the_page_names_every_table_and_every_column_of_it() -> None:
    schema = pytest.importorskip("purchase_sql.schema")
    tables = {
        table.name.removeprefix("{prefix}"): [column.name for column in table.columns]
        for table in schema.metadata.tables.values()
    }
    types = columns_of("Types of lines")
    rows = {one.TABLE: types[one.TABLE] for one in TABLES}
    assert {**columns_of("Tables"), **rows} == tables
    assert set(tables["commands"]) - set(types[COMMAND]) == {"fingerprint", "request", "result"}
