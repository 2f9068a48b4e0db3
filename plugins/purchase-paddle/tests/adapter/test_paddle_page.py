"""The checkout page: what it opens, what it refuses, and where it sends nobody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

import attrs
import httpx
import pytest

from purchase_core.facts.bodies import AttemptMade
from purchase_core.facts.cluster import absorb
from purchase_core.facts.fact import decided
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import (
    CheckoutRequest,
    Connection,
    CustomerRequest,
    OurReference,
    PriceRequest,
    ProviderCheckout,
)
from purchase_core.reads.attempts import StoreAttempts
from purchase_core.records.reference import Reference
from purchase_core.testing.memory_store import MemoryStore
from purchase_paddle.adapter import PaddleProvider
from purchase_paddle.client import PaddleClient
from purchase_paddle.config import PaddleConfig
from purchase_paddle.page import CheckoutPage
from purchase_paddle.testing import API_KEY, WEBHOOK_SECRET, PaddleHarness, no_pause

Opened: TypeAlias = Callable[[], AbstractAsyncContextManager[PaddleHarness]]
SUCCESS, CANCEL = "http://127.0.0.1/thanks", "http://127.0.0.1/pricing"


@attrs.frozen
class Known:
    """Attempts that are current."""

    current: frozenset[str] = frozenset({"attempt_1"})

    async def is_current(self, attempt: str) -> bool:
        return attempt in self.current


async def opened_checkout(
    provider: PaddleProvider, attempt: str = "attempt_1", success: str = SUCCESS
) -> ProviderCheckout:
    customer = await provider.ensure_customer(CustomerRequest("ana", "ana@example.com"), key="c")
    price = await provider.ensure_price(PriceRequest("app:pro", "v1", "App", 1_200, "USD", "month"), key="p")
    reference = OurReference("intent_1", attempt, "ana", "v1")
    request = CheckoutRequest("subscription", price, 1, customer, success, CANCEL, reference, locale="de")
    return await provider.create_checkout(request, key="k")


async def get(page: CheckoutPage, query: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://shop.example") as http:
        return await http.request(method, f"/pay?{query}")


def run(opened: Opened, scenario: Callable[[PaddleHarness], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with opened() as harness:
            await scenario(harness)

    asyncio.run(whole())


def real(harness: PaddleHarness, mode: str = "test") -> PaddleProvider:
    """An adapter as it is in production, but for the network: no base_url of its own."""

    class ToSimulator(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            request.url = httpx.URL(harness.server.url).join(request.url.raw_path.decode())
            return await super().handle_async_request(request)

    config = PaddleConfig(
        checkout_url="https://shop.example/pay", client_token="test_7d279f61a3499fed520f7cd8c08"
    )
    harness.book.settings.approved_domains |= {"shop.example"}
    client = PaddleClient(config, mode, API_KEY, harness.clock, transport=ToSimulator(), pause=no_pause)
    return PaddleProvider(
        Connection("paddle", "paddle", mode, "shop", "dev"), config, client, (WEBHOOK_SECRET,)
    )


def test_on_a_simulator_the_page_leads_there_and_loads_no_script(paddle: Opened) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        checkout = await opened_checkout(harness.provider)
        assert checkout.url.startswith("http://127.0.0.1/pay?locale=de&_ptxn=txn_")
        answer = await get(CheckoutPage(harness.provider, attempts=Known()), checkout.url.partition("?")[2])
        assert answer.status_code == 200
        assert "<script" not in answer.text
        (link,) = re.findall(r'id="pay" href="([^"]+)"', answer.text)
        async with httpx.AsyncClient() as http:
            paid = await http.post(link.replace("&amp;", "&"), data={"card": "pays"})
        assert (paid.status_code, paid.headers["location"]) == (303, SUCCESS)
        over = await get(CheckoutPage(harness.provider), f"_ptxn={checkout.id}")
        assert (over.status_code, over.headers["location"]) == (303, SUCCESS)

    run(paddle, scenario)


def test_for_paddle_itself_the_page_opens_the_overlay(paddle: Opened) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        provider = real(harness)
        checkout = await opened_checkout(provider)
        answer = await get(CheckoutPage(provider, attempts=Known()), f"_ptxn={checkout.id}&locale=de")
        nonce = re.findall(r'nonce="([^"]+)"', answer.text)[0]
        assert (
            f"script-src 'nonce-{nonce}' https://cdn.paddle.com" in answer.headers["content-security-policy"]
        )
        assert checkout.id in answer.text
        assert '"sandbox": true' in answer.text
        assert '"showAddDiscounts": false' in answer.text
        assert f'"successUrl": "{SUCCESS}"' in answer.text
        assert API_KEY.reveal() not in answer.text
        await provider.aclose()

    run(paddle, scenario)


def test_f44_an_attempt_that_was_superseded_is_refused(paddle: Opened) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        old = await opened_checkout(harness.provider, "attempt_0")
        answer = await get(CheckoutPage(harness.provider, attempts=Known()), f"_ptxn={old.id}")
        assert answer.status_code == 410
        assert 'id="superseded"' in answer.text
        assert 'id="pay"' not in answer.text
        assert f'href="{CANCEL}"' in answer.text

    run(paddle, scenario)


def test_f44_the_store_knows_which_attempt_is_current() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        attempts = StoreAttempts(store)
        assert not await attempts.is_current("attempt_1")
        for number, status in enumerate(("current", "withdrawn"), start=1):
            made = AttemptMade("attempt_1", "intent_1", status, "paddle", "pri_1", "ctm_1", "txn_1")
            fact = decided(Instant(number), made)
            cluster = absorb((), fact, "customer:ana")
            reference = Reference(fact.object, cluster.lane, cluster.root)
            batch = Batch(f"b{number}", Instant(number), clusters=(cluster,), references=(reference,))
            await store.commit(batch)
            assert await attempts.is_current("attempt_1") == (status == "current")

    asyncio.run(scenario())


def test_what_is_not_there_and_what_cannot_be_asked_for(paddle: Opened) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        page = CheckoutPage(harness.provider, attempts=Known())
        for query in ("", "_ptxn=", "_ptxn=txn_unknown", "_ptxn=../customers", "_ptxn=%00", "x" * 10_000):
            assert (await get(page, query)).status_code == 404, query
        assert (await get(page, "", "POST")).status_code == 405
        checkout = await opened_checkout(harness.provider)
        await harness.server.stop()
        assert (await get(page, f"_ptxn={checkout.id}")).status_code == 503
        await harness.server.start()

    run(paddle, scenario)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "http://evil.example/", "//evil.example", "https://me@evil.example", "data:x"],
)
def test_t05_nobody_is_sent_to_an_unsafe_address(paddle: Opened, url: str) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        checkout = await opened_checkout(harness.provider, success=url)
        harness.pay(checkout.id)
        answer = await get(CheckoutPage(harness.provider), f"_ptxn={checkout.id}")
        assert (answer.status_code, answer.headers.get("location")) == (410, None)

    run(paddle, scenario)


def test_t05_the_addresses_of_another_project_are_not_followed(paddle: Opened) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        neighbour = harness.open(Connection("paddle", "paddle", "test", "neighbour", "dev"))
        checkout = await opened_checkout(neighbour, success="https://neighbour.example/")
        harness.pay(checkout.id)
        answer = await get(CheckoutPage(harness.provider), f"_ptxn={checkout.id}")
        assert answer.headers.get("location") is None

    run(paddle, scenario)


def test_a_renewal_that_is_past_due_can_be_paid_whatever_the_attempt(paddle: Opened) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        checkout = await opened_checkout(harness.provider)
        harness.pay(checkout.id, "fails_later")
        harness.advance(days=31)
        owed = next(one for one in harness.book.rows("txn") if one["status"] == "past_due")
        answer = await get(CheckoutPage(harness.provider, attempts=Known(frozenset())), f"_ptxn={owed['id']}")
        assert 'id="pay"' in answer.text

    run(paddle, scenario)


def test_the_template_can_be_ones_own(paddle: Opened, tmp_path: Path) -> None:
    async def scenario(harness: PaddleHarness) -> None:
        (tmp_path / "checkout.html").write_text("mine: {{ state }} {{ locale }}")
        page = CheckoutPage(harness.provider, templates=tmp_path)
        assert (await get(page, "_ptxn=x&locale=%3Cscript%3E")).text == "mine: unknown "

    run(paddle, scenario)
