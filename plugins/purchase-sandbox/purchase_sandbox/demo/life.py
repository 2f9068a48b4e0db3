"""The life of customers, played on the shop's own pages: they change, renew, are refunded, fall behind.

Whoever visits is a `Visitor`, with or without a browser; what is asserted is the same, and on every provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from . import playing
from .pages import Page
from .playing import Steps, StoryFailed, check
from .visitor import Visitor, pay

GOOD, FAILS_LATER = "4242", "0341"
HAS, BILLS = "Subscriptions and purchases", "Invoices"
LOOK_AGAIN_SECONDS = 0.05


class Customer:
    """One customer of the shop, at `shop_url`, by way of a visitor."""

    def __init__(self, visitor: Visitor, shop_url: str) -> None:
        self._visitor = visitor
        self._shop = shop_url

    async def sign_in(self, name: str) -> None:
        """Be somebody else from now on."""
        await self._visitor.open(f"{self._shop}/")
        await self._visitor.fill("Signed in as", name)
        await self._visitor.press("Switch")

    async def buy(self, name: str, card: str = GOOD) -> Page:
        """Buy something, and be back on the account page."""
        await self.try_to_buy(name)
        await pay(self._visitor, card)
        return await self.here()

    async def try_to_buy(self, name: str) -> None:
        """Go as far as to the provider's page."""
        await self._visitor.open(f"{self._shop}/")
        await self._visitor.press(f"Buy {name}")

    async def here(self) -> Page:
        """The page that is open."""
        return await self._visitor.page()

    async def press(self, button: str) -> Page:
        """Press a button of the account page."""
        await self.account()
        await self._visitor.press(button)
        return await self._visitor.page()

    async def account(self) -> Page:
        """The account page, as it is now."""
        await self._visitor.open(f"{self._shop}/account")
        return await self._visitor.page()

    async def change(self, name: str, to: str) -> Page:
        """Change a subscription's plan; the page that says what it would cost."""
        await self.account()
        await self._visitor.choose(to)
        await self._visitor.press(f"Change {name}")
        return await self._visitor.page()

    async def agree(self, button: str) -> Page:
        """Press a button of the page that is open."""
        await self._visitor.press(button)
        return await self._visitor.page()

    async def pay_debt(self, card: str = GOOD) -> None:
        """Pay what the account page asks for, on the provider's page."""
        page = await self.account()
        debts = [one for one in page.buttons() if one.startswith("Pay ")]
        check("what is asked for", len(debts), 1)
        await self._visitor.press(debts[0])
        await pay(self._visitor, card)

    async def see(self, what: str, found: Callable[[Page], object], wanted: object) -> Page:
        """Wait until the account page says so. Raises StoryFailed if it never does."""
        page = await self.account()
        try:
            async with asyncio.timeout(playing.WEBHOOK_SECONDS_MAX):
                while found(page) != wanted:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                    page = await self.account()
        except TimeoutError:
            raise StoryFailed(f"{what}: {found(page)!r} instead of {wanted!r}") from None
        return page


# --- what a page says ------------------------------------------------------------------------------


def states(page: Page) -> list[tuple[str, str]]:
    """What the customer has, and its state."""
    return sorted((row[0], row[1]) for row in page.rows(HAS))


def bills(page: Page) -> list[tuple[str, str]]:
    """State and total of each bill with money in it."""
    return sorted((row[1], row[2]) for row in page.rows(BILLS) if not row[2].startswith("0.00"))


def wallets(page: Page) -> list[tuple[str, str]]:
    """Credits by unit, and what can be spent of them."""
    return [(row[0], row[1]) for row in page.rows("Credits")]


def rights(page: Page) -> list[str]:
    """What the customer may do."""
    return sorted(page.items("Entitlements"))


def happened(page: Page, text: str) -> bool:
    """Whether the timeline says so."""
    return any(text in row[1] for row in page.rows("Activity"))


