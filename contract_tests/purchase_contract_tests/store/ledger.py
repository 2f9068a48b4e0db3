"""The ledger and the journal: what was spent is written once, beside what facts say, and stays."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.picture import picture
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    ledger_row_of_each_table,
    movement,
    row_of_each_table,
    step,
)
from purchase_core.errors import InvalidArgument, KeyConflict, LaneConflict
from purchase_core.facts.rows import LotRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.ledger_rows import LEDGER_TYPES, DrawnRow, LedgerRow
from purchase_core.records.movement import Movement


async def all_of_it(store: Store) -> list[LedgerRow]:
    """Every row of the ledger."""
    return [row for table in LEDGER_TYPES for row in await store.rows(table)]


def drawn(lot: str, amount: int, lane: str = ANA) -> DrawnRow:
    """What was taken of a lot."""
    return DrawnRow(lot, lane, "ai_credits", amount)


class Ledger(StorePromises):
    """`Batch.ledger`, `Batch.movements`, `drawn`, `movement` and `movements`."""

    @promise
    async def the_ledger_gives_back_what_it_was_given(self, store: Store) -> None:
        for number, filled in enumerate((True, False)):
            rows = ledger_row_of_each_table(filled=filled)
            await store.commit(Batch(f"batch_{number}", NOW, ledger=rows))
            assert await all_of_it(store) == list(rows)
            for row in rows:
                assert list(await store.rows(type(row), lane=ANA)) == [row]
                assert not await store.rows(type(row), lane=BEN)
                assert not await store.rows(type(row), after_key=row.key)

    @promise
    async def a_row_of_the_ledger_is_absolute(self, store: Store) -> None:
        """What is written last counts, and is not added to what was there."""
        await store.commit(Batch("batch_1", NOW, ledger=(drawn("lot_1", 30), drawn("lot_2", 5))))
        await store.commit(Batch("batch_2", NOW, ledger=(drawn("lot_1", 20), drawn("lot_1", 50))))
        assert list(await store.rows(DrawnRow)) == [drawn("lot_1", 50), drawn("lot_2", 5)]

    @promise
    async def what_was_drawn_is_told_of_the_lots_that_were_asked_for(self, store: Store) -> None:
        rows = [drawn(f"lot_{number}", number, ANA if number % 2 else BEN) for number in range(1, 9)]
        await store.commit(Batch("batch_1", NOW, ledger=tuple(rows)))
        assert dict(await store.drawn(["lot_3", "lot_8", "lot_99", "lot"])) == {"lot_3": 3, "lot_8": 8}
        assert dict(await store.drawn([])) == {}

    @promise
    async def facts_never_overwrite_what_was_spent(self, store: Store) -> None:
        """A lot that is put again, or dropped, is another table's."""
        (lot,) = (row for row in row_of_each_table() if isinstance(row, LotRow))
        spent = drawn(lot.key, 30)
        await store.commit(Batch("batch_1", NOW, rows=(lot,), ledger=(spent,)))
        await store.commit(Batch("batch_2", NOW, rows=(replace(lot, clawed=lot.granted),)))
        await store.commit(Batch("batch_3", NOW, dropped_rows=((LotRow, lot.key),)))
        assert list(await store.rows(DrawnRow)) == [spent]
        assert dict(await store.drawn([lot.key])) == {lot.key: 30}

    @promise
    async def a_movement_comes_back_as_it_was(self, store: Store) -> None:
        one = movement()
        await store.commit(Batch("batch_1", NOW, lanes=(step(),), movements=(one,)))
        assert await store.movement(one.key) == one
        assert list(await store.movements(ANA)) == [one]
        assert await store.movement("consume:other") is None

    @promise
    async def the_journal_of_a_lane_comes_in_order_and_in_pages(self, store: Store) -> None:
        places = [(lane, position) for position in (3, 1, 5, 2, 4) for lane in (ANA, BEN)]
        all_ = [movement(f"{9 - position}-{lane}", lane, position) for lane, position in places]
        await store.commit(Batch("batch_1", NOW, lanes=(step(ANA), step(BEN)), movements=tuple(all_[:6])))
        await store.commit(
            Batch("batch_2", NOW, lanes=(step(ANA, 1), step(BEN, 1)), movements=tuple(all_[6:]))
        )
        for lane in (ANA, BEN):
            found: list[Movement] = []
            for _ in all_:
                page = await store.movements(lane, after=found[-1].position if found else 0, limit=2)
                assert len(page) <= 2
                found += page
            mine = [one for one in all_ if one.lane == lane]
            assert found == sorted(mine, key=lambda one: one.position)

    @promise
    async def f61_a_movement_is_written_once(self, store: Store) -> None:
        """Neither its key nor its place is taken by another; what else is in the batch is not written."""
        await store.commit(Batch("batch_1", NOW, lanes=(step(),), movements=(movement("k1"),)))
        before = await picture(store)
        same_key = movement("k1", position=2, amount=9)
        same_place = movement("k2", position=1)
        for number, movements in enumerate(
            ((same_key,), (same_place,), (movement("k3", position=2), movement("k3", position=3)))
        ):
            refused = Batch(
                f"batch_{2 + number}",
                NOW,
                lanes=(step(ANA, 1, b"spent"),),
                ledger=ledger_row_of_each_table(),
                movements=movements,
            )
            with pytest.raises(KeyConflict) as error:
                await store.commit(refused)
            assert (error.value.kind, error.value.key) == ("movement", movements[-1].key)
            assert await picture(store) == before
            assert not await store.committed(refused.id)

    @promise
    async def a_movement_is_of_a_lane_that_moves(self, store: Store) -> None:
        with pytest.raises(InvalidArgument):
            await store.commit(Batch("batch_1", NOW, lanes=(step(BEN),), movements=(movement(),)))
        assert await store.movement(movement().key) is None
        assert (await store.lane(BEN)).version == 0

    @promise
    async def f60_a_decision_on_another_version_spends_nothing(self, store: Store) -> None:
        """Of two that were taken on one version, one is written whole, and of the other nothing."""
        batches = [
            Batch(
                f"batch_{number}",
                NOW,
                lanes=(step(ANA, 0, b"%d" % number),),
                ledger=(drawn(f"lot_{number}", 10),),
                movements=(movement(f"k{number}", position=1 + number),),
            )
            for number in range(2)
        ]
        await store.commit(batches[0])
        with pytest.raises(LaneConflict):
            await store.commit(batches[1])
        assert list(await store.movements(ANA)) == list(batches[0].movements)
        assert await all_of_it(store) == list(batches[0].ledger)

    @promise
    async def f60_many_decisions_that_wait_for_each_other_are_one_chain(self, store: Store) -> None:
        """As a hot customer's are: all of them at once, each on what those before it wrote."""
        batches = [
            Batch(
                f"batch_{number}",
                NOW,
                lanes=(step(ANA, number, b"%d" % number),),
                ledger=(drawn("lot", number + 1),),
                movements=(movement(f"k{number}", position=1 + number),),
            )
            for number in range(20)
        ]
        await store.commit_all(batches)
        assert [one.position for one in await store.movements(ANA)] == list(range(1, 21))
        assert dict(await store.drawn(["lot"])) == {"lot": 20}
        again = replace(batches[19], id="again", lanes=(step(ANA, 20),))
        more = replace(again, id="more", lanes=(step(ANA, 21),))
        with pytest.raises(LaneConflict):
            await store.commit_all([again, more])
        assert len(await store.movements(ANA)) == 20
