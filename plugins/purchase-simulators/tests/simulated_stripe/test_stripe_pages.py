"""The hosted pages of the simulated Stripe, and its control panel, as a browser and a program see them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx

from purchase_core.instants import Instant
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe import playing
from purchase_simulators.stripe.objects.checkout import Session
from purchase_simulators.stripe.objects.subscriptions import Subscription
from purchase_simulators.stripe.testing import API_KEY, StripeHarness

START = Instant(1_790_000_000_000_000)
SHOP = "http://127.0.0.1/thanks"
BEARER = {"authorization": f"Bearer {API_KEY.reveal()}"}


class Browser:
    """A browser without a script, and a program with the API key."""

    def __init__(self, stripe: StripeHarness, http: httpx.AsyncClient) -> None:
        self.stripe = stripe
        self.http = http

    async def call(self, path: str, form: dict[str, str]) -> dict[str, str]:
        answer = await self.http.post(path, data=form, headers=BEARER)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    async def page(self, **more: str) -> str:
        """The path of an open checkout of 12.00 USD a month."""
        product = await self.call("/v1/products", {"name": "<b>Pro</b>"})
        asked = {"product": product["id"], "currency": "usd", "unit_amount": "1200"}
        price = await self.call("/v1/prices", asked | {"recurring[interval]": "month"})
        customer = await self.call("/v1/customers", {"email": "ana@example.com"})
        form = {"mode": "subscription", "success_url": f"{SHOP}?s={{CHECKOUT_SESSION_ID}}"}
        form |= {"cancel_url": SHOP, "customer": customer["id"]}
        form |= {"line_items[0][price]": price["id"], "line_items[0][quantity]": "1"}
        return httpx.URL((await self.call("/v1/checkout/sessions", form | more))["url"]).path

    async def press(self, path: str, action: str, **more: str) -> httpx.Response:
        """Press a button of a page."""
        shown = await self.http.get(path)
        token = re.search(r'name="token" value="([0-9a-f]+)"', shown.text)
        assert token, shown.text
        return await self.http.post(path, data={"token": token[1], "action": action, **more})


def in_browser(body: Callable[[Browser], Awaitable[None]]) -> Callable[[], None]:
    """A test with a Stripe that holds nothing yet."""

    async def run() -> None:
        async with (
            StripeHarness(ManualClock(START)) as stripe,
            httpx.AsyncClient(base_url=stripe.url) as http,
        ):
            stripe.save_portal()
            await body(Browser(stripe, http))

    def test() -> None:
        asyncio.run(run())

    test.__name__ = body.__name__
    return test


@in_browser
async def test_a_buyer_sees_what_is_due_and_pays(browser: Browser) -> None:
    path = await browser.page()
    shown = await browser.http.get(path)
    assert "12.00 USD" in shown.text
    assert "<b>Pro" not in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    paid = await browser.press(path, "pay", method="pays")
    identifier = path.rpartition("/")[2]
    assert (paid.status_code, paid.headers["location"]) == (303, f"{SHOP}?s={identifier}")
    assert (await browser.http.get(path)).status_code == 410


@in_browser
async def test_a_decline_is_said_and_leaves_the_page_open(browser: Browser) -> None:
    path = await browser.page()
    assert (await browser.press(path, "pay", method="insufficient_funds")).headers["location"] == path
    assert "insufficient funds" in (await browser.http.get(path)).text


@in_browser
async def test_a_bank_asks_and_is_answered(browser: Browser) -> None:
    path = await browser.page()
    asked = await browser.press(path, "pay", method="challenge")
    assert "Is it really you?" in asked.text
    assert (await browser.press(path, "fail")).headers["location"] == path
    assert "did not confirm" in (await browser.http.get(path)).text
    assert (await browser.press(path, "approve", method="challenge")).headers["location"].startswith(SHOP)


@in_browser
async def test_a_code_is_taken_off_and_a_trial_needs_no_card_where_it_says_so(browser: Browser) -> None:
    playing.make_discount(browser.stripe.account.book, 25, "SAVE")
    path = await browser.page(allow_promotion_codes="true")
    await browser.press(path, "code", code="save")
    assert "9.00 USD" in (await browser.http.get(path)).text
    trial = await browser.page(**{"payment_method_collection": "if_required",
                                  "subscription_data[trial_period_days]": "7"})  # fmt: skip
    assert (await browser.press(trial, "skip")).headers["location"].startswith(SHOP)
    assert {one.status for one in browser.stripe.account.book.all(Subscription)} == {"trialing"}


@in_browser
async def test_no_other_site_pays(browser: Browser) -> None:
    path = await browser.page()
    other = await browser.http.post(path, data={"action": "pay", "method": "pays", "token": "0" * 64})
    assert other.status_code == 403
    assert {one.status for one in browser.stripe.account.book.all(Session)} == {"open"}
    assert (await browser.press(path, "back")).headers["location"] == SHOP


@in_browser
async def test_the_portal_cancels(browser: Browser) -> None:
    path = await browser.page()
    await browser.press(path, "pay", method="pays")
    (subscription,) = browser.stripe.account.book.all(Subscription)
    session = await browser.call("/v1/billing_portal/sessions", {"customer": subscription.customer})
    page = httpx.URL(session["url"]).path
    await browser.press(page, "cancel", subscription=subscription.id)
    (after,) = browser.stripe.account.book.all(Subscription)
    assert (after.cancel_at_period_end, after.cancel_at) == (False, after.items.data[0].current_period_end)


@in_browser
async def test_programs_move_the_clock_and_break_things(browser: Browser) -> None:
    async def control(path: str, **body: str) -> dict[str, object]:
        answer = await browser.http.post(f"/sandbox/{path}", json=body, headers=BEARER)
        found: dict[str, object] = answer.json()
        return found

    assert (await control("clock", by="1month"))["time"] == "2026-10-21T14:13:20+00:00"
    assert (await control("chaos", odds="busy=1"))["odds"] == {"busy": "1"}
    assert (await browser.http.get("/v1/customers", headers=BEARER)).status_code == 429
    await control("chaos", odds="busy=0")
    assert (await browser.http.get("/sandbox/clock")).status_code == 401
    assert "error" in await control("clock", by="never")