FREE, PRO, TEAM = "api_calls: 100 a month", "api_calls: 100,000 a month", "api_calls: 1,000,000 a month"
NO_CREDITS, CREDITS, MORE_CREDITS = (f"ai_credits: {count} left" for count in ("0", "500", "1,000"))
LOSE, AGAIN = "Lose webhooks", "Send every webhook again"
TROUBLES = ("Send webhooks twice", "Send webhooks late", "Shuffle webhooks")


async def live(ana: Customer, steps: Steps) -> None:
    """All of it. Raises StoryFailed where a page does not say what it should."""
    await _in_trouble(ana, steps)
    await _subscribe_and_change(ana, steps)
    await _buy_and_be_refunded(ana, steps)
    await _renew(ana, steps)
    await _end(ana, steps)
    await _fall_behind(ana, steps)
    await _never_pay(ana, steps)
    await _try_it(ana, steps)


async def _subscribe_and_change(ana: Customer, steps: Steps) -> None:
    await ana.sign_in("ana")
    await ana.buy("App Pro")
    page = await ana.see("after buying", states, [("App Pro", "active")])
    check("rights", rights(page), [PRO, "export"])
    check("bills", bills(page), [("paid", "12.00 USD")])
    steps.add("subscribed", _shown(page))
    preview = await ana.change("App Pro", "App Team")
    check("the preview", preview.heading, "Change to App Team")
    check("what is due", "18.00 USD now, then 30.00 USD" in preview.words, wanted=True)
    await ana.agree("Change to App Team")
    page = await ana.see("after the change", states, [("App Team", "active")])
    page = await ana.see("bills", bills, [("paid", "12.00 USD"), ("paid", "18.00 USD")])
    check("rights", rights(page), [TEAM, "export"])
    check("the timeline", happened(page, "subscription is active: 1 x 30.00 USD"), wanted=True)
    steps.add("changed the plan", _shown(page))


async def _buy_and_be_refunded(ana: Customer, steps: Steps) -> None:
    await ana.buy("AI 500 credits")
    page = await ana.see("after buying", states, [("AI 500 credits", "yours"), ("App Team", "active")])
    check("rights", rights(page), ["ai_credits: 500 left", TEAM, "export"])
    await ana.press("Spend 100 ai_credits")
    page = await ana.see("what is left", wallets, [("ai_credits", "400 to spend")])
    check("rights", rights(page), ["ai_credits: 400 left", TEAM, "export"])
    refund = next(one for one in page.buttons() if one.startswith("Refund 10.00 USD"))
    await ana.press(refund)
    await ana.press("One day later")  # where somebody has to agree to a refund, they have
    page = await ana.see("after the refund", states, [("AI 500 credits", "refunded"), ("App Team", "active")])
    check("rights", rights(page), [NO_CREDITS, TEAM, "export"])
    check("bills", ("refunded", "10.00 USD") in bills(page), wanted=True)
    check("the timeline", happened(page, "refund of 10.00 USD is succeeded"), wanted=True)
    check("what was spent is owed", "100 owed" in page.sections["Credits"].words, wanted=True)
    check("the wallet", wallets(page), [("ai_credits", "0 to spend")])
    steps.add("was refunded", _shown(page))


async def _renew(ana: Customer, steps: Steps) -> None:
    await ana.press("One month later")
    await ana.press("One day later")
    page = await ana.see("the renewal", lambda page: ("paid", "30.00 USD") in bills(page), wanted=True)
    check("after the renewal", ("App Team", "active") in states(page), wanted=True)
    steps.add("renewed", _shown(page))


async def _end(ana: Customer, steps: Steps) -> None:
    portal = next(one for one in (await ana.account()).buttons() if one.startswith("Open "))
    await ana.press(portal)  # the provider's own pages
    await ana.agree("Cancel at the end of the period")
    await ana.see("the end", lambda page: "Keep App Team" in page.buttons(), wanted=True)
    await ana.press("Keep App Team")
    await ana.see("going on", lambda page: "Cancel App Team" in page.buttons(), wanted=True)
    await ana.press("Pause App Team")
    page = await ana.see("the pause", lambda page: ("App Team", "paused") in states(page), wanted=True)
    check("rights while paused", rights(page), [NO_CREDITS, FREE])
    await ana.press("Resume App Team")
    await ana.see("going on", lambda page: ("App Team", "active") in states(page), wanted=True)
    await ana.press("Cancel App Team")
    await ana.press("One month later")
    page = await ana.see("after the end", lambda page: ("App Team", "canceled") in states(page), wanted=True)
    check("rights after the end", rights(page), [NO_CREDITS, FREE])
    steps.add("paused, resumed, cancelled", _shown(page))


