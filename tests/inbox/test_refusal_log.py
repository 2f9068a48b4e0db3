"""The refusal log: a burst of refusals is told by every process, and cannot fill or busy a database."""

from __future__ import annotations

from contextlib import suppress
from unittest.mock import patch

from purchase_core.billing import Billing
from purchase_core.errors import DeliveryRefused, StoreUnavailable
from purchase_core.inbox.refusal_log import BURST, HOURS, KIND
from purchase_core.operations.readiness import refused
from purchase_core.ports.provider import Headers
from purchase_core.records.finding import WARNING
from purchase_core.testing.memory_store import MemoryStore
from tests.console.desk import desk_of
from tests.faults.shop import Shop, run


async def forged(billing: Billing, times: int, connection: str = "sandbox") -> None:
    for _ in range(times):
        with suppress(DeliveryRefused):
            await billing.webhooks.receive(connection, b"{}", ())


def test_a_burst_is_told_by_other_processes_than_those_that_refused() -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            await forged(shop.billing, BURST - 1)
            await forged(other, 1)
            shop.advance(seconds=60)
            for billing in (shop.billing, other):
                await forged(billing, 1)
            doctor = await shop.another()
            (item,) = [one for one in await doctor.attention.list() if one.kind == "refused"]
            assert (item.about, item.count, item.next) == ("sandbox", BURST + 2, "purchase doctor --ready")
            assert item.what == "deliveries to sandbox were refused: signature_invalid"
            (finding,) = [one async for one in refused(doctor.webhooks.refusal_log)]
            assert (finding.id, finding.level, finding.about) == ("webhooks.refused", WARNING, "sandbox")
            assert "12 deliveries" in finding.message
            assert "webhook_secrets" in finding.fix
            async with desk_of(doctor) as desk:
                assert f'<a href="/doctor" id="item-1" data-row>{item.what}</a>' in await desk.get("/")
                assert "webhook_secrets" in await desk.get("/doctor")
            shop.advance(seconds=2 * 3_600)
            assert await doctor.webhooks.refusal_log.bursts() == [], "it is over"

    run(work)


def test_a_few_are_no_burst_and_the_last_of_one_are_told_with_the_next_delivery() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await forged(shop.billing, BURST - 1)
            shop.advance(seconds=60)
            await shop.sold()
            await shop.deliver()
            log = shop.billing.webhooks.refusal_log
            assert await log.bursts() == []
            await forged(shop.billing, 1)
            assert await log.bursts() == [], "written a moment ago"
            shop.advance(seconds=60)
            await shop.billing.webhooks.receive("sandbox", *await valid(shop))
            assert [(one.reason, one.count) for one in await log.bursts()] == [("signature_invalid", BURST)]

    run(work)


async def valid(shop: Shop) -> tuple[bytes, Headers]:
    await shop.buy("cart-later")
    webhook = shop.webhooks()[-1]
    return webhook.body, webhook.headers


def test_whoever_forges_writes_once_a_minute_and_into_rows_that_are_written_over() -> None:
    async def work() -> None:
        async with Shop() as shop:
            commits = []
            commit = MemoryStore.commit

            async def counted(self: MemoryStore, batch: object) -> None:
                commits.append(batch)
                await commit(self, batch)  # type: ignore[arg-type]

            with patch.object(MemoryStore, "commit", counted):
                for _ in range(10):
                    await forged(shop.billing, 100)
                    await forged(shop.billing, 100, connection="made-up")
                    shop.advance(seconds=30)
            assert len(commits) == 5
            for _ in range(3 * HOURS):
                shop.advance(seconds=3_600)
                await forged(shop.billing, BURST)
            assert len(await shop.billing.store.runs(kind=KIND)) == HOURS
            counts = [one.count for one in await shop.billing.webhooks.refusal_log.bursts()]
            assert counts == [2 * BURST], "and not those of the days before"

    run(work)


def test_a_database_that_is_away_keeps_nobody_waiting_and_is_told_later() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with patch.object(MemoryStore, "commit", side_effect=StoreUnavailable("away")) as commit:
                await forged(shop.billing, BURST)
            assert commit.call_count == 1
            shop.advance(seconds=60)
            await forged(shop.billing, 1)
            assert [one.count for one in await shop.billing.webhooks.refusal_log.bursts()] == [BURST + 1]

    run(work)
