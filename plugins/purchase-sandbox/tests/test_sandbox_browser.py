"""The demo in a real browser, on each provider: buy, fail, leave, on a phone, by keyboard alone.

Needs playwright and Chromium.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from anyio.from_thread import start_blocking_portal

from purchase_core import Catalog, Money, credit_unit, feature, one_time, plan, subscription
from purchase_sandbox.demo.running import Demo, running
from purchase_sandbox.demo.visitor import TO_PAYMENT
from purchase_sandbox.local_providers import PROVIDERS
from tests.browser import chromium, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></h2><script>document.title='owned'</script>"
export, ai = feature("export"), credit_unit("ai")
CATALOG = Catalog(
    subscription("app", name="App", plans=[
        plan("pro", name="Pro", price=Money("12.00", "USD"), every="month",
             includes=[export(), ai(amount=300)]),
        plan("team", name="Team", price=Money("30.00", "USD"), every="month", includes=[export()]),
    ]),
    one_time("evil", name=HOSTILE, plans=[
        plan("evil", name=HOSTILE, price=Money("1.00", "EUR"), includes=[export()]),
    ]),
)  # fmt: skip
PHONE = {"width": 360, "height": 740}
CHALLENGE = {"sandbox": "3220", "stripe": "3155", "paddle": "0446"}
customers = count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module", params=PROVIDERS)
def demo(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """The demo of one provider, in a thread of its own."""
    assert browser
    desk = tmp_path_factory.mktemp("desk")
    demo = running(desk / "purchase.db", [request.param], catalog=CATALOG, desk=desk)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(demo) as found:
        yield found


@attrs.define
class Visit:
    """A page of somebody who has bought nothing yet."""

    page: Page
    demo: Demo
    customer: str

    @property
    def provider(self) -> str:
        return next(iter(self.demo.providers))

    @property
    def provider_url(self) -> str:
        return self.demo.providers[self.provider].url

    def buy(self, name: str = "Buy App Pro") -> None:
        """As far as to the provider's page."""
        self.page.goto(self.demo.shop_url)
        self.page.get_by_role("button", name=name, exact=True).click()
        if self.provider == "paddle":
            self.page.get_by_role("link", name=TO_PAYMENT).click()
        self.page.wait_for_url(re.compile(re.escape(self.provider_url)))

    def choose(self, digits: str) -> None:
        self.page.get_by_label(f"Visa ···· {digits}").check()

    def press(self, name: str) -> None:
        """And arrive: a click alone may be over before the page that it leads to is there."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name).click()

    def leave(self) -> None:
        """Back to the shop without paying; at Paddle, by the shop's own page."""
        if self.provider == "paddle":
            self.page.go_back()
            with self.page.expect_navigation():
                self.page.get_by_role("link", name="Back to the shop").click()
        else:
            self.press("Back to the shop")

    def owns(self, what: str) -> None:
        """Wait until the account page says so."""
        self.page.wait_for_url(re.compile("/account"))
        self.page.get_by_text("Thank you.").wait_for()
        assert self.page.locator(".rights li.good").all_inner_texts() == ["export"]
        assert what in self.page.locator("section", has_text="Subscriptions and purchases").inner_text()

    def owns_nothing(self) -> None:
        self.page.goto(f"{self.demo.shop_url}/account")
        assert self.page.get_by_text("No subscription and no purchase.").is_visible()
        assert self.page.locator(".rights li.good").count() == 0


@pytest.fixture
def visit(browser: Browser, demo: Demo) -> Callable[..., AbstractContextManager[Visit]]:
    """Visits; whatever their console complains of fails the test."""

    @contextmanager
    def visiting(**options: Any) -> Iterator[Visit]:
        context = browser.new_context(**options)
        customer = f"visitor_{next(customers)}"
        context.add_cookies([{"name": "shop_customer", "value": customer, "url": demo.shop_url}])
        page = context.new_page()
        complaints = watched(page)
        yield Visit(page, demo, customer)
        context.close()
        assert complaints == []

    return visiting


def test_somebody_buys_and_owns_it(visit: Any) -> None:
    with visit() as it:
        it.buy()
        assert "App Pro" in it.page.get_by_role("main").inner_text()
        assert "12.00 USD" in it.page.get_by_role("main").inner_text()
        it.press("Pay 12.00 USD")
        it.owns("App Pro")


