"""Prices and offers: what was sold stays what it was."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import NOW, later, offer, price, row_of_each_table
from purchase_core.errors import KeyConflict
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Holders, Question, Store
from purchase_core.records.reference import TRIAL, PriceReference


class Prices(StorePromises):
    """`Batch.prices`, `Batch.offers`, `price_for`, `prices_of`, `holders` and `offers`."""

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
    async def a_price_that_ended_can_be_on_sale_again(self, store: Store) -> None:
        """Whoever sells it again says so after its end; whoever was slow to say that it was made does not."""
        ended = replace(price(age=60), ended_at=later(9))
        again = replace(price(), created_at=later(10))
        for number, one in enumerate((ended, price(), again, price())):
            await store.commit(Batch(f"batch_{number}", NOW, prices=(one,)))
        assert await store.price_for("acme", "v1", "USD") == again
        await store.commit(Batch("batch_9", NOW, prices=(replace(again, ended_at=later(20)),)))
        assert await store.price_for("acme", "v1", "USD") is None

    @promise
    async def a_variant_of_a_version_has_a_price_of_its_own(self, store: Store) -> None:
        plain, trial = price(age=9), price("price_2", variant=TRIAL)
        await store.commit(Batch("batch_1", NOW, prices=(plain, trial)))
        assert await store.price_for("acme", "v1", "USD") == plain
        assert await store.price_for("acme", "v1", "USD", TRIAL) == trial
        assert await store.price_for("acme", "v1", "USD", "other") is None

    @promise
    async def every_price_of_a_connection_is_listed(self, store: Store) -> None:
        prices = [
            price("price_1"),
            price("price_2", currency="EUR"),
            replace(price("price_2"), ended_at=NOW),
            price("price_3", variant=TRIAL),
        ]
        await store.commit(
            Batch("batch_1", NOW, prices=(*reversed(prices), replace(price(), connection="other")))
        )
        assert list(await store.prices_of("acme")) == prices
        found: list[PriceReference] = []
        for _ in range(len(prices) + 1):  # which is one page too many, and empty
            after = (found[-1].price, found[-1].currency) if found else ("", "")
            found += await store.prices_of("acme", after=after, limit=1)
        assert found == prices

    @promise
    async def live_agreements_are_counted_by_what_they_hold(self, store: Store) -> None:
        held = next(one for one in row_of_each_table(filled=True) if isinstance(one, SubscriptionRow))
        rows = [
            held,
            replace(held, key="paused", status="paused"),
            replace(held, key="late", status="past_due", version="v0"),
            replace(held, key="euros", currency="EUR"),
            replace(held, key="unpaid for", bound=False),
            replace(held, key="over", status="canceled"),
            replace(held, key="never", status="incomplete_expired"),
            replace(held, key="theirs", connection="other"),
        ]
        await store.commit(Batch("batch_1", NOW, rows=tuple(rows)))
        assert list(await store.holders("acme")) == [
            Holders("v0", "USD", 1),
            Holders("v1", "EUR", 1),
            Holders("v1", "USD", 2),
        ]
        await store.commit(Batch("batch_2", NOW, rows=(replace(held, key="late", status="canceled"),)))
        assert list(await store.holders("other")) == [Holders("v1", "USD", 1)]
        assert await store.holders("nobody's") == []

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