async def _fall_behind(ben: Customer, steps: Steps) -> None:
    await ben.sign_in("ben")
    await ben.buy("App Pro", FAILS_LATER)
    await ben.see("after buying", states, [("App Pro", "active")])
    await ben.press("One month later")
    await ben.press("One day later")  # bills may be drafts for a while
    await ben.see("the failed renewal", states, [("App Pro", "past_due")])
    page = await ben.see("what is asked for", lambda page: len(page.notices), 1)
    check("rights in the days of grace", rights(page), [PRO, "export"])
    await ben.pay_debt()
    await ben.see("after paying", states, [("App Pro", "active")])
    page = await ben.see("bills", bills, [("paid", "12.00 USD"), ("paid", "12.00 USD")])
    check("what is asked for", page.notices, [])
    steps.add("fell behind, and paid", _shown(page))


async def _never_pay(eve: Customer, steps: Steps) -> None:
    await eve.sign_in("eve")
    await eve.buy("App Pro", FAILS_LATER)
    await eve.see("after buying", states, [("App Pro", "active")])
    for _ in range(3):  # the longest that a provider goes on trying is a month
        await eve.press("One month later")
    page = await eve.see("after the last try", states, [("App Pro", "canceled")])
    check("rights after the end", rights(page), [FREE])
    steps.add("fell behind, and never paid", _shown(page))


async def _try_it(cara: Customer, steps: Steps) -> None:
    await cara.sign_in("cara")
    await cara.buy("App Pro, yearly")
    page = await cara.see("the trial", states, [("App Pro, yearly", "trialing")])
    check("rights on trial", rights(page), [PRO, "export"])
    check("bills on trial", bills(page), [])
    await cara.press("Two weeks later")
    await cara.press("One day later")
    await cara.see("after the trial", states, [("App Pro, yearly", "active")])
    page = await cara.see("bills", bills, [("paid", "120.00 USD")])
    steps.add("tried it, and stayed", _shown(page))


async def _in_trouble(dora: Customer, steps: Steps) -> None:
    await dora.sign_in("dora")
    await dora.press(LOSE)
    await dora.buy("AI 500 credits")
    page = await dora.account()
    check("rights while nothing is told", rights(page), [FREE])
    await dora.press(LOSE)  # no more
    await dora.press("Ask what happened")  # of what was lost, nobody tells by himself
    await dora.see("what was lost is found", rights, [CREDITS, FREE])
    for trouble in TROUBLES:
        await dora.press(trouble)
    await dora.buy("AI 500 credits")
    await dora.press("One minute later")
    await dora.see("told twice, late, and out of order", rights, [MORE_CREDITS, FREE])
    for trouble in TROUBLES:
        await dora.press(trouble)
    await dora.press(AGAIN)
    outage = next(one for one in (await dora.account()).buttons() if one.startswith("Take "))
    await dora.press(outage)
    await dora.try_to_buy("Lifetime")
    check("nobody to sell to", (await dora.here()).heading, "That did not work")
    await dora.press(outage)  # it is back
    await dora.buy("Lifetime")
    page = await dora.see("after the outage", lambda page: ("Lifetime", "yours") in states(page), wanted=True)
    check("rights", rights(page), [MORE_CREDITS, FREE, "export"])
    check("each was paid once", bills(page), [("paid", "10.00 USD")] * 2 + [("paid", "199.00 EUR")])
    steps.add("was in trouble", _shown(page))


def _shown(page: Page) -> Sequence[str]:
    lines = [f"{name:14} {state}" for name, state in states(page)]
    lines += [f"{total:14} {state}" for state, total in bills(page)]
    return [*lines, f"may: {', '.join(rights(page))}"]
