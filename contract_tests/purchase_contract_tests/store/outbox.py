"""The outbox: each effect once, in the order of its lane."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import ANA, BEN, NOW, effect, later
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store


class Outbox(StorePromises):
    """`Batch.effects` and `effects`."""

    @promise
    async def f96_an_effect_is_written_once(self, store: Store) -> None:
        first = effect()
        again = replace(first, lane_version=9, at=later(9), about="other")
        await store.commit(Batch("batch_1", NOW, effects=(first,)))
        await store.commit(Batch("batch_2", NOW, effects=(again, effect("second", version=2))))
        assert list(await store.effects(ANA)) == [first, effect("second", version=2)]

    @promise
    async def effects_come_in_the_order_of_their_lane(self, store: Store) -> None:
        places = ((10, 0), (2, 1), (2, 0), (9, 10), (9, 9))
        effects = [effect(f"effect_{index}", version=version, position=position)
                   for index, (version, position) in enumerate(places)]  # fmt: skip
        for number, one in enumerate(effects):
            await store.commit(
                Batch(f"batch_{number}", NOW, effects=(one, effect(f"ben_{number}", lane=BEN)))
            )
        expected = sorted(effects, key=lambda one: (one.lane_version, one.position))
        assert list(await store.effects(ANA)) == expected
        assert list(await store.effects(ANA, limit=2)) == expected[:2]
        assert {one.lane for one in await store.effects(BEN)} == {BEN}

    @promise
    async def whoever_reads_on_behind_a_place_misses_no_effect(self, store: Store) -> None:
        effects = tuple(
            effect(f"effect_{version}_{position}", version=version, position=position)
            for version in (1, 2, 3)
            for position in (0, 1)
        )
        await store.commit(Batch("batch_1", NOW, effects=(*effects, effect("ben", lane=BEN, version=3))))
        for count, one in enumerate(effects, start=1):
            assert list(await store.effects(ANA, after=one.place)) == list(effects[count:])
            assert list(await store.effects(ANA, after=one.place, limit=1)) == list(
                effects[count : count + 1]
            )
        between = effect("none", version=1, position=7).place
        assert list(await store.effects(ANA, after=between)) == list(effects[2:])

    @promise
    async def which_effects_were_written_is_known_by_their_keys(self, store: Store) -> None:
        written = (effect("one"), effect("two", position=1), effect("three", lane=BEN))
        await store.commit(Batch("batch_1", NOW, effects=written))
        asked = ["one", "three", "four", "tw", "ONE"]
        assert await store.known_effects(asked) == {"one", "three"}
        assert await store.known_effects([]) == frozenset()
