"""Prices and offers: what was sold stays what it was."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import NOW, later, offer, price
from purchase_core.errors import KeyConflict
from purchase_core.ports.store import Batch, Question, Store


class Prices(StorePromises):
    """`Batch.prices`, `Batch.offers`, `price_for` and `offers`."""

    @promise
    async def a_price_stands_for_one_version_for_ever(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, prices=(price(),)))
        with pytest.raises(KeyConflict) as conflict:
            await store.commit(Batch("batch_2", NOW, prices=(price(version="v2"),)))
        assert conflict.value.kind == "price"
        assert await store.price_for("acme", "v1", "USD") == price()
        assert await store.price_for("acme", "v2", "USD") is None

    @promise
    async def a_price_recorded_again_stays_as_it_was(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, prices=(price(age=60),)))
        await store.commit(Batch("batch_2", NOW, prices=(price(age=0),)))
        assert await store.price_for("acme", "v1", "USD") == price(age=60)

    @promise
    async def a_price_that_ended_still_maps_to_its_version(self, store: Store) -> None:
        ended = replace(price(), ended_at=later(9))
        await store.commit(Batch("batch_1", NOW, prices=(price(),)))
        await store.commit(Batch("batch_2", NOW, prices=(ended,)))
        await store.commit(Batch("batch_3", NOW, prices=(price(),)))
        view = await store.look(Question(prices=(("acme", "price_1"),)))
        assert dict(view.prices) == {("acme", "price_1"): ended}
        assert await store.price_for("acme", "v1", "USD") is None

    @promise
    async def the_newest_price_on_sale_is_found(self, store: Store) -> None:
        prices = (
            price("price_old", age=90),
            price("price_new", age=30),
            replace(price("price_newest", age=0), ended_at=NOW),
            price("price_eur", currency="EUR"),
            price("price_v2", version="v2"),
            replace(price("price_new", age=0), connection="other"),
        )
        await store.commit(Batch("batch_1", NOW, prices=prices))
        assert await store.price_for("acme", "v1", "USD") == prices[1]
        assert await store.price_for("acme", "v1", "EUR") == prices[3]
        assert await store.price_for("acme", "v3", "USD") is None

    @promise
    async def one_price_may_serve_several_currencies(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, prices=(price(), price(currency="EUR"))))
        assert await store.price_for("acme", "v1", "USD") == price()
        assert await store.price_for("acme", "v1", "EUR") == price(currency="EUR")

    @promise
    async def an_offer_version_is_kept_by_its_hash_and_never_changes(self, store: Store) -> None:
        first, other = offer("Pro"), offer("Pro", trial_days=0)
        await store.commit(Batch("batch_1", NOW, offers=(first,)))
        await store.commit(Batch("batch_2", NOW, offers=(offer("Renamed"), other)))
        assert dict(await store.offers([first.hash, other.hash, "unknown"])) == {
            first.hash: first,
            other.hash: other,
        }
        assert dict(await store.offers([])) == {}
