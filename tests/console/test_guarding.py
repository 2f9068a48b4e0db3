"""Who is let in, and what they may do: nobody and nothing, unless it was said."""

from __future__ import annotations

from tests.console.desk import desk_of
from tests.faults.shop import Shop, run


def test_t09_nobody_sees_anything_without_being_let_in() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            assert "Inbox" in await desk.get("/")
            desk.operator = None
            for path in ("/", "/inbox", "/inbox/delivery_1"):
                assert "Inbox" not in await desk.get(path, 401)

    run(work)
