"""What the pages show."""

from __future__ import annotations

import re
from html import unescape
from unittest.mock import AsyncMock, patch

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

import purchase_console.glance
from purchase_console.pages.inbox import SCANNED_ROWS, SHOWN_ROWS
from purchase_core.facts.rows import IntentRow
from purchase_core.instants import MINUTE, Instant
from purchase_core.ports.batch import Batch
from tests.console.desk import desk_of, troubled
from tests.faults.shop import Shop, run


def test_the_overview_says_how_it_stands_and_what_waits_money_first() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            page = await desk.get("/")
            for told in (
                "<strong>9</strong> pending",
                "<strong>16</strong> quarantined",
                "3 causes",
                "<strong>2</strong> open cases",
                "10.00 EUR",
                "the oldest for 2 hours",
                "20 ignored",
                "sandbox</span>",
                "100%: 1 placed, 1 paid",
            ):
                assert told in page, told
            assert page.index("a second payment for one intent") < page.index("malformed_body: $.data")
            part = await desk.get("/now")
            assert "<html" not in part
            assert "<strong>9</strong> pending" in part

    run(work)


def test_where_more_waits_than_is_counted_the_overview_says_so() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            counted = AsyncMock(wraps=shop.billing.store.tallies)
            with (
                patch.object(purchase_console.glance, "WAITING_MAX", 2),
                patch.object(shop.billing.store, "tallies", counted),
            ):
                page = await desk.get("/")
            for told in (
                "<strong>2+</strong> pending",
                "the oldest for 2 hours or more",
                "<strong>2+</strong> quarantined",
                " or more</span>",
            ):
                assert told in page, told
            (asked,) = counted.await_args_list
            assert asked.kwargs["limit"] == 2
            assert not {"abandoned", "commands", "mailboxes"} & set(asked.kwargs["of"]), "shown by no tile"

    run(work)


def test_the_shares_are_of_the_newest_checkouts() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            now = shop.clock.now()
            places = (("a", "acme", 1), ("b", "other", 9), ("c", "other", 8), ("d", "acme", 2))
            rows = tuple(
                IntentRow(
                    f"intent:purchase:{key}", "customer:ana", key, "ana", "app:pro", "v1", "app", 1, 100,
                    "EUR", 0, "open", "", connection, "", Instant(now - minutes * MINUTE),
                )
                for key, connection, minutes in places
            )  # fmt: skip
            await shop.billing.store.commit(Batch("batch_1", now, rows=rows))
            with patch.object(purchase_console.glance, "CHECKOUTS_MAX", 3):
                page = await desk.get("/")
            assert "67%: 2 placed, 0 paid" in page
            assert "33%: 1 placed, 0 paid" in page

    run(work)


def test_an_empty_console_says_what_to_do_next() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            told = {
                "/": "Nothing waits for you.",
                "/inbox": "Has the provider been told where to send them?",
                "/quarantine": "Nothing is quarantined",
                "/cases": "all money is as it was ordered",
            }
            for path, text in told.items():
                assert text in await desk.get(path), path

    run(work)


def test_the_inbox_is_read_in_pages_by_state_connection_and_type() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            found = await shop.billing.webhooks.list(state="done", limit=1_000)
            expected = [one.id for one in found if "invoice.p" in one.event_type]
            page, seen = await desk.get("/inbox?state=done&connection=sandbox&type=invoice.p"), 0
            while True:
                seen += page.count("data-row")
                if 'rel="next"' not in page:
                    break
                page = await desk.get(
                    page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
                )
            assert seen == len(expected) > 100
            assert "No such deliveries" in await desk.get("/inbox?state=done&type=unheard.of")
            assert (await desk.get("/inbox?state=made-up")).count("data-row") == 50

    run(work)


def test_what_is_done_is_looked_for_among_so_many_however_much_waits() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            listed = AsyncMock(wraps=shop.billing.store.deliveries)
            with patch.object(shop.billing.store, "deliveries", listed):
                assert (await desk.get("/inbox?state=done")).count("data-row") == 50
                assert (await desk.get("/inbox?state=ignored")).count("data-row") == 20
            asked = [(one.kwargs["state"], one.kwargs["limit"]) for one in listed.await_args_list]
            assert asked == [("", SCANNED_ROWS), ("ignored", SHOWN_ROWS)]

    run(work)


def test_it_can_be_mounted_below_a_path() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            app = Starlette(routes=[Mount("/admin", shop.billing.console(auth=desk.auth))])
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="https://a.example"
            ) as client:
                page = (await client.get("/admin/")).text
                assert 'href="/admin/inbox"' in page
                answer = await client.get("/admin/static/console.css")
                assert answer.status_code == 200
                assert "path=/admin" in (await client.get("/admin/inbox")).headers["set-cookie"].lower()

    run(work)


def test_mounted_below_a_path_every_link_and_form_of_every_page_stays_there_and_leads_somewhere() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            app = Starlette(routes=[Mount("/admin", shop.billing.console(auth=desk.auth))])
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="https://a.example") as client:
                asked, waiting = set[str](), ["/admin/"]
                while waiting:
                    if (path := waiting.pop()) in asked:
                        continue
                    asked.add(path)
                    answer = await client.get(path, follow_redirects=True)
                    assert answer.status_code == 200, path
                    named = [one.partition("#")[0] for one in addresses(answer.text)]
                    ours = [one for one in named if one.startswith("/")]
                    assert [one for one in ours if not one.startswith("/admin/")] == [], path
                    posted = set(re.findall(r'method="post" action="([^"]+)"', answer.text))
                    waiting += [one for one in ours if one not in posted]
        assert {"/admin/customers/of/ana", "/admin/cases", "/admin/doctor"} <= asked
        assert any(one.startswith("/admin/customers/of/ana?at=") for one in asked)

    run(work)


def addresses(page: str) -> list[str]:
    """Everything that a page of HTML leads to."""
    return [unescape(one) for one in re.findall(r'(?:href|src|action|hx-get)="([^"]+)"', page)]
