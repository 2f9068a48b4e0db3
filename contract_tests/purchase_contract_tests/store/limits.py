"""Sizes that real days bring, beyond what databases take in one statement."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_contract_tests.comparing import first_difference
from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    case,
    delivery,
    effect,
    offer,
    recorded,
    reference,
    refund,
    step,
)
from purchase_core.errors import LaneConflict
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import Question, Store

MANY = 500  # more than the parameters of one statement on the narrowest database
BODY_BYTES = 1024 * 1024


class Limits(StorePromises):
    """Large batches, wide questions, long lists, big bodies."""

    @promise
    async def a_large_batch_is_still_one_batch(self, store: Store) -> None:
        large = Batch(
            "large",
            NOW,
            lanes=(step(ANA),),
            facts=tuple(recorded(refund(f"re_{number:04}")) for number in range(MANY)),
            rows=tuple(case(f"case_{number:04}") for number in range(MANY)),
            references=tuple(reference(f"re_{number:04}") for number in range(MANY)),
            effects=tuple(effect(f"effect_{number}", position=number) for number in range(MANY)),
        )
        with pytest.raises(LaneConflict):
            await store.commit(replace(large, lanes=(step(ANA), step(BEN, 1))))
        assert not await store.rows(CaseRow)
        assert not await store.facts(ANA)
        await store.commit(large)
        facts = [fact for _, fact in await store.facts(ANA)]
        assert not first_difference(await store.rows(CaseRow), large.rows)
        assert not first_difference(facts, large.facts)
        assert not first_difference(await store.facts_about("root_1"), large.facts)
        assert not first_difference(await store.effects(ANA), large.effects)

    @promise
    async def a_wide_question_gets_a_whole_answer(self, store: Store) -> None:
        references = tuple(reference(f"re_{number:04}", f"customer:{number}") for number in range(MANY))
        lanes = tuple(step(one.lane, 0, one.object.encode()) for one in references)
        await store.commit(Batch("batch_1", NOW, lanes=lanes, references=references, offers=(offer(),)))
        view = await store.look(Question(objects=tuple(one.object for one in references)))
        documents = sorted((name, lane.document) for name, lane in view.lanes.items())
        by_object = sorted(view.references.values(), key=lambda one: one.object)
        assert not first_difference(by_object, references)
        assert not first_difference(documents, sorted((one.lane, one.document) for one in lanes))
        hashes = [f"{number:032x}" for number in range(MANY)]
        assert list(await store.offers([*hashes, offer().hash])) == [offer().hash]

    @promise
    async def f26_a_body_of_a_mebibyte_is_kept(self, store: Store) -> None:
        body = bytes(range(256)) * (BODY_BYTES // 256)
        await store.commit(Batch("batch_1", NOW, deliveries=(replace(delivery(), body=body),)))
        (row,) = await store.claim(now=NOW, lease_until=NOW, limit=1)
        assert len(row.body) == BODY_BYTES
        assert row.body == body, "some of it is not as it was"

    @promise
    async def a_page_ends_where_the_port_says(self, store: Store) -> None:
        rows = tuple(case(f"case_{number:05}") for number in range(PAGE_ROWS_MAX + 1))
        await store.commit(Batch("batch_1", NOW, rows=rows))
        assert len(await store.rows(CaseRow)) == PAGE_ROWS_MAX
        assert list(await store.rows(CaseRow, after_key=rows[-3].key)) == list(rows[-2:])
