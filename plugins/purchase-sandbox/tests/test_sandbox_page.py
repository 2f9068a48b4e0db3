"""The hosted page, as a browser without scripts uses it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import attrs
import httpx
import pytest

from purchase_core.instants import Instant
from purchase_core.ports.provider import CheckoutRequest, CustomerRequest, OurReference, PriceRequest
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account import making
from purchase_sandbox.account.objects import Invoice, Session
from purchase_sandbox.account.requests import MakeDiscount
from purchase_sandbox.server.app import application
from purchase_sandbox.testing import SandboxHarness

START = Instant(1_790_000_000_000_000)
THANKS, PRICING = "https://shop.example/thanks?s={CHECKOUT_SESSION_ID}", "http://127.0.0.1:8000/pricing"


class Form(HTMLParser):
    """The page's text, and its form's fields and buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.token, self.action = "", "", ""
        self.cards: list[str] = []
        self.buttons: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += list(found.items())
        if tag == "form":
            self.action = found["action"]
        if found.get("name") == "token":
            self.token = found["value"]
        if found.get("name") == "card":
            self.cards.append(found["value"])
        if found.get("name") == "action":
            self.buttons.append(found["value"])

    def handle_data(self, data: str) -> None:
        self.text += " ".join(data.split()) + " "


class Buyer:
    """A browser on one checkout."""

    def __init__(self, sandbox: SandboxHarness, session: str) -> None:
        self.sandbox = sandbox
        self.id = session
        transport = httpx.ASGITransport(application(sandbox.sandbox))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4242")

    @property
    def session(self) -> Session:
        return self.sandbox.account.book.get(Session, self.id)

    @property
    def paid(self) -> list[int]:
        return [one.amount_paid for one in self.sandbox.account.book.all(Invoice)]

    async def open(self, more: str = "") -> tuple[httpx.Response, Form]:
        response = await self.http.get(f"/checkout/{self.id}{more}")
        return response, Form(response.text)

    async def press(self, action: str, **fields: str) -> httpx.Response:
        _, form = await self.open()
        data = {"token": form.token, "action": action, **fields}
        return await self.http.post(f"/checkout/{self.id}", data=data)


Story = Callable[[Buyer], Awaitable[None]]


def tell(story: Story, **wish: Any) -> None:
    async def telling() -> None:
        async with a_checkout(**wish) as buyer:
            await story(buyer)

    asyncio.run(telling())


@asynccontextmanager
async def a_checkout(
    *,
    name: str = "App Pro",
    amount: int = 1_200,
    currency: str = "USD",
    interval: str = "month",
    quantity: int = 1,
    trial_days: int = 0,
    **options: Any,
) -> AsyncIterator[Buyer]:
    async with SandboxHarness(ManualClock(START)) as sandbox:
        provider = sandbox.provider
        customer = await provider.ensure_customer(CustomerRequest("ana"), key="c")
        price = await provider.ensure_price(
            PriceRequest("app:pro", "v1", name, amount, currency, interval), key="p"
        )
        mode = "subscription" if interval else "payment"
        reference = OurReference("intent_1", "attempt_1", "ana", "v1")
        request = CheckoutRequest(mode, price, quantity, customer, THANKS, PRICING, reference, trial_days)
        making.make_discount(sandbox.account.book, MakeDiscount(25, "SAVE"))
        checkout = await provider.create_checkout(attrs.evolve(request, **options), key="s")
        assert checkout.url == f"http://127.0.0.1:4242/checkout/{checkout.id}"
        buyer = Buyer(sandbox, checkout.id)
        async with buyer.http:
            yield buyer


@pytest.mark.parametrize(
    ("wish", "shown"),
    [
        (
            {"quantity": 3},
            ("App Pro", "12.00 USD per month", "36.00 USD", "Pay 36.00 USD", "until you cancel"),
        ),
        ({"amount": 980, "currency": "JPY", "interval": ""}, ("980 JPY", "Pay 980 JPY")),
        ({"amount": 12_340, "currency": "KWD", "interval": ""}, ("12.340 KWD",)),
        (
            {"trial_days": 14, "interval": "year"},
            ("14 days free, then 12.00 USD per year", "0.00 USD", "Start trial"),
        ),
    ],
)
def test_f65_the_page_says_what_is_bought_and_for_how_much(
    wish: dict[str, object], shown: tuple[str, ...]
) -> None:
    async def story(buyer: Buyer) -> None:
        response, form = await buyer.open()
        assert response.status_code == 200
        for text in shown:
            assert text in form.text, form.text
        assert form.buttons == ["pay", "decline", "abandon"]
        assert len(form.cards) == 6

    tell(story, **wish)


