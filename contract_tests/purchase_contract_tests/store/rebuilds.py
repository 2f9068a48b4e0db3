"""Rebuilding what a store holds: from its facts alone it comes to the same, on every database."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.rows import all_rows
from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import canonical_hash
from purchase_core.facts.rows import CaseRow, InvoiceRow, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.operations.rebuild import CHANGED, UNCHANGED, Cursor, Rebuild, Rebuilt
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.run import FINISHED
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.sales import T0, VERSIONS, Sale, later, price_references


class Rebuilds(StorePromises):
    """Facts, holdings and batches together."""

    @promise
    async def i13_a_rebuild_comes_to_the_same_on_every_database(self, store: Store) -> None:
        reference = MemoryStore()
        expected, _ = await _shadow(await _sold(reference))
        rebuild = await _sold(store)
        rows = await all_rows(store)
        assert canonical_hash(rows) == canonical_hash(await all_rows(reference))
        before, told = await _shadow(rebuild)
        assert before == expected
        assert {one.status for one in told} == {UNCHANGED}

        bill = next(row for row in rows if isinstance(row, InvoiceRow))
        gone = next(row for row in rows if isinstance(row, SubscriptionRow))
        stray = CaseRow("case:x:y", bill.lane, "r", "excess", "invoice:x:y", "", "", 1, "EUR", T0, "open", "")
        spoilt = Batch(
            "spoil", T0, rows=(replace(bill, paid=1), stray), dropped_rows=((type(gone), gone.key),)
        )
        await store.commit(spoilt)
        _, told = await _shadow(rebuild)
        shown = {str(one) for lane in told for one in lane.differences}
        assert shown == {f"differs invoices {bill.key} (paid)", f"missing subscriptions {gone.key}",
                         "extra cases case:x:y"}  # fmt: skip

        last = await rebuild.start()
        async for noted, _ in rebuild.run(last):
            last = noted
        assert (last.state, last.counts[CHANGED]) == (FINISHED, len({bill.lane, gone.lane}))
        assert await store.run(last.id) == last
        assert canonical_hash(await all_rows(store)) == canonical_hash(rows)
        after, told = await _shadow(rebuild)
        assert {one.status for one in told} == {UNCHANGED}
        assert after == before


async def _sold(store: Store) -> Rebuild:
    """What rebuilds this store, once the sales are in it."""
    clock, ids = ManualClock(later(days=40)), SeededIds(1)
    offers = OfferShelf(store, VERSIONS.values())
    recorder = Recorder(store, offers, clock, ids, lambda batch: None)
    await store.commit(Batch("prices", T0, prices=price_references(), offers=tuple(VERSIONS.values())))
    for fact in _sales():
        await recorder.record(Work((fact,)), cause="event", addition=lambda batch: batch)
    return Rebuild(store, offers, clock, ids, lambda batch: None, code="c1")


def _sales() -> list[Fact]:
    """A subscription that is renewed and partly paid back, told before its owner is known, and a purchase."""
    first, second = Sale(1, "alice", "app:pro"), Sale(2, "bob", "tokens:small")
    return [
        first.subscription("active", later(seconds=5)),
        first.invoice("paid", later(seconds=4)),
        first.placed(),
        first.tried("current"),
        first.session("complete", at=later(seconds=6)),
        first.renewal(1, at=later(days=30)),
        first.refund(300, "succeeded", later(days=31), name="1", of=first.invoice_id),
        second.placed(),
        second.tried("current"),
        second.invoice("paid", later(days=1)),
    ]


async def _shadow(rebuild: Rebuild) -> tuple[Cursor, list[Rebuilt]]:
    found: list[Rebuilt] = []
    last = Cursor()
    async for cursor, done in rebuild.shadow(last):
        last = cursor
        found += done
    return last, found
