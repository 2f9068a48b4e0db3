"""From what the console shows to the provider's own page of it, and never anywhere else."""

from __future__ import annotations

import re
from html import unescape
from unittest.mock import patch
from urllib.parse import quote

import pytest

from purchase_sandbox.adapter import SandboxProvider
from tests.console.desk import HERE, WHY, Desk, desk_of
from tests.console.scene import HOSTILE, delivery, keep, paid_twice
from tests.faults.shop import Shop, run

DASHBOARD = "https://dashboard.example"
OUTWARD = re.compile(r'<a href="([^"]+)" target="_blank" rel="noreferrer noopener"[^>]*>')


def shown(_provider: SandboxProvider, kind: str, provider_id: str) -> str:
    """A dashboard that has a page of everything."""
    return f"{DASHBOARD}/{kind}/{quote(provider_id, safe='')}"


async def links_at(desk: Desk, path: str) -> set[str]:
    """Where a page leads to outside of the console; each link opens apart, and tells nothing of us."""
    page = await desk.get(path)
    outward = {unescape(one) for one in OUTWARD.findall(page)}
    assert page.count('target="_blank"') == len(OUTWARD.findall(page))
    return outward


def test_what_is_a_providers_has_a_link_to_the_providers_page() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            checkout = await shop.sold()
            (held,) = await shop.billing.subscriptions.list("ana")
            (arrived, *_) = [one for one in shop.memory.deliveries.values() if "invoice" in one.event_type]
            mine = f"{DASHBOARD}/subscription/{held.provider_id}"
            with patch.object(SandboxProvider, "page_url", shown):
                assert mine in await links_at(desk, HERE)
                provenance = await links_at(desk, f"{WHY}?key={quote(held.key)}")
                assert {mine, f"{DASHBOARD}/customer/{held.provider_customer}"} <= provenance
                assert mine in await links_at(desk, f"/receipts/{checkout.receipt}")
                assert await links_at(desk, f"/inbox/{arrived.id}") == {
                    f"{DASHBOARD}/event/{arrived.event_id}",
                    f"{DASHBOARD}/invoice/{arrived.object.split(':')[2]}",
                }
            assert await links_at(desk, HERE) == set()  # the sandbox has no dashboard

    run(work)


def test_a_case_links_to_what_it_is_about() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            await paid_twice(shop)
            case, *_ = await shop.billing.cases.list()
            kind, _, provider_id = case.about.split(":")
            with patch.object(SandboxProvider, "page_url", shown):
                links = await links_at(desk, f"/cases/case?case={quote(case.key)}")
            assert f"{DASHBOARD}/{kind}/{provider_id}" in links

    run(work)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://evil.example/", "//evil.example", " https://x"]
)
def test_what_is_no_address_over_https_is_no_link(url: str) -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            await shop.sold()
            with patch.object(SandboxProvider, "page_url", lambda *_: url):
                assert await links_at(desk, HERE) == set()

    run(work)


def test_a_hostile_id_stays_text() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            now = shop.billing.clock.now()
            ours = delivery(1, now, "done", event_id=HOSTILE, object=f"invoice:sandbox:{HOSTILE}")
            other = delivery(2, now, "done", connection="gone", object="invoice:gone:in_1")
            await keep(shop, [ours, other])
            with patch.object(SandboxProvider, "page_url", lambda *given: f"{DASHBOARD}/{given[2]}"):
                assert await links_at(desk, f"/inbox/{ours.id}") == {f"{DASHBOARD}/{HOSTILE}"}
                assert "<img" not in await desk.get(f"/inbox/{ours.id}")
                assert await links_at(desk, f"/inbox/{other.id}") == set()

    run(work)
