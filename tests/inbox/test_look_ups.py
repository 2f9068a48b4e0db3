"""Events that need a look-up: what is fetched is kept, and read again without the provider."""

from __future__ import annotations

import json
from unittest.mock import patch

import msgspec
import pytest

from purchase_core.errors import AuthenticationFailed, OutcomeUnknown, ProviderError, ProviderUnavailable
from purchase_core.facts.rows import InvoiceRow
from purchase_core.records.delivery import DONE, PENDING, QUARANTINED
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice
from purchase_sandbox.testing import Webhook
from tests.faults.shop import Shop, run
from tests.inbox.received import rows


async def refund_first(shop: Shop) -> Webhook:
    """A paid sale, of which only the refund's webhook arrives."""
    await shop.buy()
    (invoice,) = shop.made(Invoice)
    refunds.refund(shop.account.book, invoice.id, None)
    return next(one for one in shop.webhooks() if b"refund.created" in one.body)


def test_a_refund_of_an_unknown_invoice_waits_for_a_look_up() -> None:
    async def work() -> None:
        async with Shop() as shop:
            webhook = await refund_first(shop)
            receipt = await shop.take(webhook.body, webhook.headers)
            assert (receipt.status, receipt.reason) == (PENDING, "needs a look-up")
            assert not any(isinstance(row, InvoiceRow) for row in await shop.rows())
            report = await shop.billing.webhooks.drain()
            assert (report.done, report.worked) == (1, 1)
            (invoice,) = [row for row in await shop.rows() if isinstance(row, InvoiceRow)]
            assert (invoice.paid, invoice.refunded) == (1_000, 1_000)
            (fetched,) = [row for row in rows(shop) if row.source == "fetch"]
            assert (fetched.state, fetched.object) == (DONE, invoice.key)
            assert json.loads(fetched.body)["id"] == invoice.provider_id
            await shop.checked_hash()

    run(work)


def test_the_stored_answer_is_read_again_without_the_provider() -> None:
    async def work() -> None:
        async with Shop() as shop:
            webhook = await refund_first(shop)
            await shop.take(webhook.body, webhook.headers)
            await shop.billing.webhooks.drain()
            (fetched,) = [row for row in rows(shop) if row.source == "fetch"]
            processor = shop.billing.webhooks._processor
            meaning = shop.provider.normalise(processor.event_of(shop.provider, fetched))
            assert {fact.key.rpartition(".")[0] for fact in meaning.facts} == {
                key.rpartition(".")[0] for key in shop.memory.facts if key.startswith("invoice:")
            }

    run(work)


def test_the_refund_and_the_sale_end_the_same_in_any_order() -> None:
    """What was fetched is one sighting more, of the same state: only the time of the last one differs."""

    async def refund_last() -> list[dict[str, object]]:
        async with Shop() as shop:
            await shop.sold()
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, None)
            await shop.deliver()
            return await settled(shop)

    async def refund_comes_first() -> list[dict[str, object]]:
        async with Shop() as shop:
            await shop.buy()
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, None)
            webhooks = shop.webhooks()
            await shop.deliver(webhooks[-1:])
            await shop.billing.webhooks.drain()
            await shop.deliver(webhooks[:-1])
            return await settled(shop)

    async def settled(shop: Shop) -> list[dict[str, object]]:
        await shop.checked_hash()
        return [{**msgspec.structs.asdict(row), "seen_at": 0} for row in await shop.rows()]

    assert run(refund_last) == run(refund_comes_first)


def test_a_look_up_of_what_does_not_exist_ends_in_quarantine() -> None:
    async def work() -> None:
        async with Shop() as shop:
            webhook = await refund_first(shop)
            shop.account.book._things[Invoice].clear()
            await shop.take(webhook.body, webhook.headers)
            for _ in range(8):
                await shop.billing.webhooks.drain()
                shop.advance(seconds=3_600)
            (row,) = rows(shop)
            assert (row.state, row.attempts) == (QUARANTINED, 8)
            assert row.reason.startswith("provider_refused: /v1/invoices/")

    run(work)


@pytest.mark.parametrize("error", [ProviderUnavailable, OutcomeUnknown, AuthenticationFailed])
def test_f42_what_waits_for_a_provider_is_not_quarantined_while_that_may_be_an_outage(
    error: type[ProviderError],
) -> None:
    """The event is not to blame: it is worked off once the provider answers, and nobody need do anything."""

    async def work() -> None:
        async with Shop() as shop:
            webhook = await refund_first(shop)
            await shop.take(webhook.body, webhook.headers)
            with patch.object(shop.provider, "fetch", side_effect=error("nobody answers")) as asked:
                for _ in range(60):
                    await shop.billing.webhooks.drain()
                    shop.manual.advance(seconds=60)
                (row,) = rows(shop)
                assert (row.state, row.reason) == (PENDING, f"{error.code}: nobody answers")
                assert 10 < asked.call_count <= 60, "it was asked again and again, and not all the time"
            shop.manual.advance(seconds=60)
            await shop.billing.webhooks.drain()
            assert {one.state for one in rows(shop)} == {DONE}

    run(work)


def test_f42_whoever_waits_for_a_provider_for_days_is_quarantined_in_the_end() -> None:
    async def work() -> None:
        async with Shop(inbox={"outage_seconds": 3_600}) as shop:
            webhook = await refund_first(shop)
            await shop.take(webhook.body, webhook.headers)
            with patch.object(shop.provider, "fetch", side_effect=ProviderUnavailable("nobody answers")):
                for _ in range(90):
                    await shop.billing.webhooks.drain()
                    shop.manual.advance(seconds=60)
            (row,) = rows(shop)
            assert (row.state, row.reason) == (QUARANTINED, "provider_unavailable: nobody answers")

    run(work)
