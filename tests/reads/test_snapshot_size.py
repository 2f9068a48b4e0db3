"""A snapshot tells of the newest, and of what is asked of the customer, however much is behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from purchase_core.access.live import Live, decode_live, encode_live, exchange
from purchase_core.facts.rows import InvoiceRow, LotRow, Row
from purchase_core.instants import DAY, Instant, to_datetime
from purchase_core.reads.snapshot_rows import SNAPSHOT_ROWS_MAX, told_of
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from tests.faults.shop import Shop, run

MANY = 500


class CountingRows(MemoryStore):
    """Counts the rows that are read."""

    read = 0

    async def rows(self, row_type: type[Any], **asked: Any) -> Sequence[Any]:
        found = await super().rows(row_type, **asked)
        self.read += len(found)
        return found

    async def newest(self, row_type: type[Any], lane: str, **asked: Any) -> Sequence[Any]:
        found = await super().newest(row_type, lane, **asked)
        self.read += len(found)
        return found


async def many_years(shop: Shop) -> list[InvoiceRow]:
    """Bills and credits of centuries behind ana's sale; the bills, oldest first."""
    await shop.sold()
    (bill,) = (one for one in shop.memory.rows.values() if isinstance(one, InvoiceRow))
    (lot,) = (one for one in shop.memory.rows.values() if isinstance(one, LotRow))
    bills = []
    for number in range(MANY):
        # The keys of providers say nothing of when.
        key, age = f"{number * 271 % MANY:05}", (MANY - number) * DAY
        bills.append(replace(bill, key=f"{bill.key}:{key}", seen_at=Instant(bill.seen_at - age)))
        older = replace(lot, key=f"{lot.key}:{key}", granted_at=Instant(lot.granted_at - age))
        shop.memory.rows[LotRow, older.key] = older
    bills.append(bill)
    shop.memory.rows.update({(InvoiceRow, one.key): one for one in bills})
    return bills


def test_the_newest_are_told_and_no_more_is_read() -> None:
    async def work() -> None:
        database = MemoryDatabase()
        async with Shop(database, meddle=lambda _store: CountingRows(database)) as shop:
            before = await shop.billing.customers.snapshot("ana")
            assert before.more == ()
            bills = await many_years(shop)
            store = shop.billing.store
            assert isinstance(store, CountingRows)
            store.read = 0
            found = await shop.billing.customers.snapshot("ana")
            assert store.read < 2 * (SNAPSHOT_ROWS_MAX + 10)
            newest = bills[-SNAPSHOT_ROWS_MAX:]
            assert list(found.invoices) == sorted(newest, key=lambda row: row.key)
            assert len(found.lots) == SNAPSHOT_ROWS_MAX
            assert found.more == ("invoices", "lots")
            assert found.rights == await shop.rights()
            assert len(await shop.billing.invoices.list("ana")) == MANY + 1

    run(work)


def test_a_bill_that_is_open_is_told_however_old_it_is() -> None:
    async def work() -> None:
        async with Shop() as shop:
            bills = await many_years(shop)
            lane = shop.memory.lanes["customer:ana"]
            live = decode_live(lane.document)
            waiting = replace(bills[3], status="open", paid=0, action="pay", due_at=bills[3].seen_at)
            shop.memory.rows[InvoiceRow, waiting.key] = waiting
            document = _with_bill(live, waiting)
            shop.memory.lanes["customer:ana"] = replace(lane, document=document)
            found = await shop.billing.customers.snapshot("ana")
            assert waiting in found.invoices
            assert len(found.invoices) == SNAPSHOT_ROWS_MAX + 1
            assert [one.invoice for one in found.action_required] == [waiting.key]
            rows: list[Row] = [one for one in shop.memory.rows.values() if one.lane == "customer:ana"]
            past = told_of(rows, decode_live(document))
            assert past.more == found.more
            assert [one for one in past.rows if isinstance(one, InvoiceRow)] == list(found.invoices)
            assert [one for one in past.rows if isinstance(one, LotRow)] == list(found.lots)

    run(work)


def test_an_explanation_of_another_instant_leaves_nothing_out() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await many_years(shop)
            soon = to_datetime(Instant(shop.clock.now() + DAY))
            told = await shop.billing.customers.explain("ana", "ai", at=soon)
            assert len(told.reasons) > SNAPSHOT_ROWS_MAX

    run(work)


def _with_bill(live: Live, bill: InvoiceRow) -> bytes:
    return encode_live(exchange(live, (), (bill,), now=bill.seen_at))
