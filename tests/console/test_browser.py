"""The console in a real browser: every page wide and on a phone, and in both schemes.

Needs playwright and Chromium. Screenshots are kept in `.screenshots/console`, which git ignores.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from purchase_core.console import Operator, Role
from purchase_simulators.wire.embedded import EmbeddedServer
from tests.console.scene import in_trouble
from tests.faults.shop import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = Path(__file__).parents[2] / ".screenshots" / "console"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
PAGES = {
    "overview": "/",
    "inbox": "/inbox",
    "delivery": "/inbox/delivery_000000000000000000000000000000a1",
    "quarantine": "/quarantine",
    "cases": "/cases",
}
OPERATOR = Operator("olga", frozenset(Role))


def missing(what: str) -> NoReturn:
    """Skip, or fail where PURCHASE_BROWSER=required says that nothing may be skipped."""
    reason = f"{what} is not installed: the browser tests need playwright and Chromium"
    if os.environ.get("PURCHASE_BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415
    except ImportError:
        missing("playwright")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that containers lack, and all that it opens is ours.
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def url(browser: Browser) -> Iterator[str]:
    """A console over a shop in trouble, in a thread of its own."""
    assert browser
    ready: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with Shop() as shop:
            await in_trouble(shop)
            async with EmbeddedServer(shop.billing.console(auth=lambda _: OPERATOR)) as server:
                ready.set_result((server.url, asyncio.get_running_loop(), stop))
                await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    found, loop, stop = ready.result(timeout=20)
    yield found
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=20)


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page that fails the test if anything is refused by the policy, or goes wrong in it."""
    context = browser.new_context(base_url=url, viewport=WIDE)  # type: ignore[arg-type]  # playwright's own type
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    opened.on("pageerror", lambda one: said.append(str(one)))
    yield opened
    context.close()
    assert said == []


def case_path(page: Page) -> str:
    page.goto("/cases")
    return page.locator("[data-row]").first.get_attribute("href") or ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_nothing_that_others_wrote_runs(page: Page, scheme: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # playwright's own type
    for name, path in {**PAGES, "case": case_path(page)}.items():
        page.goto(path)
        assert page.title().endswith(" · Purchase"), "a script of somebody else has run"
        for width, size in {"wide": WIDE, "phone": PHONE}.items():
            page.set_viewport_size(size)  # type: ignore[arg-type]  # playwright's own type
            page.screenshot(path=PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)
            too_wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert too_wide == 0, f"{name} scrolls sideways on a {width} screen"
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]  # playwright's own type
