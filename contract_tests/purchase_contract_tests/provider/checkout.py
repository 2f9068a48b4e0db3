"""Checkouts: opened once for a key, found by our reference, and made unpayable where that is declared."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs
import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import IDEMPOTENCY_KEYS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import (
    a_wish,
    only,
    open_sale,
    prepare,
    registers,
    states,
    told,
)
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import SessionSeen
from purchase_core.ports.provider import AsgiApp, Capability
from purchase_core.ports.provider.pages import Message

OK = 200
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@attrs.frozen
class Current:
    """One attempt is the current one."""

    attempt: str

    async def is_current(self, attempt: str) -> bool:
        return attempt == self.attempt


async def visited(page: AsgiApp, url: str) -> int:
    """The status of a page, as a browser that follows nothing sees it."""
    answered: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    parts = urlsplit(url)
    scope = {"type": "http", "method": "GET", "path": parts.path, "query_string": parts.query.encode()}
    await page({**scope, "headers": []}, receive, send)
    return answered[0]


def assert_safe(url: str) -> None:
    """A page that a buyer may be sent to."""
    parts = urlsplit(url)
    assert parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK), url
    assert parts.hostname
    assert not parts.username


class Checkouts(ProviderPromises):
    """`create_checkout`, `find_checkout` and `expire_checkout`."""

    @promise
    async def an_open_checkout_has_a_page_and_an_end(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        assert_safe(sale.checkout.url)
        assert sale.checkout.expires_at is None or sale.checkout.expires_at > bench.now()
        session = only(states(sale.checkout.facts, SessionSeen))
        assert (session.id, session.status, session.payment) == (sale.checkout.id, "open", "unpaid")
        assert (session.intent, session.customer) == ("intent_1", sale.request.customer)

    @promise
    async def a_page_of_the_applications_shows_the_current_attempt_alone(self, bench: ProviderBench) -> None:
        """Where the application carries the checkout. A page that the provider hosts is not its business."""
        sale = await open_sale(bench)
        for current, status in ((sale.wish.reference.attempt, True), ("attempt_9", False)):
            page = bench.provider.checkout_page(Current(current))
            if page is not None:
                assert (await visited(page, sale.checkout.url) == OK) is status, current

    @promise
    async def two_checkouts_are_two(self, bench: ProviderBench) -> None:
        one, two = await open_sale(bench, a_wish(bench, 1)), await open_sale(bench, a_wish(bench, 2))
        assert one.checkout.id != two.checkout.id
        assert one.checkout.url != two.checkout.url

    @requires(IDEMPOTENCY_KEYS)
    @promise
    async def f38_the_same_key_opens_the_same_checkout(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        again = await bench.provider.create_checkout(sale.request, key="checkout:1")
        assert (again.id, again.url) == (sale.checkout.id, sale.checkout.url)

    @requires(IDEMPOTENCY_KEYS)
    @promise
    async def f37_the_same_key_with_another_request_is_refused(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        reference = replace(sale.request.reference, attempt="attempt_2")
        other = attrs.evolve(sale.request, success_url="http://127.0.0.1/other", reference=reference)
        with pytest.raises(ProviderRefused):
            await bench.provider.create_checkout(other, key="checkout:1")
        assert await bench.provider.find_checkout("attempt_2") is None

    @promise
    async def a_checkout_is_found_by_our_attempt(self, bench: ProviderBench) -> None:
        sale, other = await open_sale(bench, a_wish(bench, 1)), await open_sale(bench, a_wish(bench, 2))
        for one in (sale, other):
            found = await bench.provider.find_checkout(one.wish.reference.attempt)
            assert found is not None
            assert (found.id, found.url) == (one.checkout.id, one.checkout.url)
            assert only(states(found.facts, SessionSeen)).intent == one.wish.reference.intent
        assert await bench.provider.find_checkout("attempt_3") is None

    @promise
    async def t10_another_project_does_not_find_it(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        assert await bench.neighbour.find_checkout(sale.wish.reference.attempt) is None

    @promise
    async def a_price_that_does_not_exist_cannot_be_sold(self, bench: ProviderBench) -> None:
        request = attrs.evolve(await prepare(bench.provider, a_wish(bench)), price="price_unknown")
        with pytest.raises(ProviderRefused):
            await bench.provider.create_checkout(request, key="checkout:9")

    @requires(Capability.EXPIRE_CHECKOUT)
    @promise
    async def f45_an_expired_checkout_cannot_be_paid(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        facts = await bench.provider.expire_checkout(sale.checkout.id, key="expire:1")
        assert only(states(facts, SessionSeen)).status == "expired"
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the bench raises when a page takes no money
            await bench.pay(sale.checkout)
        everything = registers([*sale.checkout.facts, *facts, *await told(bench)])
        session = everything[f"session:{bench.provider.connection.name}:{sale.checkout.id}"]
        assert isinstance(session.newest.body, SessionSeen)
        assert (session.newest.body.status, session.newest.final) == ("expired", True)

    @requires(Capability.EXPIRE_CHECKOUT)
    @promise
    async def f45_a_paid_checkout_cannot_be_expired(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        await bench.pay(sale.checkout)
        with pytest.raises(ProviderRefused):
            await bench.provider.expire_checkout(sale.checkout.id, key="expire:1")
