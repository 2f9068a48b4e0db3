"""Reading the past: what had been recorded by then, in pages too."""

from __future__ import annotations

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import ANA, BEN, NOW, later, recorded, refund, step
from purchase_core.facts.fact import RecordedFact
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store

SECONDS = (0, 0, 0, 1, 1, 1, 1, 2, 2)  # several facts an instant: a page can end among them


class AsOf(StorePromises):
    """`facts(known_at=…)`."""

    @promise
    async def the_past_is_read_in_pages(self, store: Store) -> None:
        facts = [
            recorded(refund(f"re_{number}", order=later(-number)), lane, at=later(seconds))
            for number, seconds in enumerate(SECONDS)
            for lane in (ANA, BEN)
        ]
        facts = [
            RecordedFact(refund(f"re_{place}", order=one.fact.order), one.lane, one.recorded_at, one.cause)
            for place, one in enumerate(facts)
        ]
        await store.commit(Batch("batch_1", NOW, lanes=(step(ANA), step(BEN)), facts=tuple(facts)))
        for known_at in (None, later(0), later(1), later(2)):
            found, after = [], 0
            for _ in facts:
                page = await store.facts(ANA, known_at=known_at, after=after, limit=2)
                assert len(page) <= 2
                found += [fact for _, fact in page]
                after = page[-1][0] if page else after
            until = later(9) if known_at is None else known_at
            assert found == [one for one in facts if one.lane == ANA and one.recorded_at <= until]

    @promise
    async def the_past_stays_as_it_was(self, store: Store) -> None:
        """What is recorded later never shows in it, whatever it tells about."""
        early = recorded(refund("re_1", order=later(5)), at=NOW)
        await store.commit(Batch("batch_1", NOW, lanes=(step(),), facts=(early,)))
        before = list(await store.facts(ANA, known_at=NOW))
        late = recorded(refund("re_2", order=later(-5)), at=Instant(NOW + 1))
        again = recorded(refund("re_1", order=later(5)), at=Instant(NOW + 1))
        await store.commit(Batch("batch_2", Instant(NOW + 1), lanes=(step(ANA, 1),), facts=(late, again)))
        assert list(await store.facts(ANA, known_at=NOW)) == before
        assert [one for _, one in await store.facts(ANA, known_at=Instant(NOW + 1))] == [early, late]