def test_the_account_shows_what_was_bought_spent_changed_and_paid_back(visit: Any) -> None:
    """The same on every provider: subscriptions, credits, invoices, another plan, a refund, activity."""
    with visit() as it:
        it.buy()
        it.press("Pay 12.00 USD")
        it.owns("App Pro")

        def section(name: str) -> Any:
            return it.page.get_by_role("region", name=name, exact=True)

        assert "300 to spend" in section("Credits").inner_text()
        for _ in range(2):
            it.press("Spend 100 ai")
        section("Credits").get_by_text("100 to spend").wait_for()
        it.press("Change App Pro")
        it.press("Change to App Team")
        section("Subscriptions and purchases").get_by_text("App Team").wait_for()
        assert "App Pro" not in section("Subscriptions and purchases").get_by_role("cell").first.inner_text()
        first = section("Invoices").get_by_role("row").filter(has_text="12.00 USD").last
        first.get_by_role("button", name=re.compile("^Refund ")).click()
        section("Activity").get_by_text(re.compile("^refund of 12.00 USD")).first.wait_for()
        told = section("Activity").inner_text()
        assert "spent 200 ai, 2 times" in told
        assert "set out to buy 1 x app:pro at 12.00 USD" in told
        assert "12.00 USD paid of 12.00 USD" in told


def test_a_checkout_that_is_over_cannot_be_paid_again(visit: Any) -> None:
    with visit() as it:
        it.buy()
        checkout = it.page.url
        it.press("Pay 12.00 USD")
        it.owns("App Pro")
        shown = it.page.request.get(checkout)  # a browser would complain of its status
        assert shown.status == (410 if it.provider == "stripe" else 200)
        assert "Pay 12.00 USD" not in shown.text()
        assert re.search("This checkout is complete", shown.text())
        if it.provider == "sandbox":
            it.page.goto(checkout)
            it.page.get_by_role("link", name="Continue to the shop").click()
            it.owns("App Pro")


def test_a_declined_card_says_so_and_another_one_pays(visit: Any) -> None:
    with visit() as it:
        it.buy()
        it.choose("0002")
        it.press("Pay 12.00 USD")
        assert "card was declined." in it.page.get_by_role("alert").inner_text()
        checkout = it.page.url
        it.owns_nothing()
        it.page.goto(checkout)
        it.choose(CHALLENGE[it.provider])
        it.press("Pay 12.00 USD")
        assert it.page.get_by_role("heading", level=1).inner_text() == "Is it really you?"
        it.press("Approve")
        it.owns("App Pro")


def test_who_leaves_is_back_in_the_shop_and_may_buy_something_else(visit: Any) -> None:
    with visit() as it:
        it.buy(f"Buy {HOSTILE}")
        it.leave()
        assert it.page.get_by_role("status").inner_text() == "You left the checkout, and nothing was charged."
        it.owns_nothing()
        it.buy()
        it.press("Pay 12.00 USD")
        it.owns("App Pro")  # it waits for what was bought now, not for what was left


def test_t09_a_hostile_name_of_a_product_is_text_on_every_page(visit: Any) -> None:
    with visit() as it:
        it.page.goto(it.demo.shop_url)
        assert it.page.get_by_role("heading", name=HOSTILE, exact=True).is_visible()
        it.buy(f"Buy {HOSTILE}")
        assert HOSTILE in it.page.get_by_role("main").inner_text()
        assert it.page.title() != "owned"
        assert it.page.locator("img, script").count() == 0
        it.press("Pay 1.00 EUR")
        it.owns(HOSTILE)
        assert it.page.locator("img, script").count() == 0
        assert it.page.title().startswith("Account of ")


