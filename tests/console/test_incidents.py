"""The incidents at the console, in a real browser: there the operator sees what is wrong, and mends it.

A story is played as ever, but where the operator would run a command that the console can do too, they go
there. What must be true afterwards is the story's own. Pictures are kept in `.screenshots/incidents`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from purchase_core.cli.exit_codes import DIFFERENCES, OK
from purchase_core.console import Operator
from purchase_core.identifiers import RandomIds
from purchase_sandbox.incidents.known import INCIDENTS
from purchase_sandbox.incidents.sides import SandboxSide
from purchase_sandbox.incidents.stage import OPERATOR, Ended, Stage
from purchase_sandbox.incidents.telling import Scene
from tests.browser import chromium_awaited, watched

if TYPE_CHECKING:
    from playwright.async_api import Page

PICTURES = Path(__file__).parents[2] / ".screenshots" / "incidents"
ID = re.compile(r"_[0-9a-f]{32}")
MENDING = ("--yes", "--repair")


@attrs.frozen
class Desk:
    """A browser that is at the console: everything it reads must be there."""

    page: Page
    url: str
    incident: int

    async def open(self, path: str, *words: str) -> None:
        """Go somewhere, read it, and keep a picture."""
        await self.page.goto(f"{self.url}{path}")
        await self.reads(*words)
        await self.picture(path)

    async def reads(self, *words: str) -> None:
        """These words are on the page."""
        shown = " ".join((await self.page.locator("main").inner_text()).split())
        assert [word for word in words if word not in shown] == [], shown

    async def follow(self, link: str) -> None:
        """Go where the first such link leads."""
        async with self.page.expect_navigation():
            await self.page.locator(link).first.click()

    async def press(self, button: str, **fields: str) -> None:
        """Fill in the form of a button, tick what it asks to be sure of, press it, and arrive."""
        form = self.page.locator("form", has=self.page.get_by_role("button", name=button)).first
        for name, value in fields.items():
            await form.locator(f"[name={name}]").fill(value)
        for box in await form.get_by_role("checkbox").all():
            await box.check()
        async with self.page.expect_navigation():
            await form.get_by_role("button", name=button).click()

    async def picture(self, what: str) -> None:
        """Keep how it looks."""
        name = ID.sub("", what.partition("?")[0]).strip("/").replace("/", "-") or "overview"
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{self.incident:02}-{name}.png", full_page=True)


Hand: TypeAlias = Callable[[Desk, Sequence[str], Sequence[str]], Awaitable[None]]
"""What is done instead of a command, given its words, and what it would have to say."""


async def sees_what_waits(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/", "Waits for you", *says)


async def sees_the_quarantine(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/quarantine", *says)


async def gives_the_poison_up(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/quarantine", "ZeroDivisionError")
    await desk.press("Give all 2 up", reason="means nothing here")
    await desk.reads("Discard cause: 2 settled", "Nothing is quarantined")
    await desk.picture("given-up")


async def tries_all_again(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    """A worker would do so by itself; who cannot wait for it does it here, cause by cause."""
    await desk.open("/quarantine", "other code runs now")
    buttons = desk.page.get_by_role("button", name=re.compile(r"^Try all [\d,]+ again$"))
    tried = 0
    while await buttons.count():
        label = await buttons.first.inner_text()
        count = re.sub(r"\D", "", label)
        await desk.press(label)
        await desk.reads(f"Retry cause: {int(count):,} settled")
        tried += int(count)
    await desk.reads("Nothing is quarantined")
    assert says == [f"retried {tried}"]
    await desk.picture("tried-again")


async def gives_some_back(desk: Desk, words: Sequence[str], says: Sequence[str]) -> None:
    """Under the name of whoever reads the complaint."""
    amount, reason = words[words.index("--amount") + 1], words[words.index("--reason") + 1]
    await desk.open("/customers/of/ana", "Give back")
    await desk.page.locator("details.ask summary").first.click()
    await desk.press("Give back", amount=amount, reason=reason)
    before = says[0].startswith("Asked for already")
    await desk.reads("asked for before, by mia" if before else "Give back: 1")
    await desk.picture("asked-before" if before else "gave-back")


async def asks_what_became_of_it(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/receipts")
    await desk.follow('a[href*="/receipts/receipt_"]')
    await desk.reads("Nobody knows whether it happened")
    await desk.press("Ask the provider now")
    await desk.reads("Ask: 1 known now")
    await desk.picture("asked")


async def rolls_back(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/catalog", "back to it")
    await desk.follow('a[href*="/catalog/to/"]')
    await desk.reads("reinstate", "12.00 USD every month")
    await desk.picture("way-back")
    await desk.press("Do this", reason="a slipped comma")
    await desk.reads("Rollout: ", "1 reinstate", "confirmed", "Stage by stage")
    await desk.picture("rolled-back")


async def settles(desk: Desk, words: Sequence[str], says: Sequence[str]) -> None:
    await desk.open(f"/cases/case?case={words[2]}", "a second payment", "12.00 USD")
    await desk.press("Do this", reason="she paid in two tabs")
    await desk.reads("Settle case: 2 confirmed")
    await desk.picture("settled")


async def records_what_the_provider_says(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/runs", "Compare events with the provider")
    await desk.press("Compare events with the provider")
    await desk.reads("missed", "invoice.paid")
    await desk.picture("compared")
    await desk.press("Record what the provider says")
    await desk.reads("finished", "missed")
    await desk.picture("recorded")


async def sees_the_customer(desk: Desk, words: Sequence[str], says: Sequence[str]) -> None:
    explained = {"yes": "export: yes", "no": "export: no"}
    expected = [explained.get(one, one) for one in says if one != "Sold in"]
    await desk.open(f"/customers/of/{words[2]}?feature=export", *expected)


async def sees_what_went_back(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/customers/of/ana", "3.00 USD went back", "Give back 9.00 USD")


async def sees_the_receipt(desk: Desk, words: Sequence[str], says: Sequence[str]) -> None:
    await desk.open(f"/receipts/{words[2]}", *says, "Nobody knows whether it happened")


async def sees_what_was_rolled_out(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/catalog", *says, "1.20 USD", "back to it")


async def asks_the_provider(desk: Desk, _: Sequence[str], says: Sequence[str]) -> None:
    await desk.open("/catalog/main", *says)


HANDS: Mapping[int, Mapping[str, Hand]] = {
    1: {"reconcile --repair": records_what_the_provider_says},
    2: {"webhooks quarantine": sees_the_quarantine, "attention": sees_what_waits, "work": tries_all_again},
    3: {"reconcile --repair": records_what_the_provider_says},
    4: {
        "customers explain": sees_the_customer,
        "reconcile main --repair": records_what_the_provider_says,
        "customers activity": sees_the_customer,
    },
    5: {"attention": sees_what_waits, "cases settle --yes": settles},
    6: {
        "invoices list": sees_the_customer,
        "invoices refund --yes": gives_some_back,
        "doctor": sees_what_went_back,
    },
    7: {"reconcile --repair": records_what_the_provider_says, "attention": sees_what_waits},
    8: {"webhooks quarantine": sees_the_quarantine, "webhooks discard --yes": gives_the_poison_up},
    9: {
        "catalog versions": sees_what_was_rolled_out,
        "catalog apply --yes": rolls_back,
        "catalog check": asks_the_provider,
    },
    10: {"attention": sees_what_waits, "receipts show": sees_the_receipt, "work": asks_what_became_of_it},
}
LEFT_TO_A_WORKER = (tries_all_again,)
GOOD = (OK, DIFFERENCES)
"""How a command ends that does something, or tells: what is refused is asked of the command line alone."""


class AtTheConsole(Stage):
    """A stage whose operator goes to the console for what their hands know."""

    def __init__(
        self, folder: Path, side: SandboxSide, portal: BlockingPortal, page: Page, incident: int
    ) -> None:
        super().__init__(folder, side, Nobody(), ids=RandomIds())
        self._portal, self._page, self._incident = portal, page, incident
        self.went: list[str] = []

    def runs(self, *arguments: str, code: int = 0, says: Sequence[str] = ()) -> Ended:
        words = [one for one in arguments[:2] if not one.startswith("-")]
        name = " ".join([*words, *(one for one in arguments if one in MENDING)])
        hand = HANDS[self._incident].get(name)
        if hand is not None and code in GOOD:
            self._portal.call(self._goes, hand, arguments, says)
            self.went.append(name)
            if hand in LEFT_TO_A_WORKER:
                self.works()
            return Ended(code, "", "")
        return super().runs(*arguments, code=code, says=says)

    async def _goes(self, hand: Hand, arguments: Sequence[str], says: Sequence[str]) -> None:
        """The application is up while somebody is at its console."""
        by = arguments[arguments.index("--by") + 1] if "--by" in arguments else OPERATOR.name
        async with self.console(operator=Operator(by, OPERATOR.roles)) as url:
            await hand(Desk(self._page, url, self._incident), arguments, says)


class Nobody:
    """Hears nothing."""

    def coming(self, number: int, command: str) -> None:
        """It comes."""

    def told(self, scene: Scene) -> None:
        """It is over."""


@asynccontextmanager
async def opened() -> AsyncIterator[Page]:
    """A page; whatever goes wrong in it fails the test."""
    async with chromium_awaited() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        said = watched(page)
        yield page
    assert said == []


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="module")
def page(portal: BlockingPortal) -> Iterator[Page]:
    with portal.wrap_async_context_manager(opened()) as page:
        yield page


@pytest.mark.parametrize("number", HANDS)
def test_the_operator_gets_out_of_it_at_the_console(
    number: int, tmp_path: Path, portal: BlockingPortal, page: Page
) -> None:
    side = SandboxSide()
    portal.call(side.start)
    try:
        stage = AtTheConsole(tmp_path, side, portal, page, number)
        INCIDENTS[number].play(stage)
    finally:
        portal.call(side.stop)
    assert set(stage.went) == set(HANDS[number])
