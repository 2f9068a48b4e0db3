"""The page of a customer: found by any id, what they have and why, and where each field comes from."""

from __future__ import annotations

import re
from urllib.parse import quote

from msgspec.structs import replace

from purchase_core.console import Role
from purchase_core.facts.rows import Row
from purchase_core.instants import SECOND, Instant
from purchase_core.reads.provenance import provenance
from purchase_core.reads.search import Hit
from tests.console.desk import HERE, WHY, desk_of, form_in, words
from tests.faults.shop import Shop, run


def test_a_customer_is_found_by_any_id() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            checkout = await shop.sold()
            (held,) = await shop.billing.subscriptions.list("ana")
            (delivery, *_) = [one for one in shop.memory.deliveries.values() if "invoice" in one.event_type]
            known = {
                "ana": "customer",
                held.provider_id: held.key,
                held.key: held.key,
                held.provider_customer: f"customer:sandbox:{held.provider_customer}",
                checkout.receipt: f"intent:own:{checkout.id}",
                checkout.id: f"intent:own:{checkout.id}",
                delivery.id: delivery.object,
            }
            for text, by in known.items():
                assert list(await shop.billing.search.customers(f" {text} ")) == [Hit("ana", by)]
                answer = await desk.client.get("/customers", params={"q": text})
                assert (answer.status_code, answer.headers["location"]) == (303, HERE)
            assert await shop.billing.search.customers("an") == []
            assert "Nobody is known by that" in await desk.get("/customers?q=sub_unknown")
            assert await shop.billing.search.customers("  ") == ()

    run(work)


def test_what_they_have_and_why() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            await shop.sold()
            page = await desk.get(f"{HERE}?feature=export")
            (held,) = await shop.billing.subscriptions.list("ana")
            for told in ("export: yes", "active", held.provider_id[-8:], "set out to buy 1 x app:pro"):
                assert told in words(page), told
            assert f'href="{WHY}?key={quote(held.key, safe="/")}"'.replace(":", "%3A") in page
            assert "export: no" in words(await desk.get("/customers/of/nobody?feature=export"))

    run(work)


def test_each_field_says_which_fact_and_delivery_it_comes_from() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            await shop.sold()
            (held,) = await shop.billing.subscriptions.list("ana")
            (bill,) = await shop.billing.invoices.list("ana")
            rows: tuple[tuple[Row, str], ...] = ((held, "bound"), (bill, "match"))
            for row, made in rows:
                facts = await shop.billing.store.facts_about(row.root)
                sources = {one.column: one for one in provenance(row, facts)}
                assert sources["status"].fact.startswith(f"{row.key}@")
                assert sources["status"].cause in shop.memory.deliveries
                for column in ("connection", "provider_id", "provider_customer", "currency", "seen_at"):
                    assert sources[column].fact == sources["status"].fact, column
                assert (sources[made].fact, sources[made].cause) == ("", ""), "the fold says so, and no fact"
                page = await desk.get(f"{WHY}?key={row.key}")
                assert f'/inbox/{sources["status"].cause}"' in page
            await desk.get(f"{WHY}?key=subscription:sandbox:other", 404)
            await desk.get(f"/customers/why/ben?key={bill.key}", 404)

    run(work)


def test_as_of_any_time_what_was_true_and_what_we_knew() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            begun = shop.clock.now() // SECOND
            await shop.buy()
            shop.advance(seconds=600)
            late = shop.webhooks()
            await shop.deliver(late)
            between = begun + 300
            assert "active" in words(await desk.get(HERE))
            true = words(await desk.get(f"{HERE}?at={between}&mode=true"))
            knew = words(await desk.get(f"{HERE}?at={between}&mode=knew"))
            assert "first bill" in true.split("What happened")[0]
            assert "first bill" not in knew.split("What happened")[0]
            assert "--known-at 2026-09-21T" in knew
            page = await desk.get(f"{HERE}?place=1&mode=knew")
            (last,) = re.findall(r'type="range".*? max="(\d+)"', page)
            assert int(last) > 1
            assert "first bill" not in words(page).split("What happened")[0]
            assert "Now, version" in words(await desk.get(f"{HERE}?place={last}"))
            await desk.get(f"{HERE}?at=yesterday", 400)

    run(work)


def test_giving_back_needs_its_role_and_is_said_to_be_whose() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            (bill,) = await shop.billing.invoices.list("ana")
            action = "/customers/give-back/ana"
            async with desk_of(shop.billing, {Role.VIEW}) as desk:
                page = await desk.get(HERE)
                assert "Give back" not in page
                token = {
                    "token": desk.client.cookies["purchase_console"],
                    "invoice": bill.key,
                    "because": "x",
                }
                await desk.post(action, token, 403)
            async with desk_of(shop.billing, recent=False) as desk:
                await desk.post(action, {**form_in(await desk.get(HERE), action), "reason": "asked"}, 403)
            async with desk_of(shop.billing, {Role.VIEW, Role.REFUND}, name="olga") as desk:
                fields = {**form_in(await desk.get(HERE), action), "reason": "asked for"}
                await desk.post(action, fields, 403, origin="https://evil.example")
                answer = await desk.post(action, fields)
                await shop.deliver()
                page = words(await desk.get(answer.headers["location"]))
                assert "Give back: 1" in page
                (deed,) = [one for one in shop.memory.runs.values() if one.kind == "by-hand-give-back"]
                assert deed.note.startswith("olga: asked for (saw ")
                again = await desk.post(action, fields)
                assert again.headers["location"] == answer.headers["location"], "sent twice, done once"
                stale = await desk.post(action, {**fields, "key": "run_2"}, 400)
                assert "something else is left" in words(stale.text)
                (bill,) = await shop.billing.invoices.list("ana")
                assert bill.refunded == bill.paid
                assert "Give back" not in await desk.get(HERE)

    run(work)


def test_however_much_there_is_a_page_shows_the_newest_of_it() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            await shop.sold()
            (bill,) = await shop.billing.invoices.list("ana")
            for number in range(500):
                key = f"{bill.key}_{number:03}"
                shop.memory.rows[type(bill), key] = replace(
                    bill, key=key, provider_id=f"in_{number:03}", paid_at=Instant(bill.seen_at + number)
                )
            page = words(await desk.get(HERE))
            assert page.count("first bill, sandbox") == 20
            assert "Invoices and more: purchase invoices list ana" in page

    run(work)


def test_a_replay_is_shown_and_changes_nothing() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            before = (dict(shop.memory.rows), dict(shop.memory.runs))
            async with desk_of(shop.billing, {Role.VIEW}) as desk:
                assert "/replay" not in await desk.get(HERE)
            async with desk_of(shop.billing, {Role.VIEW, Role.REPLAY}) as desk:
                answer = await desk.post("/replay", form_in(await desk.get(HERE), "/replay"), 200)
                assert "0 of" in words(answer.text)
                assert "purchase replay --customer ana" in answer.text
            assert (shop.memory.rows, shop.memory.runs) == before

    run(work)


def test_t09_what_others_wrote_is_text() -> None:
    evil = "<script>alert(1)</script>"

    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            await shop.sold(customer=evil)
            for path in (
                f"/customers/of/{quote(evil, safe='')}?feature={quote(evil)}",
                f"/customers?q={quote('no' + evil)}",
                "/receipts",
                "/routing",
            ):
                page = await desk.get(path)
                assert "<script>alert" not in page
                assert "&lt;script&gt;" in page

    run(work)
