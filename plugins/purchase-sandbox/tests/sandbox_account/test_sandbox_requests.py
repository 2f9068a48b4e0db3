"""Requests to an account: keys, pages of lists, and what makes no sense."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from purchase_core.instants import DAY, Instant
from purchase_sandbox.account import checkout, making, refunds
from purchase_sandbox.account.objects import Price, Refund
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.account.requests import (
    MakePortalSession,
    MakePrice,
    MakeRefund,
    MakeSession,
    read,
)
from purchase_simulators.wire.keys import Answer

from .shop import Shop


def ask(shop: Shop, key: str, amount: int, *, path: str = "/v1/refunds") -> Answer:
    invoice = shop.invoices()[0].id
    body = json.dumps({"invoice": invoice, "amount": amount}).encode()

    def act() -> Refund:
        request = read(body, MakeRefund)
        return refunds.refund(shop.book, request.invoice, request.amount)

    return shop.account.command(path, body, key, act)


def test_f38_a_key_is_answered_once_refusals_included() -> None:
    shop = Shop()
    shop.subscribe()
    first = ask(shop, "k1", 700)
    assert (first.status, ask(shop, "k1", 700)) == (200, first)
    refused = ask(shop, "k2", 900)
    assert (refused.status, ask(shop, "k2", 900)) == (400, refused)
    assert len(list(shop.book.all(Refund))) == 1


def test_f37_a_key_is_of_one_request() -> None:
    shop = Shop()
    shop.subscribe()
    ask(shop, "k1", 700)
    for answer in (ask(shop, "k1", 100), ask(shop, "k1", 700, path="/v1/other")):
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(list(shop.book.all(Refund))) == 1


def test_a_request_that_made_no_sense_leaves_its_key_free() -> None:
    shop = Shop()
    shop.subscribe()
    assert ask(shop, "k1", -5).status == 400
    assert ask(shop, "k1", 700).status == 200


def test_f36_a_key_is_forgotten_after_a_day() -> None:
    shop = Shop()
    shop.subscribe()
    ask(shop, "k1", 100)
    kept = shop.sandbox.clock.now()
    shop.clock.set_to(Instant(kept + DAY - 1))
    ask(shop, "k1", 100)
    assert len(list(shop.book.all(Refund))) == 1
    shop.clock.set_to(Instant(kept + DAY))
    ask(shop, "k1", 100)
    assert len(list(shop.book.all(Refund))) == 2


def listed(shop: Shop, limit: int, metadata: Mapping[str, str] | None = None) -> list[list[str]]:
    pages, after = [], ""
    while True:
        page = shop.book.page(Price, after=after, limit=limit, metadata=metadata or {}, keep=lambda one: True)
        pages.append([json.loads(bytes(row))["id"] for row in page.data])
        if page.next_cursor is None:
            return pages
        after = page.next_cursor


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20])
def test_f31_pages_hold_each_object_once(count: int) -> None:
    shop = Shop()
    made = [shop.price(number).id for number in range(count)]
    pages = listed(shop, 10)
    assert [one for page in pages for one in page] == made
    assert [len(page) for page in pages[:-1]] == [10] * (len(pages) - 1)
    assert len(pages) == max(1, -(-count // 10))


def test_a_page_can_be_of_some_metadata_only() -> None:
    shop = Shop()
    for number in range(6):
        request = MakePrice(100, "USD", product_name="App", metadata={"a": str(number % 2), "b": "x"})
        making.make_price(shop.book, request)
    assert [len(page) for page in listed(shop, 2, {"a": "1"})] == [2, 1]
    assert [len(page) for page in listed(shop, 2, {"a": "1", "b": "y"})] == [0]


def test_a_cursor_of_nothing_is_refused() -> None:
    shop = Shop()
    with pytest.raises(Refusal):
        shop.book.page(Price, after="price_none", limit=1, metadata={}, keep=lambda one: True)
    with pytest.raises(Refusal):
        shop.book.event_page(after="evt_none", limit=1)


def test_old_events_are_forgotten_and_the_others_stay_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purchase_sandbox.account.book.EVENTS_KEPT_MAX", 5)
    shop = Shop()
    made = [shop.price(number) for number in range(20)]
    events = shop.book.events
    assert [one.about for one in events] == [one.id for one in made[-5:]]
    assert shop.book.event(events[2].id) == events[2]
    assert [
        json.loads(bytes(row))["id"] for row in shop.book.event_page(after=events[1].id, limit=2).data
    ] == [
        events[2].id,
        events[3].id,
    ]
    assert shop.book.events_since(shop.book.newest_event() - 1) == events[-1:]


@pytest.mark.parametrize(
    "fields",
    [
        {"unit_amount": -1},
        {"unit_amount": 1.5},
        {"unit_amount": True},
        {"unit_amount": "100"},
        {"unit_amount": 10**12 + 1},
        {"currency": "usd"},
        {"currency": "XXX"},
        {"currency": "USD\n"},
        {"interval": "fortnight"},
        {"interval_count": 0},
        {"product_name": ""},
        {"product_name": "a\x00b"},
        {"metadata": {"k": "v" * 501}},
        {"metadata": {"k" * 41: "v"}},
        {"metadata": {str(number): "v" for number in range(51)}},
        {"surprise": 1},
    ],
)
def test_prices_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    shop = Shop()
    body = {"product_name": "App", "unit_amount": 100, "currency": "USD", **fields}
    with pytest.raises(Refusal) as refused:
        making.make_price(shop.book, read(json.dumps(body).encode(), MakePrice))
    assert refused.value.status == 400
    assert list(shop.book.all(Price)) == []


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//evil.example",
        "/thanks",
        "https:evil",
        "ftp://shop.example/",
        "http://user@shop.example/",
        "http://shop.example\\@evil.example/",
        "http://evil;script-src/",
        "http://shop.example/a b",
        "http://shop.example/\n",
        "http://",
        "http://[::1",
    ],
)
def test_t05_addresses_that_are_no_web_pages_are_refused(url: str) -> None:
    shop = Shop()
    price, safe = shop.price(), "http://127.0.0.1/"
    shop.session(price)
    for success_url, cancel_url in ((url, safe), (safe, url)):
        request = MakeSession("subscription", price.id, success_url, cancel_url, customer=shop.customer)
        with pytest.raises(Refusal, match="address"):
            checkout.open_session(shop.book, request, "http://127.0.0.1/checkout/")
    with pytest.raises(Refusal, match="address"):
        making.make_portal(
            shop.book, MakePortalSession(customer=shop.customer, return_url=url), "http://127.0.0.1/portal/"
        )
