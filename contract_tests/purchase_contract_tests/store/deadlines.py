"""Deadlines: what falls due is found by its instant, whatever else is stored."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import BEN, NOW, later, row_of_each_table
from purchase_core.facts.rows import Row
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.deadlines import (
    BILL_ASKED,
    DEADLINES,
    LOT_EXPIRES,
    PERIOD_ENDS,
    TRIAL_ENDS,
    UNPAID_FROM,
    Deadline,
)
from purchase_core.ports.store import Store

STATUS = {PERIOD_ENDS: "active", TRIAL_ENDS: "trialing", UNPAID_FROM: "past_due", BILL_ASKED: "open"}
EVERY: tuple[Deadline[Any], ...] = DEADLINES
BEGIN = (NOW, "")


def _row(deadline: Deadline[Any], key: str, at: Instant, **other: object) -> Any:
    """A row of the deadline, at that instant; its other instants lie elsewhere."""
    (row,) = (one for one in row_of_each_table() if isinstance(one, deadline.row_type))
    mine: dict[str, object] = {"key": key, "bound": True, "status": STATUS.get(deadline, "")}
    there = {name: value for name, value in mine.items() if name in row.__struct_fields__}
    return replace(row, **{**there, deadline.column: at, **other})


class Deadlines(StorePromises):
    """`due`."""

    @promise
    async def what_falls_due_comes_by_its_instant(self, store: Store) -> None:
        for deadline in EVERY:
            wanted = [
                _row(deadline, "z", later(1)),
                _row(deadline, "b", later(5)),
                _row(deadline, "c", later(5), lane=BEN),
                _row(deadline, "a", later(9)),
            ]
            others = [_row(deadline, "early", later(-1)), _row(deadline, "late", later(10))]
            batch = Batch(f"batch_{deadline.name}", NOW, rows=(*others, *wanted[::-1]))
            await store.commit(batch)
            assert list(await store.due(deadline, after=BEGIN, until=later(9))) == wanted
            gone: list[tuple[type[Row], str]] = [(type(one), one.key) for one in (*wanted, *others)]
            await store.commit(Batch(f"{batch.id}_gone", NOW, dropped_rows=tuple(gone)))
            assert list(await store.due(deadline, after=BEGIN, until=later(9))) == []

    @promise
    async def whoever_reads_on_what_falls_due_misses_none_of_it(self, store: Store) -> None:
        for deadline in EVERY:
            places = [(2, "b"), (2, "c"), (2, "d"), (3, "a"), (4, "b0")]
            rows = [_row(deadline, f"{deadline.name}_{key}", later(at)) for at, key in places]
            await store.commit(Batch(f"batch_{deadline.name}", NOW, rows=tuple(rows[::-1])))
            for count in range(len(rows)):
                place = (later(places[count][0]), rows[count].key)
                assert list(await store.due(deadline, after=place, until=later(9))) == rows[count + 1 :]
                page = await store.due(deadline, after=place, until=later(9), limit=2)
                assert list(page) == rows[count + 1 : count + 3]
            between = (later(2), f"{deadline.name}_bb")
            assert list(await store.due(deadline, after=between, until=later(3))) == rows[1:4]
            await store.commit(
                Batch(
                    f"batch_{deadline.name}_gone",
                    NOW,
                    dropped_rows=tuple((type(one), one.key) for one in rows),
                )
            )

    @promise
    async def what_has_ended_or_been_paid_falls_due_no_more(self, store: Store) -> None:
        at = later(5)
        others = (
            _row(PERIOD_ENDS, "s1", at, status="canceled"),
            _row(PERIOD_ENDS, "s2", at, status="incomplete_expired"),
            _row(PERIOD_ENDS, "s3", at, bound=False),
            _row(TRIAL_ENDS, "s4", at, status="active", period_end=later(60)),
            _row(UNPAID_FROM, "s5", at, status="active", period_end=later(60)),
            _row(BILL_ASKED, "n1", at, status="paid"),
            _row(BILL_ASKED, "n2", at, status="void"),
            _row(BILL_ASKED, "n3", at, due_at=None),
            _row(LOT_EXPIRES, "l1", at, expires_at=None),
        )
        await store.commit(Batch("batch_1", NOW, rows=others))
        for deadline in EVERY:
            assert list(await store.due(deadline, after=BEGIN, until=later(9))) == []
        waiting = tuple(
            _row(PERIOD_ENDS, f"w_{status}", at, status=status, period_start=later(20))
            for status in ("active", "past_due", "paused", "trialing", "unpaid")
        )
        await store.commit(Batch("batch_2", NOW, rows=waiting))
        assert list(await store.due(PERIOD_ENDS, after=BEGIN, until=later(9))) == list(waiting)

    @promise
    async def what_was_put_off_falls_due_when_it_says_now(self, store: Store) -> None:
        before = [_row(deadline, deadline.name, later(5)) for deadline in EVERY]
        await store.commit(Batch("batch_1", NOW, rows=tuple(before)))
        after = [
            replace(one, **{deadline.column: later(50)}) for deadline, one in zip(EVERY, before, strict=True)
        ]
        await store.commit(Batch("batch_2", NOW, rows=tuple(after)))
        for deadline, row in zip(EVERY, after, strict=True):
            assert row not in await store.due(deadline, after=BEGIN, until=later(49))
            assert row in await store.due(deadline, after=BEGIN, until=later(50))
