"""Receiving deliveries, inline and queued: every status, and what is kept whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.errors import (
    BodyTooLarge,
    KeyConflict,
    LaneConflict,
    MalformedBody,
    SignatureInvalid,
    StoreUnavailable,
    UnknownConnection,
    WrongAccount,
)
from purchase_core.inbox.processing import FOREIGN
from purchase_core.inbox.receive import HEADER_CHARACTERS_MAX, HEADER_COUNT_MAX, read_headers
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED
from purchase_core.testing.memory_store import MemoryStore
from purchase_sandbox.testing import Webhook
from tests.faults.shop import Shop, run
from tests.inbox.received import QUEUE, edited, rows

# --- statuses ----------------------------------------------------------------------------------


def test_an_event_is_done_and_names_its_facts() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            receipts = await shop.deliver()
            assert {one.status for one in receipts} == {DONE}
            assert all(one.facts and one.event_id.startswith("evt_") for one in receipts)
            assert {one.state for one in rows(shop)} == {DONE}
            assert {key for one in receipts for key in one.facts} <= shop.memory.facts.keys()
            assert {one.attempts for one in rows(shop)} == {1}

    run(work)


def test_a_duplicate_names_the_row_that_is_kept() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            first = await shop.deliver(webhooks)
            before = await shop.checked_hash()
            again = await shop.deliver(webhooks)
            assert {one.status for one in again} == {"duplicate"}
            assert [one.id for one in again] == [one.id for one in first]
            assert (await shop.billing.webhooks.show(again[0].id)).event_id == first[0].event_id
            assert await shop.checked_hash() == before
            assert len(rows(shop)) == len(webhooks)

    run(work)


def test_f12_an_unknown_type_is_kept_and_ignored_with_a_reason() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            receipt = await shop.take(edited(shop.webhooks()[0], type="account.renamed"))
            assert receipt.status == IGNORED
            assert receipt.reason == "account.renamed tells nothing about a sale"
            assert (rows(shop)[0].state, rows(shop)[0].reason) == (IGNORED, receipt.reason)
            assert not any(one.fact.connection == "sandbox" for one in shop.memory.facts.values()
                           if one.cause == receipt.id)  # fmt: skip

    run(work)


@pytest.mark.parametrize("mode", ["inline", "queue"])
def test_f12_what_another_application_sells_is_ignored(mode: str) -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": mode}) as shop, Shop(project="other", harness=shop.harness) as other:
            await other.buy()
            facts = len(shop.memory.facts)
            for one in shop.webhooks():
                await shop.take(one.body, one.headers)
            await shop.billing.webhooks.drain()
            assert {(one.state, one.reason) for one in rows(shop)} == {(IGNORED, FOREIGN)}
            assert len(shop.memory.facts) == facts
            assert not shop.memory.rows

    run(work)


def test_f30_a_body_that_cannot_be_understood_is_quarantined_with_a_reason() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            webhook = next(one for one in shop.webhooks() if b"invoice.paid" in one.body)
            event = json.loads(webhook.body)
            del event["data"]["object"]["lines"]
            receipt = await shop.take(json.dumps(event).encode())
            assert receipt.status == QUARANTINED
            assert receipt.reason.startswith("malformed_body: not a invoice")
            assert [one.state for one in rows(shop)] == [QUARANTINED]
            assert (await shop.billing.webhooks.drain()).worked == 0

    run(work)


def test_queue_mode_only_keeps_and_drain_does_the_rest() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.buy()
            receipts = await shop.deliver()
            assert {one.status for one in receipts} == {PENDING}
            assert not (await shop.rights()).has("export")
            assert not any(one.fact.kind == "invoice" for one in shop.memory.facts.values())
            report = await shop.billing.webhooks.drain()
            assert (report.done, report.worked) == (len(receipts), len(receipts))
            assert (await shop.rights()).has("export")
            assert (await shop.billing.webhooks.drain()).worked == 0
            assert await shop.deliver([Webhook(row.body, shop.harness.sign(row.body)) for row in rows(shop)])
            assert (await shop.billing.webhooks.drain()).worked == 0

    run(work)


def test_inline_and_queue_end_the_same() -> None:
    async def ending(mode: str) -> str:
        async with Shop(inbox={"mode": mode}) as shop:
            await shop.sold()
            await shop.billing.webhooks.drain()
            return await shop.checked_hash()

    assert run(lambda: ending("inline")) == run(lambda: ending("queue"))


def test_t11_what_is_refused_leaves_nothing() -> None:
    async def work() -> None:
        async with Shop(inbox={"body_bytes_max": 10_000}) as shop:
            await shop.buy()
            body = shop.webhooks()[0].body
            with pytest.raises(UnknownConnection):
                await shop.billing.webhooks.receive("nobody", body, shop.harness.sign(body))
            with pytest.raises(SignatureInvalid):
                await shop.take(body, ())
            with pytest.raises(BodyTooLarge):
                await shop.take(b" " * 10_001)
            with pytest.raises(MalformedBody):
                await shop.take(b'{"id": "evt_1"}')
            assert not rows(shop)

    run(work)


@pytest.mark.parametrize(
    ("count", "length", "fits"),
    [
        (HEADER_COUNT_MAX, 1, True),
        (HEADER_COUNT_MAX + 1, 1, False),
        (1_000_000, 1, False),
        (1, HEADER_CHARACTERS_MAX, True),
        (1, HEADER_CHARACTERS_MAX + 1, False),
    ],
)
@pytest.mark.parametrize("value", ["v", b"v"], ids=["text", "bytes"])
def test_f28_headers_are_bounded_before_any_adapter_reads_them(
    count: int, length: int, value: str | bytes, *, fits: bool
) -> None:
    read: list[int] = []

    def headers() -> Iterator[tuple[str | bytes, str | bytes]]:
        for at in range(count):
            read.append(at)
            yield "X-Header" if isinstance(value, str) else b"X-Header", value * length

    if fits:
        assert read_headers(headers()) == [("x-header", "v" * length)] * count
    else:
        with pytest.raises(SignatureInvalid, match="more than 200 headers, or one over 16384 characters"):
            read_headers(headers())
    assert len(read) <= HEADER_COUNT_MAX + 1


def test_only_the_headers_that_verification_needs_are_kept() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            body = shop.webhooks()[0].body
            signature = shop.harness.sign(body)
            await shop.take(body, [("Authorization", "Bearer sentinel"), ("Cookie", "sentinel"), *signature])
            assert rows(shop)[0].headers == tuple(signature)
            assert b"sentinel" not in rows(shop)[0].body

    run(work)


# --- what is raised while deciding -------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), AssertionError(), LaneConflict("busy")])
def test_f08_whatever_is_raised_while_deciding_the_event_is_kept(error: Exception) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            webhooks = shop.webhooks()

            async def failing(*_: object, **__: object) -> None:
                raise error

            with patch.object(shop.billing.webhooks._processor._recorder, "record", failing):
                receipts = await shop.deliver(webhooks)
                assert {one.status for one in receipts} == {PENDING}
                assert (
                    type(error).__name__ in receipts[0].reason or receipts[0].reason == "lane_conflict: busy"
                )
                again = await shop.deliver(webhooks)
                assert {one.status for one in again} == {"duplicate"}
            assert (await shop.billing.webhooks.drain()).done == len(webhooks)
            assert (await shop.rights()).has("export")
            await shop.checked_hash()

    run(work)


class Unavailable(MemoryStore):
    """A store that cannot be reached while `down`."""

    down = False

    async def commit(self, batch: Batch) -> None:
        if self.down:
            raise StoreUnavailable("the database is busy")
        await super().commit(batch)


@pytest.mark.parametrize("mode", ["inline", "queue"])
def test_f09_a_store_that_cannot_be_reached_is_told_and_the_retry_succeeds(mode: str) -> None:
    async def work() -> None:
        stores: list[Unavailable] = []

        def meddle(store: Any) -> Any:
            stores.append(Unavailable(store.database))
            return stores[-1]

        async with Shop(inbox={"mode": mode}, meddle=meddle) as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            stores[0].down = True
            for one in webhooks:
                with pytest.raises(StoreUnavailable):
                    await shop.take(one.body, one.headers)
            assert not rows(shop)
            stores[0].down = False
            await shop.deliver(webhooks)
            await shop.billing.webhooks.drain()
            assert {one.state for one in rows(shop)} == {DONE}
            assert (await shop.rights()).has("export")

    run(work)


def test_f03_deliveries_of_one_event_at_once_are_one_row() -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            await shop.buy()
            for one in shop.webhooks():
                taken = await asyncio.gather(
                    *(shop.take(one.body, one.headers, billing=each) for each in [shop.billing, other] * 10)
                )
                statuses = sorted(receipt.status for receipt in taken)
                assert statuses == [DONE, *["duplicate"] * 19]
                assert len({receipt.id for receipt in taken}) == 1
            await shop.checked_hash()

    run(work)


def test_f03_f78_a_duplicate_of_what_is_not_kept_is_none() -> None:
    """Whoever was first has failed after all: only the provider can send it again."""

    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.buy()
            webhook, *_ = shop.webhooks()

            async def refused(store: MemoryStore, batch: Batch) -> None:
                raise KeyConflict("delivery", "evt")

            with patch.object(MemoryStore, "commit", refused), pytest.raises(StoreUnavailable):
                await shop.take(webhook.body, webhook.headers)
            assert (await shop.take(webhook.body, webhook.headers)).status == PENDING

    run(work)


def test_what_is_refused_is_counted_and_nothing_of_it_is_kept() -> None:
    """By connection and code; however many come, and whatever they name, there is a row for each at most."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            webhook = shop.webhooks()[0]
            refusals = shop.billing.webhooks.refusals
            for number in range(50):
                with pytest.raises(SignatureInvalid):
                    await shop.take(webhook.body, [("x-secret", str(number))])
                with pytest.raises(UnknownConnection):
                    await shop.billing.webhooks.receive(f"made-up-{number}", webhook.body, ())
                refusals.note(f"made-up-{number}", "body_too_large")  # as an endpoint does, before it is read
            shop.advance(seconds=60)
            with pytest.raises(WrongAccount):
                await shop.take(edited(webhook, mode="live"))
            told = [(one.connection, one.reason, one.count) for one in refusals.read()]
            assert told == [("sandbox", "signature_invalid", 50), ("sandbox", "wrong_account", 1)]
            assert refusals.read()[1].last_at == shop.clock.now()
            assert rows(shop) == []
            samples = {one.labels: one.value for one in await shop.billing.metrics.read()
                       if one.name == "purchase_webhooks_refused_seconds"}  # fmt: skip
            assert list(samples.values()) == [60, 0]

    run(work)
