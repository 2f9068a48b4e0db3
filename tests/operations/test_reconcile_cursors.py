"""Cursors of passes: what one names is deleted or forgotten, and the pass comes to its end all the same."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.errors import AuthenticationFailed, ProviderRefused
from purchase_core.operations.passes import CUSTOMERS, EVENTS, HELD, OBJECTS
from purchase_core.records.run import FINISHED, RUNNING, Run
from tests.faults.shop import Shop, run

LISTS = ("events", "objects", "customers")


class Lists:
    """The provider's lists in pages of one, which know so many cursors no more, or are closed to us."""

    def __init__(self, shop: Shop) -> None:
        self.forgotten = self.refused = 0
        self.closed = False
        self.patches = [self._of(shop.provider, name) for name in LISTS]

    def _of(self, provider: Any, name: str) -> Any:
        listed = getattr(provider, name)

        async def page(*rest: Any, cursor: str) -> Any:
            if self.closed:
                raise AuthenticationFailed("the key is another one now")
            if cursor and self.forgotten:
                self.forgotten -= 1
                self.refused += 1
                raise ProviderRefused("no such thing", provider_code="resource_missing")
            return await listed(*rest, cursor=cursor, limit=1)

        return patch.object(provider, name, page)

    def __enter__(self) -> Lists:
        for one in self.patches:
            one.start()
        return self

    def __exit__(self, *error: object) -> None:
        for one in self.patches:
            one.stop()


async def pages(shop: Shop, last: Run, count: int = 1_000) -> Run:
    async for noted, _ in shop.billing.reconcile.run(last, pages_max=count):
        last = noted
    return last


@pytest.mark.parametrize("kind", [EVENTS, OBJECTS, CUSTOMERS, HELD])
def test_f50_a_cursor_that_is_known_no_more_begins_the_list_anew(kind: str) -> None:
    """As where a pass was cut off, and what it stopped at is deleted until it goes on."""

    async def work() -> None:
        async with Shop() as shop:
            for number, customer in enumerate(("ana", "ben", "cleo")):
                await shop.buy(f"cart-{number}", customer=customer)
            with Lists(shop) as lists:
                begun = await shop.billing.reconcile.start("sandbox", kind, repair=True)
                begun = await pages(shop, begun, 2)
                lists.forgotten = 1
                begun = await pages(shop, begun, 3)
                lists.forgotten = 1  # and much later, once more
                ended = await pages(shop, begun)
            assert (ended.state, lists.refused) == (FINISHED, 2)

    run(work)


def test_a_list_that_is_refused_again_and_again_is_not_begun_without_end() -> None:
    async def work() -> None:
        async with Shop() as shop:
            for number, customer in enumerate(("ana", "ben")):
                await shop.buy(f"cart-{number}", customer=customer)
            with Lists(shop) as lists:
                lists.forgotten = 1_000
                begun = await shop.billing.reconcile.start("sandbox", CUSTOMERS, repair=True)
                for _ in range(2):
                    with pytest.raises(ProviderRefused):
                        await pages(shop, begun)
                assert lists.refused < 5

    run(work)


def test_a_key_that_was_replaced_loses_no_place() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            with Lists(shop) as lists:
                begun = await shop.billing.reconcile.start("sandbox", EVENTS, repair=True)
                begun = await pages(shop, begun, 2)
                lists.closed = True
                with pytest.raises(AuthenticationFailed):
                    await pages(shop, begun)
                known = await shop.billing.reconcile.resumed(begun.id)
                assert (known.state, known.cursor) == (RUNNING, begun.cursor)

    run(work)