def pages(it: Visit) -> Iterator[str]:
    """Every kind of page, one after another."""
    for path in ("/", "/account", "/?from=checkout"):
        it.page.goto(f"{it.demo.shop_url}{path}")
        yield f"shop {path}"
    it.page.goto(f"{it.provider_url}/")
    yield "provider"
    it.buy(f"Buy {HOSTILE}")
    yield "checkout"
    if it.provider == "paddle":
        it.page.go_back()
        yield "the shop's own page of the checkout"
        it.page.go_forward()
    it.choose(CHALLENGE[it.provider])
    it.press("Pay 1.00 EUR")
    it.page.get_by_role("heading", name="Is it really you?").wait_for()
    yield "3-D Secure"
    it.press("Approve")
    it.owns(HOSTILE)
    yield "account"
    for path in ("/live", "/decisions"):
        it.page.goto(f"{it.demo.shop_url}{path}")
        yield f"shop {path}"
    it.page.get_by_role("link", name=re.compile("^Why ")).first.click()
    it.page.get_by_role("heading", name="Step by step").wait_for()
    yield "a decision"
    it.buy()
    it.press("Pay 12.00 USD")
    it.page.get_by_text("Thank you.").wait_for()
    yield "account with a subscription"
    it.press("Change App Pro")
    it.page.get_by_role("heading", name="Change to App Team").wait_for()
    yield "preview"
    it.page.goto(f"{it.demo.shop_url}/account")
    it.page.get_by_role("button", name="Open ").click()
    it.page.wait_for_url(re.compile(re.escape(it.provider_url)))
    yield "portal"


UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]), button, a")]
  .filter(one => !(one.labels?.length || one.innerText.trim() || one.ariaLabel)).map(one => one.outerHTML)"""
LEVELS = "() => [...document.querySelectorAll('h1, h2, h3')].map(one => one.tagName)"
FAINT = """() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(one => one / 255)
      .map(one => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = one => {
    for (; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!color.startsWith("rgba(0, 0, 0, 0")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *")]
    .filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
    .map(one => {
      const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
      return [(a + .05) / (b + .05), one.innerText];
    }).filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_on_a_phone_and_read_aloud(visit: Any, scheme: str) -> None:
    with visit(color_scheme=scheme, viewport=PHONE, has_touch=True) as it:
        for name in pages(it):
            assert it.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
            assert it.page.evaluate("document.documentElement.lang") == "en", name
            assert it.page.evaluate(UNNAMED) == [], name
            levels = it.page.evaluate(LEVELS)
            assert levels.count("H1") == 1, name
            assert levels[0] == "H1", name
            assert it.page.get_by_role("main").count() == 1, name
            assert it.page.evaluate(FAINT) == [], name


def focus(it: Visit, name: str, tag: str = "") -> None:
    """Tab until this is what Enter would press, or until a field of this kind is reached."""
    for _ in range(30):
        it.page.keyboard.press("Tab")
        found = "document.activeElement.tagName" if tag else "document.activeElement.innerText"
        if it.page.evaluate(found) == (tag or name):
            if tag:
                return
            outline = it.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", "the focus is seen"
            return
    pytest.fail(f"no Tab leads to {name!r}")


def test_a_keyboard_is_enough_to_buy(visit: Any) -> None:
    with visit() as it:
        it.page.goto(it.demo.shop_url)
        focus(it, "Buy App Pro")
        it.page.keyboard.press("Enter")
        if it.provider == "paddle":
            it.page.get_by_role("link", name=TO_PAYMENT).wait_for()
            focus(it, TO_PAYMENT)
            it.page.keyboard.press("Enter")
        it.page.wait_for_url(re.compile(re.escape(it.provider_url)))
        focus(it, "", tag="INPUT")
        it.page.keyboard.press("ArrowDown")
        assert it.page.get_by_label(f"Visa ···· {CHALLENGE[it.provider]}").is_checked()
        focus(it, "Pay 12.00 USD")
        it.page.keyboard.press("Enter")
        it.page.get_by_role("heading", name="Is it really you?").wait_for()
        focus(it, "Approve")
        it.page.keyboard.press("Enter")
        it.owns("App Pro")


def test_an_unknown_address_of_the_shop_is_a_page(browser: Browser, demo: Demo) -> None:
    context = browser.new_context()
    page = context.new_page()
    watched(page)
    answer = page.goto(f"{demo.shop_url}/nothing")
    assert answer is not None
    assert answer.status == 404
    page.get_by_role("link", name="Back to the prices").click()
    page.get_by_role("heading", level=1, name="Pricing").wait_for()
    context.close()
