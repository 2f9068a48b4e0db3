"""What the API answers besides what the adapter asks: endpoints, previews, approval, and refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.server.app import application

START = Instant(1_790_000_000_000_000)
KEY, OTHER_KEY = Secret("sk_sandbox_one_1234"), Secret("sk_sandbox_two_1234")
PAGES = {"success_url": "http://127.0.0.1/a", "cancel_url": "http://127.0.0.1/b"}


class Caller:
    """Calls of a sandbox with two accounts, in process."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(clock=ManualClock(START), ids=SeededIds(2))
        self.account = self.sandbox.open_account("acct_1", (KEY,))
        self.sandbox.open_account("acct_2", (OTHER_KEY,))
        transport = httpx.ASGITransport(application(self.sandbox))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4242")

    async def call(
        self,
        method: str,
        path: str,
        fields: object = None,
        *,
        key: Secret = KEY,
        status: int = 200,
        again: str = "",
    ) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {key.reveal()}", "idempotency-key": again}
        content = b"" if fields is None else json.dumps(fields).encode()
        response = await self.http.request(method, path, content=content, headers=headers)
        assert response.status_code == status, response.text
        return json.loads(response.content)  # type: ignore[no-any-return]

    async def price(self, amount: int) -> str:
        fields = {"product_name": "App", "unit_amount": amount, "currency": "USD", "interval": "month"}
        return str((await self.call("POST", "/v1/prices", fields))["id"])

    async def subscribe(self) -> str:
        customer = (await self.call("POST", "/v1/customers", {}))["id"]
        fields = {"mode": "subscription", "price": await self.price(1_200), "customer": customer, **PAGES}
        await self.call("POST", "/v1/checkout/sessions", fields)
        await self.call("POST", "/sandbox/trigger", {"type": "checkout.paid"})
        return str((await self.call("GET", "/v1/subscriptions"))["data"][0]["id"])


def tell(story: Callable[[Caller], Awaitable[None]]) -> None:
    async def telling() -> None:
        caller = Caller()
        async with caller.http:
            await story(caller)

    asyncio.run(telling())


def test_an_endpoint_is_told_what_it_asked_for_and_shows_its_secret_once() -> None:
    async def story(caller: Caller) -> None:
        fields = {"url": "http://127.0.0.1:9/hooks", "events": ["invoice.paid", "refund.created"]}
        made = await caller.call("POST", "/v1/webhook_endpoints", fields, again="k")
        assert await caller.call("POST", "/v1/webhook_endpoints", fields, again="k") == made
        assert made["secret"].startswith("whsec_")
        assert (made["events"], made["enabled"]) == (["invoice.paid", "refund.created"], True)
        (listed,) = (await caller.call("GET", "/v1/webhook_endpoints"))["data"]
        assert listed == {name: value for name, value in made.items() if name != "secret"}
        assert (await caller.call("GET", "/v1/webhook_endpoints", key=OTHER_KEY))["data"] == []
        await caller.subscribe()
        sent = (await caller.call("GET", "/sandbox/deliveries"))["data"]
        assert [one["type"] for one in sent] == ["invoice.paid"]

    tell(story)


@pytest.mark.parametrize("url", ["", "ftp://shop.example/", "http://shop.example/a b", "x" * 3_000])
def test_an_endpoint_that_is_no_address_is_refused(url: str) -> None:
    async def story(caller: Caller) -> None:
        await caller.call("POST", "/v1/webhook_endpoints", {"url": url}, status=400)
        assert (await caller.call("GET", "/v1/webhook_endpoints"))["data"] == []

    tell(story)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("price={price}&quantity=2&proration=now&at_period_end=true", 200),
        ("price={price}&quantity=0", 400),
        ("price={price}&proration=sometimes", 400),
        ("price={price}&colour=red", 400),
        ("quantity=1", 400),
        ("price=price_unknown", 404),
    ],
)
def test_a_preview_is_asked_for_in_a_query(query: str, status: int) -> None:
    async def story(caller: Caller) -> None:
        subscription = await caller.subscribe()
        asked = query.format(price=await caller.price(2_400))
        before = caller.account.book.newest_event()
        shown = await caller.call("GET", f"/v1/subscriptions/{subscription}/preview?{asked}", status=status)
        assert caller.account.book.newest_event() == before
        if status == 200:
            assert (shown["due_now"], shown["renewal"]) == (0, 4_800)

    tell(story)


def test_whether_refunds_are_approved_is_a_switch_of_the_account() -> None:
    async def story(caller: Caller) -> None:
        assert await caller.call("GET", "/sandbox/approval") == {"refunds": False}
        for wrong in ({}, {"refunds": "yes"}, {"refunds": True, "more": 1}):
            await caller.call("POST", "/sandbox/approval", wrong, status=400)
        assert await caller.call("POST", "/sandbox/approval", {"refunds": True}) == {"refunds": True}
        assert await caller.call("GET", "/sandbox/approval", key=OTHER_KEY) == {"refunds": False}
        await caller.subscribe()
        await caller.call("POST", "/sandbox/trigger", {"type": "refund.created"})
        for type_, expected in (("refund.approved", "succeeded"), ("refund.failed", "failed")):
            await caller.call("POST", "/sandbox/trigger", {"type": type_})
            assert [one["status"] for one in (await caller.call("GET", "/v1/refunds"))["data"]] == [expected]

    tell(story)


def test_a_checkout_refuses_what_makes_no_sense() -> None:
    async def story(caller: Caller) -> None:
        plain = {"mode": "subscription", "price": await caller.price(1_200), **PAGES}
        for wrong, status in (
            ({"discount": "dsc_unknown"}, 404),
            ({"customer": "cus_unknown"}, 404),
            ({"locale": "<de>"}, 400),
            ({"card_required": False}, 400),
            ({"expires_at": START}, 400),
            ({"expires_at": START + 2 * 86_400_000_000}, 400),
        ):
            await caller.call("POST", "/v1/checkout/sessions", {**plain, **wrong}, status=status)
        assert (await caller.call("GET", "/v1/checkout/sessions"))["data"] == []

    tell(story)


def test_a_portal_is_of_a_customers_own_subscription() -> None:
    async def story(caller: Caller) -> None:
        subscription = await caller.subscribe()
        owner = (await caller.call("GET", "/v1/subscriptions"))["data"][0]["customer"]
        stranger = (await caller.call("POST", "/v1/customers", {}))["id"]
        for wrong, status in (
            ({"customer": stranger, "flow": "cancel", "subscription": subscription}, 404),
            ({"customer": owner, "flow": "cancel"}, 400),
            ({"customer": owner, "flow": "overview", "subscription": subscription}, 400),
            ({"customer": owner, "flow": "everything"}, 400),
            ({"customer": "cus_unknown"}, 404),
        ):
            await caller.call("POST", "/v1/portal_sessions", wrong, status=status)
        fields = {"customer": owner, "flow": "cancel", "subscription": subscription}
        made = await caller.call("POST", "/v1/portal_sessions", fields)
        assert made["url"] == f"http://127.0.0.1:4242/portal/{made['id']}"

    tell(story)
