"""From what the console shows to the provider's own page of it, and never anywhere else."""

from __future__ import annotations

import re
from html import unescape
from unittest.mock import patch
from urllib.parse import quote

import pytest

from purchase_core.facts.rows import ROW_TYPES, SubscriptionRow
from purchase_core.operations.passes import OBJECTS
from purchase_sandbox.account.objects import Invoice
from purchase_sandbox.adapter import SandboxProvider
from tests.console.desk import HERE, WHY, Desk, desk_of, form_in
from tests.console.scene import HOSTILE, delivery, in_trouble, keep, paid_twice
from tests.faults.shop import Shop, run
from tests.importing.before import Before
from tests.importing.before import catalog as past_catalog
from tests.operations.misreading import blind
from tests.rollout.street import Street
from tests.rollout.street import run as on_street

LOT = re.compile(r"\blot:[^\s<\"]+")  # the key of a lot is ours, though it is made of their ids
DASHBOARD = "https://dashboard.example"
ANA = "customer:ana"
OUTWARD = re.compile(r'<a href="([^"]+)" target="_blank" rel="noreferrer noopener"[^>]*>')


def shown(_provider: SandboxProvider, kind: str, provider_id: str) -> str:
    """A dashboard that has a page of everything."""
    return f"{DASHBOARD}/{kind}/{quote(provider_id, safe='')}"


def mine(held: SubscriptionRow) -> str:
    """The page of a subscription."""
    return f"{DASHBOARD}/subscription/{held.provider_id}"


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
            its_page = mine(held)
            with patch.object(SandboxProvider, "page_url", shown):
                assert its_page in await links_at(desk, HERE)
                provenance = await links_at(desk, f"{WHY}?key={quote(held.key)}")
                assert {its_page, f"{DASHBOARD}/customer/{held.provider_customer}"} <= provenance
                assert its_page in await links_at(desk, f"/receipts/{checkout.receipt}")
                assert await links_at(desk, f"/inbox/{arrived.id}") == {
                    f"{DASHBOARD}/event/{arrived.event_id}",
                    f"{DASHBOARD}/invoice/{arrived.object.split(':')[2]}",
                }
            assert await links_at(desk, HERE) == set()  # the sandbox has no dashboard

    run(work)


async def ids_at_the_provider(shop: Shop) -> set[str]:
    """Every id of the provider's that is kept here, but for events: those are named where they are shown."""
    store = shop.billing.store
    rows = [row for table in ROW_TYPES for row in await store.rows(table)]
    found = {
        getattr(row, name, "") for row in rows for name in ("provider_id", "provider_customer", "session")
    }
    return found - {""}


async def unlinked(shop: Shop, page: str) -> set[str]:
    """Ids that a page shows, and leads to no page of."""
    linked = {unescape(one).rpartition("/")[2] for one in OUTWARD.findall(page)}
    told = LOT.sub("", unescape(OUTWARD.sub("", page)))
    return {one for one in await ids_at_the_provider(shop) if one in told} - linked


def test_no_page_shows_an_id_of_the_providers_without_a_link_to_it() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            await in_trouble(shop)
            checkout = await shop.sold("another", customer="ben")
            case, *_ = await shop.billing.cases.list()
            rows = [row for table in ROW_TYPES for row in await shop.billing.store.rows(table, lane=ANA)]
            arrived = [one.id for one in shop.memory.deliveries.values() if one.connection == "sandbox"]
            paths = [
                "/", "/inbox", "/quarantine", "/cases", "/receipts", "/routing", "/catalog", "/runs",
                "/doctor", "/doctor?look=truth", HERE, f"{HERE}?feature=export",
                f"/receipts/{checkout.receipt}", f"/routing/{checkout.receipt}", "/catalog/sandbox",
                f"/cases/case?case={quote(case.key)}",
                *(f"{WHY}?key={quote(row.key)}" for row in rows),
                *(f"/inbox/{one}" for one in arrived),
            ]  # fmt: skip
            with patch.object(SandboxProvider, "page_url", shown):
                shows = {path: await unlinked(shop, await desk.get(path)) for path in paths}
                listed = {path: await links_at(desk, path) for path in ("/inbox", "/cases", "/receipts")}
        assert {path: ids for path, ids in shows.items() if ids} == {}
        assert all(listed.values()), listed

    run(work)


def test_what_is_compared_with_a_provider_leads_to_it() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            with blind("invoice"):
                await shop.sold()
            (held,) = await shop.billing.subscriptions.list("ana")
            del shop.memory.rows[SubscriptionRow, held.key]
            shop.advance(seconds=120)
            token = form_in(await desk.get("/runs"), "/runs/reconcile")
            bill = f"{DASHBOARD}/invoice/{shop.made(Invoice)[0].id}"
            expected = {"/runs/reconcile": bill, "/replay": bill, "/rebuild": mine(held)}
            with patch.object(SandboxProvider, "page_url", shown):
                for action, url in expected.items():
                    told = (await desk.post(action, {**token, "kind": OBJECTS}, 200)).text
                    assert url in OUTWARD.findall(told), action
                    assert await unlinked(shop, told) == set(), action

    run(work)


def test_who_is_doubtful_leads_to_them_at_the_provider() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        await past.make(("ana",))
        async with (
            street.opening(past_catalog()) as billing,
            desk_of(billing) as desk,
        ):
            fields = form_in(await desk.get("/import"), "/import/plan")
            with patch.object(SandboxProvider, "page_url", shown):
                page = (await desk.post("/import/plan", fields, 200)).text
            assert f"{DASHBOARD}/customer/{past.theirs['ana']}" in OUTWARD.findall(page)
            assert f"{DASHBOARD}/price/" in page

    on_street(work, ["sandbox"])


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