def test_paying_leads_back_to_the_shop() -> None:
    async def story(buyer: Buyer) -> None:
        response = await buyer.press("pay", card="pays")
        assert response.status_code == 303
        assert response.headers["location"] == f"https://shop.example/thanks?s={buyer.id}"
        assert (buyer.session.status, buyer.paid) == ("complete", [1_200])

    tell(story)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("declined", "The card was declined."),
        ("insufficient_funds", "insufficient funds"),
        ("expired_card", "has expired"),
    ],
)
def test_a_card_that_fails_says_why_and_another_may_be_tried(card: str, says: str) -> None:
    async def story(buyer: Buyer) -> None:
        response = await buyer.press("pay", card=card)
        assert (response.status_code, response.headers["location"]) == (303, f"/checkout/{buyer.id}")
        _, form = await buyer.open()
        assert says in form.text
        assert (buyer.session.status, buyer.paid) == ("open", [])
        assert (await buyer.press("pay", card="pays")).headers["location"].startswith("https://shop.example/")
        assert buyer.paid == [1_200]

    tell(story)


def test_a_code_is_typed_and_counts_through_the_banks_page_too() -> None:
    async def story(buyer: Buyer) -> None:
        refused = await buyer.press("pay", card="pays", code="OTHER")
        assert (refused.status_code, "There is no such code." in refused.text) == (200, True)
        response = await buyer.press("pay", card="challenge", code=" save ")
        assert response.headers["location"] == f"/checkout/{buyer.id}/3ds?code=SAVE"
        page, form = await buyer.open("/3ds?code=SAVE")
        assert "9.00 USD" in form.text
        assert 'name="code" value="SAVE"' in page.text
        assert (await buyer.open("/3ds?code=OTHER"))[0].status_code == 400
        await buyer.press("approve", code="SAVE")
        assert (buyer.session.status, buyer.paid) == ("complete", [900])

    tell(story, promotion_codes=True)


def test_a_page_that_takes_no_code_asks_for_none() -> None:
    async def story(buyer: Buyer) -> None:
        assert 'name="code"' not in (await buyer.open())[0].text
        assert (await buyer.press("pay", card="pays", code="SAVE")).status_code == 400
        assert (buyer.session.status, buyer.paid) == ("open", [])

    tell(story)


def test_a_trial_begins_without_a_card_where_none_is_asked_for() -> None:
    async def story(buyer: Buyer) -> None:
        _, form = await buyer.open()
        assert form.buttons == ["pay", "accept", "decline", "abandon"]
        assert "in de" in form.text
        assert (await buyer.press("accept")).headers["location"].startswith("https://shop.example/")
        assert (buyer.session.status, buyer.paid) == ("complete", [0])

    tell(story, trial_days=14, trial_without_card=True, locale="de")


def test_nobody_gets_a_trial_without_a_card_by_pressing_a_button_that_is_not_there() -> None:
    async def story(buyer: Buyer) -> None:
        assert (await buyer.press("accept")).status_code == 400
        assert (buyer.session.status, buyer.paid) == ("open", [])

    tell(story, trial_days=14)


def test_declining_and_walking_away_leave_it_open() -> None:
    async def story(buyer: Buyer) -> None:
        assert (await buyer.press("decline")).headers["location"] == f"/checkout/{buyer.id}"
        response = await buyer.press("abandon")
        assert (response.status_code, response.headers["location"]) == (303, PRICING)
        assert (buyer.session.status, buyer.paid) == ("open", [])

    tell(story)


def test_three_d_secure_is_approved_or_fails() -> None:
    async def story(buyer: Buyer) -> None:
        response = await buyer.press("pay", card="challenge")
        assert (response.status_code, response.headers["location"]) == (303, f"/checkout/{buyer.id}/3ds")
        assert buyer.paid == []
        _, form = await buyer.open("/3ds")
        assert form.buttons == ["approve", "fail"]
        assert "12.00 USD" in form.text
        await buyer.press("fail")
        assert "3-D Secure failed" in (await buyer.open())[1].text
        assert (buyer.session.status, buyer.paid) == ("open", [])
        await buyer.press("pay", card="challenge")
        assert (await buyer.press("approve")).headers["location"].startswith("https://shop.example/thanks")
        assert buyer.paid == [1_200]

    tell(story)


def test_f45_what_is_paid_is_not_paid_again() -> None:
    async def story(buyer: Buyer) -> None:
        _, form = await buyer.open()
        await buyer.press("pay", card="pays")
        for action in ("pay", "approve", "decline", "abandon"):
            data = {"token": form.token, "action": action, "card": "pays"}
            again = await buyer.http.post(f"/checkout/{buyer.id}", data=data)
            assert again.status_code == 409
            assert "cannot be paid again" in again.text
        response, page = await buyer.open()
        assert (response.status_code, page.buttons) == (200, [])
        assert "complete" in page.text
        assert buyer.paid == [1_200]

    tell(story)


