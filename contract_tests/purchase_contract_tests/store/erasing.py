"""Erasing: what identifies a person lies apart, and can be emptied without a trace of it coming back."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import ANA, BEN, NOW, delivery, later, step
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store
from purchase_core.records.details import Details
from purchase_core.records.lane import Lane


class Erasing(StorePromises):
    """`Batch.details`, `Batch.redacted`, and the mark of an erased lane."""

    @promise
    async def details_are_kept_apart_and_replaced_whole(self, store: Store) -> None:
        first = Details("ana", b'{"email":"ana@example.com"}', NOW)
        other = Details("ben", b"\x00\xff", later(1))
        await store.commit(Batch("batch_1", NOW, details=(first, other)))
        assert await store.details("ana") == first
        again = Details("ana", b"{}", later(2))
        await store.commit(Batch("batch_2", NOW, details=(again,)))
        assert (await store.details("ana"), await store.details("ben")) == (again, other)
        assert await store.details("customer:ana") is None

    @promise
    async def t13_dropped_details_are_gone_and_no_others(self, store: Store) -> None:
        kept = Details("ben", b"{}", NOW)
        await store.commit(Batch("batch_1", NOW, details=(Details("ana", b"{}", NOW), kept)))
        await store.commit(Batch("batch_2", NOW, dropped_details=("ana", "nobody")))
        assert (await store.details("ana"), await store.details("ben")) == (None, kept)

    @promise
    async def t13_a_lane_that_was_erased_stays_so(self, store: Store) -> None:
        marked = replace(step(ANA), erased=True)
        await store.commit(Batch("batch_1", NOW, lanes=(marked, step(BEN))))
        await store.commit(Batch("batch_2", NOW, lanes=(step(ANA, 1), step(BEN, 1))))
        expected = {ANA: Lane(ANA, 2, b"{}", "", erased=True), BEN: Lane(BEN, 2, b"{}", "")}
        assert await store.lane(ANA) == expected[ANA]
        assert dict((await store.look(Question(lanes=(ANA, BEN)))).lanes) == expected

    @promise
    async def t13_a_redacted_delivery_keeps_all_but_body_and_headers(self, store: Store) -> None:
        rows = (delivery(1), delivery(2))
        await store.commit(Batch("keep", NOW, deliveries=rows))
        await store.commit(Batch("empty", NOW, redacted=(rows[0].id, "delivery_000404")))
        assert await store.delivery_by_id(rows[0].id) == replace(rows[0], body=b"", headers=())
        assert await store.delivery_by_id(rows[1].id) == rows[1]
