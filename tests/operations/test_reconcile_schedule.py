"""What a worker does by itself: every provider is asked, page by page, when it is due."""

from __future__ import annotations

from contextlib import suppress
from unittest.mock import patch

from purchase_core.errors import ProviderUnavailable
from purchase_core.operations.passes import CUSTOMERS, EVENTS, HELD, OBJECTS
from purchase_core.records.run import FINISHED, RUNNING, Run
from tests.faults.shop import Shop, run

TASK = "pages reconciled"


async def worked(shop: Shop) -> int:
    done = await shop.billing.worker().once(lambda task, count: None)
    return done[TASK]


def test_f07_a_worker_finds_by_itself_what_never_arrived_and_then_waits() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            assert not (await shop.rights()).has("export")
            pages = await worked(shop)
            assert pages == 5 + len(shop.provider.listed_kinds)
            assert (await shop.rights()).has("export")
            assert {(one.kind, one.state) for one in shop.memory.runs.values()} == {
                (EVENTS, FINISHED),
                (OBJECTS, FINISHED),
                (CUSTOMERS, FINISHED),
                (HELD, FINISHED),
            }
            assert await worked(shop) == 0
            shop.advance(seconds=3_601)
            assert await worked(shop) == 1
            shop.advance(days=1)
            assert await worked(shop) == pages
            await shop.buy("cart-2", customer="ben")
            assert await worked(shop) == 0

    run(work)


def test_two_workers_do_not_read_the_same_pages() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            other = await shop.another()
            first = await shop.billing._reconcile_schedule.turn()
            assert first == 4
            assert await other._reconcile_schedule.turn() == 0, "every pass was noted a moment ago"
            shop.advance(seconds=61)
            assert await other._reconcile_schedule.turn() == 3, "whoever began those that are left is gone"

    run(work)


def test_passes_that_two_workers_begin_at_one_moment_come_to_their_ends() -> None:
    """Else one is told to be running for ever."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            other = await shop.another()
            reconcile = shop.billing._reconcile_schedule._reconcile
            start, left = reconcile.start, 1

            async def overtaken(connection: str, kind: str, *, repair: bool, note: str) -> Run:
                nonlocal left
                begun = await start(connection, kind, repair=repair, note=note)
                left -= kind == OBJECTS  # it has several pages
                if left == 0:
                    await other._reconcile_schedule.turn()
                return begun

            with patch.object(reconcile, "start", overtaken):
                await shop.billing._reconcile_schedule.turn()
            for _ in range(2 * (5 + len(shop.provider.listed_kinds))):
                await other._reconcile_schedule.turn()
                await shop.billing._reconcile_schedule.turn()
            assert {one.state for one in shop.memory.runs.values()} == {FINISHED}
            assert (
                await other._reconcile_schedule.turn() == await shop.billing._reconcile_schedule.turn() == 0
            )

    run(work)


def test_a_provider_that_is_down_is_asked_again_and_keeps_no_other_pass() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()

            async def down(**asked: object) -> object:
                raise ProviderUnavailable("down")

            with patch.object(shop.provider, "events", down), suppress(ProviderUnavailable):
                await worked(shop)
            assert {one.kind for one in shop.memory.runs.values()} == {OBJECTS, CUSTOMERS, HELD}
            assert await worked(shop) >= 1
            assert RUNNING not in {one.state for one in shop.memory.runs.values()}

    run(work)


def test_never_is_never() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            settings = {"events_every_seconds": 0, "objects_every_seconds": 0}
            async with shop.opening(reconcile=settings) as billing:
                done = await billing.worker().once(lambda task, count: None)
            assert done[TASK] == 0
            assert shop.memory.runs == {}

    run(work)
