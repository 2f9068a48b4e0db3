"""Customers, receipts, routing, the catalog, runs and the doctor in a real browser, on a desk and on a phone.

Pictures are left in `.screenshots/operations`. Needs playwright and Chromium.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from purchase_core.console import Operator, Role
from purchase_core.operations.passes import EVENTS
from purchase_simulators.wire.embedded import EmbeddedServer
from tests.browser import chromium_awaited, watched
from tests.faults.shop import Shop, run

if TYPE_CHECKING:
    from playwright.async_api import Page

PICTURES = Path(__file__).parents[2] / ".screenshots" / "operations"
PHONE, DESK = (360, 740), (1_200, 900)


def served(shop: Shop) -> EmbeddedServer:
    """The console of a shop on this machine, to an operator who may do everything."""
    return EmbeddedServer(shop.billing.console(auth=lambda _: Operator("olga", frozenset(Role))))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page of Chromium, and what it complains about."""
    async with chromium_awaited() as browser:
        page = await browser.new_page(base_url=url, viewport={"width": DESK[0], "height": DESK[1]})
        yield page, watched(page)


async def picture(page: Page, name: str) -> None:
    """A picture on a desk; and nothing is wider than a phone."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    if name == "customer":
        await page.screenshot(path=PICTURES / f"{name}-phone.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    await page.set_viewport_size({"width": DESK[0], "height": DESK[1]})


async def history(shop: Shop) -> str:
    """A sale, one whose money went back, and one of somebody else. The receipt of the first."""
    checkout = await shop.buy()
    shop.advance(seconds=600)
    await shop.deliver()
    shop.advance(seconds=3_600)
    await shop.sold("cart-2", offer="tokens:small")
    await shop.sold("cart-3", customer="ben", offer="book:full")
    (bill, *_) = await shop.billing.invoices.list("ana")
    await shop.billing.invoices.give_back("ana", bill.key, because="asked for", by="olga")
    await shop.deliver()
    shop.advance(seconds=120)
    return checkout.receipt


def test_an_operator_finds_a_customer_and_all_that_belongs_to_them() -> None:
    async def work() -> None:
        async with Shop() as shop:
            receipt = await history(shop)
            async with served(shop) as server, opened(server.url) as (page, complaints):
                await page.goto("/runs")
                (held,) = await shop.billing.subscriptions.list("ana")
                await page.keyboard.press("/")
                await page.keyboard.type(held.provider_id)
                await page.keyboard.press("Enter")
                await page.wait_for_url("**/customers/of/ana")
                await page.select_option("#feature", "export")
                await page.get_by_role("button", name="Explain").click()
                await page.get_by_text("export: yes").wait_for()
                await picture(page, "customer")
                await page.select_option("select[name=mode]", "knew")
                slider = page.get_by_role("slider")
                await slider.focus()
                await page.keyboard.press("Home")
                await page.wait_for_url("**place=1**")
                await page.get_by_text("what we knew then.").wait_for()
                assert "bill" not in (await page.inner_text("#main")).split("What happened")[0]
                await picture(page, "customer-as-of")
                await page.get_by_role("link", name="now", exact=True).click()
                await page.locator("td.id a", has_text=held.provider_id[-8:]).first.click()
                await page.get_by_text("Each field with the newest fact").wait_for()
                await picture(page, "provenance")
                for path, name in (
                    ("/receipts", "receipts"),
                    (f"/receipts/{receipt}", "receipt"),
                    ("/routing", "routing"),
                    (f"/routing/{receipt}", "decision"),
                    ("/catalog", "catalog"),
                    ("/catalog/sandbox", "drift"),
                    ("/doctor?look=truth", "doctor"),
                    ("/runs", "runs"),
                ):
                    await page.goto(path)
                    await picture(page, name)
                await page.locator(f"form:has(input[value={EVENTS}]) button").click()
                await page.get_by_text("nothing was written").wait_for()
                await picture(page, "reconciled")
                assert complaints == []

    run(work)
