"""The rows of the projection, and the clusters that they are derived from."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    case,
    cluster,
    later,
    refund,
    row_of_each_table,
)
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import seen
from purchase_core.facts.fold import canonical_hash
from purchase_core.facts.rows import ROW_TYPES, CaseRow, IntentRow, InvoiceRow, Row
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import NEWEST_BY, Question, Store


async def all_rows(store: Store) -> list[Row]:
    """Every row of every table."""
    return [row for table in ROW_TYPES for row in await store.rows(table)]


class Rows(StorePromises):
    """`Batch.rows`, `Batch.clusters`, what drops them, `rows` and `intents_since`."""

    @promise
    async def every_table_gives_back_what_it_was_given(self, store: Store) -> None:
        for number, filled in enumerate((True, False)):
            rows = row_of_each_table(filled=filled)
            await store.commit(Batch(f"batch_{number}", NOW, rows=rows))
            # The hash tells true from 1 and null from 0, which == does not.
            assert canonical_hash(await all_rows(store)) == canonical_hash(rows)

    @promise
    async def a_row_is_replaced_whole(self, store: Store) -> None:
        before = next(row for row in row_of_each_table() if isinstance(row, InvoiceRow))
        after = replace(
            before, lane=BEN, status="open", contested=False, paid=0, paid_at=None, seen_at=later(9)
        )
        await store.commit(Batch("batch_1", NOW, rows=(before,)))
        await store.commit(Batch("batch_2", NOW, rows=(after,)))
        assert list(await store.rows(InvoiceRow)) == [after]
        assert not await store.rows(InvoiceRow, lane=ANA)
        assert list(await store.rows(InvoiceRow, lane=BEN)) == [after]

    @promise
    async def intents_come_from_the_newest_back_to_an_instant(self, store: Store) -> None:
        intent = next(row for row in row_of_each_table() if isinstance(row, IntentRow))
        # Their keys say nothing of when: the newest has the first.
        newest_first = [
            replace(intent, key="a", placed_at=later(9)),
            replace(intent, key="d", lane=BEN, placed_at=later(5)),
            replace(intent, key="c", placed_at=later(5)),
            replace(intent, key="b", placed_at=later(5)),
            replace(intent, key="e", placed_at=later(2)),
            replace(intent, key="f", placed_at=later(1)),
        ]
        await store.commit(
            Batch("batch_1", NOW, rows=tuple(newest_first[1:4] + newest_first[4:] + newest_first[:1]))
        )
        assert list(await store.intents_since(NOW)) == newest_first
        assert list(await store.intents_since(later(2))) == newest_first[:5]
        assert list(await store.intents_since(later(10))) == []
        for limit in (1, 2, 4):
            found: list[IntentRow] = []
            while page := await store.intents_since(
                later(2), before=(found[-1].placed_at, found[-1].key) if found else None, limit=limit
            ):
                assert len(page) <= limit
                found += page
            assert found == newest_first[:5]

    @promise
    async def the_newest_rows_of_a_lane_come_first(self, store: Store) -> None:
        for table, when in NEWEST_BY.items():
            (row,) = (one for one in row_of_each_table() if isinstance(one, table))
            places = [(9, "a"), (5, "d"), (5, "c"), (5, "b"), (2, "z"), (1, "y")]
            wanted = [replace(row, **{"key": key, when: later(at)}) for at, key in places]
            others = [replace(row, key=f"{one.key}_of_ben", lane=BEN) for one in wanted]
            written = (*others, *wanted[3:], *wanted[:3])
            await store.commit(Batch(f"batch_{table.TABLE}", NOW, rows=written))
            assert list(await store.newest(table, ANA)) == wanted
            for limit in (1, 2, 4):
                assert list(await store.newest(table, ANA, limit=limit)) == wanted[:limit]
                for count, one in enumerate(wanted, start=1):
                    page = await store.newest(table, ANA, before=(getattr(one, when), one.key), limit=limit)
                    assert list(page) == wanted[count : count + limit]
            assert list(await store.newest(table, "customer:nobody")) == []

    @promise
    async def bills_that_wait_for_their_money_are_found_among_all_of_a_lane(self, store: Store) -> None:
        (bill,) = (one for one in row_of_each_table() if isinstance(one, InvoiceRow))
        places = [(9, "a"), (5, "d"), (5, "c"), (5, "b"), (2, "z"), (1, "y")]
        waiting = [replace(bill, key=key, seen_at=later(at), status="open") for at, key in places]
        paid = [replace(one, key=f"{one.key}_paid", status="paid") for one in waiting]
        others = [replace(one, key=f"{one.key}_of_ben", lane=BEN) for one in waiting]
        await store.commit(Batch("batch_1", NOW, rows=(*others, *paid, *waiting[3:], *waiting[:3])))
        assert list(await store.open_bills(ANA)) == waiting
        for limit in (1, 2, 4):
            for count, one in enumerate(waiting, start=1):
                page = await store.open_bills(ANA, before=(one.seen_at, one.key), limit=limit)
                assert list(page) == waiting[count : count + limit]
        await store.commit(Batch("batch_2", NOW, rows=(replace(waiting[0], status="paid"),)))
        assert list(await store.open_bills(ANA, limit=1)) == waiting[1:2]
        assert list(await store.open_bills("customer:nobody")) == []

    @promise
    async def cases_are_listed_by_status_and_kind(self, store: Store) -> None:
        rows = [
            replace(
                case(f"case_{number:02}", ANA if number % 3 else BEN),
                status="open" if number % 4 == 0 else "resolved",
                kind="excess" if number % 5 == 0 else "mismatch",
            )
            for number in range(24)
        ]
        await store.commit(Batch("batch_1", NOW, rows=tuple(rows[::-1])))
        for status in ("open", "resolved"):
            for kind in ("", "excess", "mismatch"):
                wanted = [one for one in rows if one.status == status and kind in ("", one.kind)]
                assert list(await store.cases(status, kind=kind)) == wanted
                for count, one in enumerate(wanted, start=1):
                    page = await store.cases(status, kind=kind, after_key=one.key, limit=2)
                    assert list(page) == wanted[count : count + 2]
        assert list(await store.cases("open", kind="unmapped")) == []
        decided = replace(rows[0], status="resolved", decision="receipt_1")
        await store.commit(Batch("batch_2", NOW, rows=(decided,)))
        assert rows[0].key not in [one.key for one in await store.cases("open")]
        assert decided in await store.cases("resolved", kind="excess")

    @promise
    async def rows_come_by_ascending_key_in_pages(self, store: Store) -> None:
        rows = [case(f"case_{number:02}", ANA if number % 3 else BEN) for number in range(20)]
        await store.commit(Batch("batch_1", NOW, rows=tuple(rows[::2])))
        await store.commit(Batch("batch_2", NOW, rows=tuple(rows[1::2])))
        for lane in ("", ANA):
            found: list[CaseRow] = []
            for _ in rows:
                page = await store.rows(CaseRow, lane=lane, after_key=found[-1].key if found else "", limit=4)
                assert len(page) <= 4
                found += page
            assert found == [row for row in rows if lane in ("", row.lane)]

    @promise
    async def a_dropped_row_is_gone_and_no_other(self, store: Store) -> None:
        rows = tuple(replace(row, key="same") for row in row_of_each_table())
        await store.commit(Batch("batch_1", NOW, rows=(*rows, case("other"))))
        await store.commit(Batch("batch_2", NOW, dropped_rows=((CaseRow, "same"), (CaseRow, "absent"))))
        left = [row for row in rows if not isinstance(row, CaseRow)]
        assert canonical_hash(await all_rows(store)) == canonical_hash([*left, case("other")])

    @promise
    async def a_cluster_comes_back_as_it_was(self, store: Store) -> None:
        first = SubscriptionSeen("sub_1", "active", "cus_1", (), NOW, later(9), NOW, intent="intent_1")
        invoice = InvoiceSeen(
            "in_1", "void", "first", "cus_1", "USD", 9, 9, (), later(1), "sub_1", "intent_1"
        )
        facts = (
            seen("acme", NOW, first),
            seen("acme", later(1), replace(first, status="past_due")),
            seen("acme", later(1), replace(first, status="paused")),  # a rival of the same instant
            seen("acme", later(2), invoice, final=True),
        )
        written = cluster(ANA, *facts)
        await store.commit(Batch("batch_1", NOW, clusters=(written,)))
        view = await store.look(Question(whole_lanes=(ANA,)))
        assert dict(view.clusters) == {written.root: written}

    @promise
    async def a_cluster_is_replaced_whole_and_can_be_dropped(self, store: Store) -> None:
        one, two = cluster(ANA, refund("re_1")), cluster(ANA, refund("re_1"), refund("re_2"))
        await store.commit(Batch("batch_1", NOW, clusters=(one, replace(one, root="other"))))
        moved = replace(two, root=one.root, lane=BEN)
        await store.commit(Batch("batch_2", NOW, clusters=(moved,), dropped_clusters=("other", "absent")))
        view = await store.look(Question(whole_lanes=(ANA, BEN)))
        assert dict(view.clusters) == {one.root: moved}
