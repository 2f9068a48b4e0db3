"""What belongs to one connection, customer or application never shows in another's."""

from __future__ import annotations

import attrs
from msgspec.structs import replace

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.store.base import StoreCapability, StorePromises
from purchase_contract_tests.store.picture import picture
from purchase_contract_tests.store.samples import (
    NOW,
    batch_of_everything,
    case,
    cluster,
    command,
    delivery,
    effect,
    offer,
    price,
    recorded,
    reference,
    refund,
    step,
)
from purchase_core.facts.fact import seen
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store

CONNECTIONS = ("acme", "acme-test", "acm", "ACME", "acme:eu")
CUSTOMERS = ("ana", "an", "ana2", "ANA", "an_", "%", "ana:x", "ana ", "", "*")


class Isolation(StorePromises):
    """Every reader, between neighbours that look alike."""

    @promise
    async def t10_one_identifier_on_several_connections_names_several_things(self, store: Store) -> None:
        for number, name in enumerate(CONNECTIONS):
            lane = f"customer:{number}"
            fact = recorded(seen(name, NOW, refund().body), lane)
            batch = Batch(
                f"batch_{number}",
                NOW,
                lanes=(step(lane),),
                facts=(fact,),
                references=(replace(reference(lane=lane, root=name), object=fact.fact.object),),
                prices=(replace(price(version=f"v{number}"), connection=name),),
                deliveries=(replace(delivery(number, connection=name), event_id="evt_1"),),
            )
            await store.commit(batch)
        for number, name in enumerate(CONNECTIONS):
            key, known = f"refund:{name}:re_1", (name, "price_1")
            view = await store.look(Question(objects=(key,), prices=(known,)))
            assert {one.lane for one in view.references.values()} == {f"customer:{number}"}
            assert {one.version for one in view.prices.values()} == {f"v{number}"}
            assert [one.fact.object for one in await store.facts_about(name)] == [key]
            found = await store.delivery(name, "evt_1")
            assert found is not None
            assert found.id == delivery(number).id
            for version in range(len(CONNECTIONS)):
                on_sale = await store.price_for(name, f"v{version}", "USD")
                assert (on_sale is not None) == (version == number)

    @promise
    async def t10_nothing_of_one_customer_shows_in_another(self, store: Store) -> None:
        batches = {f"customer:{name}": _of_customer(number, name) for number, name in enumerate(CUSTOMERS)}
        for batch in batches.values():
            await store.commit(batch)
        for lane, batch in batches.items():
            assert (await store.lane(lane)).document == batch.lanes[0].document
            assert [one for _, one in await store.facts(lane)] == list(batch.facts)
            assert list(await store.rows(CaseRow, lane=lane)) == list(batch.rows)
            assert list(await store.effects(lane)) == list(batch.effects)
            assert list(await store.references_of(lane, "refund")) == list(batch.references)
            view = await store.look(Question(lanes=(lane,), whole_lanes=(lane,)))
            assert list(view.lanes) == [lane]
            assert list(view.clusters.values()) == list(batch.clusters)

    @requires(StoreCapability.PREFIXED)
    @promise
    async def t10_two_applications_in_one_database_know_nothing_of_each_other(self, store: Store) -> None:
        async with self.neighbour(store) as other:
            assert not (await other.schema()).found
            await other.migrate()
            empty = await picture(other)
            await store.commit(batch_of_everything())
            assert await picture(other) == empty
            assert not await other.committed("batch_1")
            await other.commit(batch_of_everything())
            assert await picture(other) == await picture(store)
            await other.commit(Batch("batch_2", NOW, dropped_rows=((CaseRow, "c"),)))
            assert [row.key for row in await store.rows(CaseRow)] == ["c"]
            (mine,) = await store.claim(now=NOW, lease_until=NOW, limit=9)
            (theirs,) = await other.claim(now=NOW, lease_until=NOW, limit=9)
            assert mine == theirs


def _of_customer(number: int, name: str) -> Batch:
    lane = f"customer:{name}"
    fact = refund(f"re_{number}")
    return Batch(
        f"batch_{number}",
        NOW,
        lanes=(step(lane, 0, lane.encode()),),
        facts=(recorded(fact, lane),),
        clusters=(cluster(lane, fact),),
        rows=(case(f"case_{number}", lane),),
        references=(reference(f"re_{number}", lane),),
        offers=(offer(),),
        command=attrs.evolve(command(f"key_{number}", f"command_{number}"), lane=lane),
        effects=(effect(f"effect_{number}", lane=lane),),
    )
