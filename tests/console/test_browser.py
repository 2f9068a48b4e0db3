"""The console in a real browser: every page wide and on a phone, and in both schemes.

Needs playwright and Chromium. Screenshots are kept in `.screenshots/console`, which git ignores.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio.from_thread import start_blocking_portal

from purchase_core.console import Operator, Role
from purchase_simulators.wire.embedded import EmbeddedServer
from tests.browser import chromium, watched
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """A console over a shop in trouble."""
    async with Shop() as shop:
        await in_trouble(shop)
        async with EmbeddedServer(shop.billing.console(auth=lambda _: OPERATOR)) as server:
            yield server.url


@pytest.fixture(scope="module")
def url(browser: Browser) -> Iterator[str]:
    """Where it is served, by a thread of its own."""
    assert browser
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(served()) as found:
        yield found


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page that fails the test if anything is refused by the policy, or goes wrong in it."""
    context = browser.new_context(base_url=url, viewport=WIDE)  # type: ignore[arg-type]  # playwright's own type
    opened = context.new_page()
    said = watched(opened)
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
