"""The demo's stories: customers' lives on each provider, and several providers; headless and in Chromium.

A story is asserted in its own steps (`demo/life.py`, `demo/several.py`): here it is played, and harmed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import Response

from purchase_core.cli.main import run
from purchase_sandbox.demo import life, playing, several
from purchase_sandbox.demo.life import Customer
from purchase_sandbox.demo.pages import Page, read_page
from purchase_sandbox.demo.playing import Steps, StoryFailed
from purchase_sandbox.demo.running import running
from purchase_sandbox.demo.visitor import HttpVisitor, Visitor
from purchase_sandbox.local_providers import PROVIDERS
from purchase_sandbox.shop.account import AccountPages
from purchase_sandbox.shop.rendering import go
from tests.browser import chromium_awaited, watched

if TYPE_CHECKING:
    from playwright.async_api import Page as BrowserPage

LIFE = [
    "was in trouble", "subscribed", "changed the plan", "was refunded", "renewed",
    "paused, resumed, cancelled", "fell behind, and paid", "fell behind, and never paid",
    "tried it, and stayed",
]  # fmt: skip
LOOKS_MAX = 5
ROUTING = ["dealt out", "failed over", "counted", "explained", "tried another policy"]


def nothing(step: object) -> None:
    """Nobody is told."""


# --- headless --------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_customers_live_their_lives(capsys: pytest.CaptureFixture[str], provider: str) -> None:
    assert run(["demo", "--headless", "--story", "life", "--provider", provider, "--json"]) == 0
    played = json.loads(capsys.readouterr().out)
    assert (played["played"], played["providers"]) == (True, [provider])
    assert [one["step"] for one in played["steps"]] == LIFE


def test_two_providers_share_the_work_and_nobody_pays_twice(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["demo", "--headless", "--provider", "stripe", "--provider", "paddle"]
    assert run([*command, "--json"]) == 0
    played = json.loads(capsys.readouterr().out)
    steps = {one["step"]: one["lines"] for one in played["steps"]}
    assert list(steps) == ROUTING
    assert {line.split()[1] for line in steps["dealt out"]} == {"stripe", "paddle"}
    assert [line.split() for line in steps["failed over"][1:]] == [
        ["stripe", "refused"],
        ["paddle", "current"],
    ]
    assert steps["counted"][-1] == "9 customers, 0 double payments"
    assert steps["tried another policy"][-1].startswith("Change in cost: +")


def test_all_three_share_the_work(tmp_path: Path) -> None:
    async def work() -> list[str]:
        steps = Steps(nothing)
        async with running(tmp_path / "a.db", PROVIDERS) as demo, HttpVisitor() as visitor:
            await several.sell(demo, visitor, steps)
        return [one.name for one in steps.done]

    assert asyncio.run(work()) == ROUTING


def test_a_story_of_several_needs_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--headless", "--story", "routing"]) == 2
    assert "needs two providers" in capsys.readouterr().err


# --- a story that cannot fail would say nothing ------------------------------------------------------


def give_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """From where the harm is done: what came before it is waited for as ever."""
    monkeypatch.setattr(playing, "WEBHOOK_SECONDS_MAX", 0.3)


def refund_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refund(*_: object) -> str:
        give_up_soon(monkeypatch)
        return ""

    monkeypatch.setattr(AccountPages, "_refund", refund)


def lose_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reconcile(*_: object) -> Response:
        give_up_soon(monkeypatch)
        return go("/account")

    monkeypatch.setattr(AccountPages, "reconcile", reconcile)


def change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def change(*_: object) -> str:
        give_up_soon(monkeypatch)
        return ""

    monkeypatch.setattr(AccountPages, "_change", change)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lose_for_good, "what was lost is found"),
        (change_nothing, "after the change"),
        (refund_nothing, "after the refund"),
    ],
)
def test_a_life_that_goes_wrong_is_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, harm: Any, says: str
) -> None:
    harm(monkeypatch)
    assert run(["demo", "--headless", "--story", "life"]) == 1
    assert f"The story failed: {says}" in capsys.readouterr().err


def test_a_payment_too_many_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with running(tmp_path / "a.db", ["sandbox", "stripe"]) as demo, HttpVisitor() as visitor:
            stripe = demo.providers["stripe"]
            monkeypatch.setattr(stripe, "payments", lambda: type(stripe).payments(stripe) + 1)
            with pytest.raises(StoryFailed, match="payments that the providers took"):
                await several.sell(demo, visitor, Steps(nothing))

    asyncio.run(work())


# --- live --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_happens_is_seen_while_it_happens(tmp_path: Path, provider: str) -> None:
    """The stream ends with the shop; until then it brings each line by itself."""

    async def work() -> list[str]:
        lines: list[str] = []
        sold = asyncio.Event()

        async def watch(url: str) -> None:
            async with HttpVisitor() as other, other.stream(f"{url}/live/stream") as answer:
                async for line in answer:
                    lines.append(line)
                    if "subscription.started" in line:
                        sold.set()

        async with running(tmp_path / "a.db", [provider]) as demo, HttpVisitor() as visitor:
            watching = asyncio.create_task(watch(demo.shop_url))
            await Customer(visitor, demo.shop_url).buy("App Pro")
            async with asyncio.timeout(60):
                await sold.wait()
        await watching
        return lines

    lines = [json.loads(one.removeprefix("data: ")) for one in asyncio.run(work()) if one]
    assert {one["kind"] for one in lines} == {"webhook", "effect"}
    assert {one["outcome"] for one in lines if one["kind"] == "webhook"} == {"200"}


# --- in a browser ------------------------------------------------------------------------------------


class ChromiumVisitor(Visitor):
    """A visitor with a real browser."""

    def __init__(self, page: BrowserPage) -> None:
        self._page = page

    async def open(self, url: str) -> None:
        await self._page.goto(url)

    async def follow(self, link: str) -> None:
        async with self._page.expect_navigation():
            await self._page.get_by_role("link", name=link, exact=True).click()

    async def choose(self, words: str) -> None:
        radio = self._page.get_by_role("radio", name=words)
        if await radio.count():
            await radio.check()
            return
        option = self._page.locator("option", has_text=words).first
        value = await option.get_attribute("value")
        await option.locator("xpath=..").select_option(value)

    async def fill(self, label: str, text: str) -> None:
        await self._page.get_by_label(label).fill(text)

    async def press(self, button: str) -> None:
        async with self._page.expect_navigation():
            await self._page.get_by_role("button", name=button, exact=True).click()

    async def url(self) -> str:
        return self._page.url

    async def page(self) -> Page:
        from playwright.async_api import Error  # noqa: PLC0415

        for _ in range(LOOKS_MAX - 1):
            try:
                return read_page(await self._page.content())
            except Error:  # the page was about to look again by itself: there is none in between
                await self._page.wait_for_load_state()
        return read_page(await self._page.content())


@asynccontextmanager
async def chromium() -> AsyncIterator[ChromiumVisitor]:
    """A browser's page; whatever its console complains of fails the test, but for what was meant to fail."""
    async with chromium_awaited() as browser:
        page = await browser.new_page()
        complaints = watched(page)
        yield ChromiumVisitor(page)
    assert [one for one in complaints if "503 (Service Unavailable)" not in one] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_customers_live_their_lives_in_chromium(tmp_path: Path, provider: str) -> None:
    async def work() -> None:
        steps = Steps(nothing)
        async with running(tmp_path / "a.db", [provider]) as demo, chromium() as visitor:
            await life.live(Customer(visitor, demo.shop_url), steps)
        assert [one.name for one in steps.done] == LIFE

    asyncio.run(work())


def test_several_providers_in_chromium(tmp_path: Path) -> None:
    async def work() -> None:
        steps = Steps(nothing)
        async with running(tmp_path / "a.db", ["stripe", "paddle"]) as demo, chromium() as visitor:
            await several.sell(demo, visitor, steps)
        assert [one.name for one in steps.done] == ROUTING

    asyncio.run(work())
