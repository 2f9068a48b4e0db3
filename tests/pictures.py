"""The pictures in our documents, made anew: `python -m tests.pictures`. Needs playwright and Chromium.

They show the demo's own pages, after a morning in which somebody paid one order twice.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx

from purchase_core.instants import HOUR
from purchase_sandbox.demo.life import Customer
from purchase_sandbox.demo.playing import settled
from purchase_sandbox.demo.running import Demo, running
from purchase_sandbox.demo.visitor import HttpVisitor, pay
from tests.browser import chromium_awaited

if TYPE_CHECKING:
    from playwright.async_api import Browser, ViewportSize

FOLDER = Path(__file__).parents[1] / "docs" / "images"
PROVIDERS = ("sandbox", "stripe", "paddle")
BUYERS = ("ana", "ben", "cara", "dora", "emil", "fay", "gus", "hana", "ida", "jon")
SAME = ("mode", "price", "customer", "success_url", "cancel_url", "metadata")
SIZE: ViewportSize = {"width": 1240, "height": 1_000}
SCALE = 0.65


async def make(folder: Path) -> None:
    """All pictures, into a folder that is there."""
    with TemporaryDirectory() as desk:
        database = Path(desk) / "purchase.db"
        async with running(database, PROVIDERS, desk=Path(desk)) as demo, chromium_awaited() as browser:
            await trouble(demo)
            await picture(browser, demo.console_url, folder / "console.png")


async def trouble(demo: Demo) -> None:
    """Sales at all providers, two hours apart, and an order that was paid on two pages."""
    async with HttpVisitor() as visitor:
        customer = Customer(visitor, demo.shop_url)
        for name in BUYERS:
            await customer.sign_in(name)
            await customer.buy("App Pro")
            await settled(demo.providers)
            demo.clock.advance(2 * HOUR)
        await pay_again(demo, visitor)
        await settled(demo.providers)


async def pay_again(demo: Demo, visitor: HttpVisitor) -> None:
    """The first buyer at the sandbox pays on another page of the same order too."""
    headers = {"Authorization": f"Bearer {demo.key.reveal()}", "Idempotency-Key": "the other tab"}
    url = f"{demo.providers['sandbox'].url}/v1/checkout/sessions"
    async with httpx.AsyncClient(headers=headers, trust_env=False) as caller:
        paid = (await caller.get(url)).json()["data"][0]
        other = await caller.post(url, json={name: paid[name] for name in SAME})
    await visitor.open(other.json()["url"])
    await pay(visitor, "4242")


async def picture(browser: Browser, url: str, file: Path) -> None:
    """One page as a desk's screen shows it, in as many pixels as a document has room for."""
    page = await browser.new_page(viewport=SIZE, device_scale_factor=SCALE, color_scheme="light")
    await page.goto(url)
    height = await page.evaluate("document.querySelector('main').getBoundingClientRect().bottom")
    await page.screenshot(path=file, clip={"x": 0, "y": 0, "width": SIZE["width"], "height": height})
    await page.close()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(FOLDER))
