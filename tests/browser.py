"""Chromium, for the tests that need a real browser; by either of playwright's interfaces."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright import async_api, sync_api

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox",)  # its own needs rights that containers lack, and all that it opens is ours
WAIT_MILLISECONDS_MAX = 60_000  # for what is there in a moment: a machine may be busy with other tests


@contextmanager
def chromium() -> Iterator[sync_api.Browser]:
    """A browser. Where there is none the test is skipped, or failed if PURCHASE_BROWSER=required."""
    program = _program()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=OPTIONS, timeout=WAIT_MILLISECONDS_MAX
        )
        yield opened
        opened.close()


@asynccontextmanager
async def chromium_awaited() -> AsyncIterator[async_api.Browser]:
    """The same, for those who await it."""
    program = _program()
    from playwright.async_api import async_playwright  # noqa: PLC0415

    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=program, args=OPTIONS, timeout=WAIT_MILLISECONDS_MAX
        )
        yield opened
        await opened.close()


def watched(page: sync_api.Page | async_api.Page) -> list[str]:
    """Let a page wait for as long as a test may; what its console complains of from now on."""
    page.set_default_timeout(WAIT_MILLISECONDS_MAX)
    said: list[str] = []

    def hear(one: sync_api.ConsoleMessage | async_api.ConsoleMessage) -> None:
        if one.type in ("error", "warning"):
            said.append(f"{one.type}: {one.text} {one.location}")

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def _program() -> str:
    try:
        import playwright  # noqa: F401, PLC0415
    except ImportError:
        _missing()
    return next(filter(None, map(shutil.which, NAMES)), None) or _missing()


def _missing() -> NoReturn:
    reason = "the browser tests need playwright and Chromium"
    if os.environ.get("PURCHASE_BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