def test_f45_what_has_expired_is_not_paid() -> None:
    async def story(buyer: Buyer) -> None:
        _, form = await buyer.open()
        buyer.sandbox.advance(days=1)
        data = {"token": form.token, "action": "pay", "card": "pays"}
        late = await buyer.http.post(f"/checkout/{buyer.id}", data=data)
        assert late.status_code == 409
        for more in ("", "/3ds"):
            _, page = await buyer.open(more)
            assert "expired" in page.text
            assert page.buttons == []
        assert (buyer.session.status, buyer.paid) == ("expired", [])

    tell(story)


def test_a_form_needs_the_token_of_its_own_session() -> None:
    async def story(buyer: Buyer) -> None:
        async with a_checkout() as other:
            _, form = await other.open()
            for token in ("", "x", form.token, "é", "\udcff", form.token.upper()):
                data = {"token": token, "action": "pay", "card": "pays"}
                encoded = httpx.QueryParams(
                    {k: v.encode("utf-8", "replace").decode() for k, v in data.items()}
                )
                response = await buyer.http.post(
                    f"/checkout/{buyer.id}",
                    content=str(encoded),
                    headers={"content-type": "application/x-www-form-urlencoded"},
                )
                assert response.status_code == 403
        assert buyer.paid == []

    tell(story)


def test_what_is_no_form_is_refused() -> None:
    async def story(buyer: Buyer) -> None:
        _, form = await buyer.open()
        path = f"/checkout/{buyer.id}"
        named = {"content-type": "application/x-www-form-urlencoded"}
        token = f"token={form.token}"
        for content, headers, status in (
            (f"{token}&action=pay", {"content-type": "text/plain"}, 415),
            (f"{token}&action=dance", named, 400),
            (f"{token}&action=pay&card=golden", named, 400),
            ("&".join(["a=1"] * 50), named, 400),
            ("a=" + "x" * 70_000, named, 413),
        ):
            response = await buyer.http.post(path, content=content, headers=headers)
            assert response.status_code == status
        assert (await buyer.http.get("/checkout/cs_none")).status_code == 404
        assert (await buyer.http.get(f"{path}?action=pay&card=pays")).status_code == 200
        assert buyer.paid == []

    tell(story)


def test_t09_the_page_runs_nothing_and_tells_nobody() -> None:
    async def story(buyer: Buyer) -> None:
        for more in ("", "/3ds"):
            response, form = await buyer.open(more)
            policy = response.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert policy.endswith("form-action 'self' http://127.0.0.1:8000 https://shop.example")
            assert response.headers["referrer-policy"] == "no-referrer"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["cache-control"] == "no-store"
            assert not {"script", "iframe", "img", "style", "object"} & set(form.tags)
            assert not [name for name, _ in form.attributes if name.startswith("on") or name == "style"]
            linked = [value for name, value in form.attributes if name in ("href", "src", "action")]
            assert all(one.startswith("/") for one in linked)
        style = await buyer.http.get("/static/checkout.css")
        assert style.headers["content-type"].startswith("text/css")
        assert "prefers-color-scheme: dark" in style.text
        assert "url(" not in style.text

    tell(story)


def test_the_page_can_be_used_by_keyboard_and_read_aloud() -> None:
    async def story(buyer: Buyer) -> None:
        response, form = await buyer.open()
        assert '<html lang="en">' in response.text
        assert 'name="viewport"' in response.text
        assert form.tags.count("legend") == form.tags.count("fieldset") == form.tags.count("h1") == 1
        assert form.tags.count("label") == len(form.cards)
        await buyer.press("pay", card="declined")
        assert 'role="alert"' in (await buyer.open())[0].text

    tell(story)


def test_t14_the_page_has_no_field_for_a_card_number() -> None:
    async def story(buyer: Buyer) -> None:
        _, form = await buyer.open()
        kinds = {value for name, value in form.attributes if name == "type"}
        assert kinds == {"hidden", "radio"}
        assert not re.search(r"\d{13,19}", form.text)

    tell(story)


XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><svg/onload=alert(1)>",
    "{{ 7*7 }}",
    "{% raw %}",
    "<!--",
    "&lt;script&gt;",
    "javascript:alert(1)",
    "\u2028alert(1)",
)


@pytest.mark.parametrize("name", XSS)
def test_t09_names_of_products_are_text(name: str) -> None:
    async def story(buyer: Buyer) -> None:
        expected = (await buyer.open())[1].tags
        for more in ("", "/3ds"):
            _, form = await buyer.open(more)
            assert " ".join(name.split()) in form.text
            assert not {"script", "img", "svg"} & set(form.tags)
            assert not [one for one, _ in form.attributes if one.startswith("on")]
        assert expected == (await plain())

    async def plain() -> list[str]:
        async with a_checkout() as buyer:
            return (await buyer.open())[1].tags

    tell(story, name=name)
