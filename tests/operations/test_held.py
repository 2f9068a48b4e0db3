"""What is held here and not there: links that were lost, claims that contradict them, and what vanished."""

from __future__ import annotations

import httpx
import pytest
from msgspec.structs import replace

from purchase_core.billing import Billing
from purchase_core.errors import (
    AuthenticationFailed,
    NotFound,
    ProviderRefused,
    UnknownConnection,
    WrongState,
)
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.operations import held
from purchase_core.operations.attention import Item
from purchase_core.operations.passes import CUSTOMERS, HELD, PASSES, Found
from purchase_core.ports.provider import CustomerRequest, Fetched, ObjectPage
from purchase_core.records.run import FINISHED, RUNNING
from purchase_core.testing.bench import problems
from purchase_sandbox.account import subscriptions as sandbox_subscriptions
from purchase_simulators.paddle import customers as paddle_customers
from purchase_simulators.paddle import requests as paddle_requests
from tests.rollout.changing import sold
from tests.rollout.street import ENVIRON, PROVIDERS, Street, run


async def looked(
    billing: Billing, name: str, kind: str, *, repair: bool = False
) -> tuple[list[Found], dict[str, int]]:
    """A pass to its end: what was found, and the counts."""
    last = await billing.reconcile.start(name, kind, repair=repair)
    found: list[Found] = []
    async for noted, some in billing.reconcile.run(last):
        last, found = noted, found + some
    assert last.state == FINISHED
    return found, {what: count for what, count in last.counts.items() if count}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_customers_that_were_made_and_never_linked_are_found_and_linked(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            await street.buy(billing, "app:pro")
            assert await looked(billing, provider, CUSTOMERS) == ([], {"same": 1})
            connection = billing.connections[provider]
            # An answer that was lost: the customer is there, and nobody has noted it.
            await billing.customers.upsert("ben", email="ben@example.com")
            made = await connection.ensure_customer(CustomerRequest("ben", "ben@example.com"), key="ben")
            await connection.ensure_customer(CustomerRequest("who", "who@example.com"), key="who")
            (shown,), counts = await looked(billing, provider, CUSTOMERS)
            assert (shown.what, shown.about) == ("missing", f"customer:{provider}:{made}")
            assert counts == {"same": 1, "missing": 1, "foreign": 1}, "nobody who is unknown is believed"
            assert not await billing.store.references_of("customer:ben", "customer")
            await looked(billing, provider, CUSTOMERS, repair=True)
            (link,) = await billing.store.references_of("customer:ben", "customer")
            assert link.object == f"customer:{provider}:{made}"
            assert await looked(billing, provider, CUSTOMERS) == ([], {"same": 2, "foreign": 1})
            references = street.memory.database.references
            references[link.object] = replace(link, lane="customer:ana")
            (shown,), _ = await looked(billing, provider, CUSTOMERS, repair=True)
            assert shown.what == "differs"
            assert references[link.object].lane == "customer:ana", "a link is never taken away"

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_subscription_that_the_provider_does_not_know_is_told_and_keeps_its_rights(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            await street.buy(billing, "app:pro")
            assert await looked(billing, provider, HELD) == ([], {"same": 1})
            (row,) = await street.subscriptions(billing)
            rows = street.memory.database.rows
            lost = replace(row, key=f"{row.key}x", provider_id=f"{row.provider_id}x")
            ended = replace(lost, key=f"{row.key}y", status="canceled")
            elsewhere = replace(lost, key=f"{row.key}z", connection="another")
            for one in (lost, ended, elsewhere):
                rows[SubscriptionRow, one.key] = one
            (found,), counts = await looked(billing, provider, HELD, repair=True)
            assert (found.what, found.about) == ("vanished", lost.key)
            assert "ana's, active here" in found.reason
            assert counts == {"same": 1, "vanished": 1}
            assert rows[SubscriptionRow, lost.key] == lost
            for one in (lost, ended, elsewhere):
                del rows[SubscriptionRow, one.key]
            assert list(problems(street.memory.database, now=street.clock.now())) == []

    run(work, [provider])


def test_a_key_that_is_refused_proves_no_absence_and_a_pass_goes_on_where_it_was() -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            for number in range(3):
                await street.buy(billing, "app:pro", f"cart-{number}", f"user_{number}")
            connection = billing.connections["sandbox"]
            connection.objects = nothing_listed  # type: ignore[method-assign,assignment]
            original, asked = connection.fetch, []

            async def refused(kind: str, object_id: str) -> object:
                asked.append(object_id)
                if len(asked) == 2:
                    raise AuthenticationFailed("no")
                return await original(kind, object_id)

            connection.fetch = refused  # type: ignore[method-assign,assignment]
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(held, "ASKED_PER_PAGE", 1)
                begun = await billing.reconcile.start("sandbox", HELD, repair=True)
                with pytest.raises(AuthenticationFailed):
                    async for _ in billing.reconcile.run(begun):
                        pass
                last = await billing.reconcile.resumed(begun.id)
                async for noted, found in billing.reconcile.run(last):
                    last = noted
                    assert found == []
            assert (last.state, last.counts["same"]) == (FINISHED, 3)
            assert len(asked) == 4, "nothing is asked twice but what failed"
            with pytest.raises(WrongState):
                await billing.reconcile.resumed(begun.id)
            with pytest.raises(NotFound):
                await billing.reconcile.resumed("run_none")
            with pytest.raises(UnknownConnection):
                await billing.reconcile.start("nowhere", HELD, repair=False)

    run(work, ["sandbox"])


async def nothing_listed(_kind: str, *, cursor: str) -> ObjectPage:
    assert not cursor
    return ObjectPage((), "")


def test_what_a_list_shows_is_not_asked_for_again() -> None:
    """Requests: a page of the list for so many, and one for each that it does not show."""

    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            for number in range(7):
                await street.buy(billing, "app:pro", f"cart-{number}", f"user_{number}")
            lost = await vanished(street, billing)
            connection = billing.connections["sandbox"]
            lists, fetches, listing, fetching = [], [], connection.objects, connection.fetch

            async def objects(kind: str, *, cursor: str) -> ObjectPage:
                lists.append(cursor)
                return await listing(kind, cursor=cursor, limit=3)

            async def fetch(kind: str, object_id: str) -> Fetched:
                fetches.append((kind, object_id))
                return await fetching(kind, object_id)

            connection.objects, connection.fetch = objects, fetch  # type: ignore[method-assign,assignment]
            found, counts = await looked(billing, "sandbox", HELD)
            assert [one.about for one in found] == [lost.key]
            assert counts == {"same": 7, "vanished": 1}
            assert (len(lists), fetches) == (3, [("subscription", lost.provider_id)])
            assert not billing.reconcile._held._listed, "a pass that ended is forgotten"
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(held, "LISTED_MAX", 5)
                assert (await looked(billing, "sandbox", HELD))[1] == counts
            assert len(fetches) == 1 + 3, "what is not remembered is asked for"

    run(work, ["sandbox"])


async def vanished(street: Street, billing: Billing) -> SubscriptionRow:
    """A subscription that is live here, and that no provider has."""
    row = (await street.subscriptions(billing))[0]
    lost = replace(row, key=f"{row.key}x", provider_id=f"{row.provider_id}x")
    street.memory.database.rows[SubscriptionRow, lost.key] = lost
    return lost


async def worked(billing: Billing) -> None:
    await billing.worker().once(lambda task, count: None)


async def left(billing: Billing) -> list[Item]:
    """What passes leave to a person; cases are of one second's order, and end by themselves."""
    return [one for one in await billing.attention.list() if one.kind != "case"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_worker_tells_what_vanished_until_a_pass_finds_it_no_more(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            await street.buy(billing, "app:pro")
            await worked(billing)
            runs = street.memory.database.runs
            allowed = billing.reconcile.passes(provider)
            assert {CUSTOMERS, HELD} < set(allowed) <= set(PASSES)
            assert sorted(one.kind for one in runs.values()) == sorted(allowed)
            assert await left(billing) == []
            lost = await vanished(street, billing)
            await worked(billing)
            assert await left(billing) == [], "no pass was due"
            street.clock.advance(days=1)
            await worked(billing)
            first = street.clock.now()
            street.clock.advance(days=1)
            await worked(billing)
            (item,) = await left(billing)
            assert (item.kind, item.about, item.count) == ("vanished", provider, 1)
            assert (item.since, item.next) == (first, f"purchase reconcile {provider}")
            kept = street.memory.database.rows.pop((SubscriptionRow, lost.key))
            assert kept == lost, "a worker took nothing away"
            street.clock.advance(days=1)
            await worked(billing)
            assert await left(billing) == []

    run(work, [provider])


def test_what_vanished_is_believed_of_whole_passes_over_connections_that_are_configured() -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            await street.buy(billing, "app:pro")
            await vanished(street, billing)
            await looked(billing, "sandbox", HELD)
            assert street.memory.database.runs == {}, "who only looks notes nothing"
            assert await left(billing) == []
            await looked(billing, "sandbox", HELD, repair=True)
            (noted,) = street.memory.database.runs.values()
            (item,) = await left(billing)
            others = (
                replace(noted, id=f"{noted.id}x", state=RUNNING, counts={"same": 1}),
                replace(noted, id=f"{noted.id}y", scope="gone", counts={"vanished": 7}),
                replace(noted, id=f"{noted.id}z", kind=CUSTOMERS, counts={"differs": 2}),
            )
            street.memory.database.runs.update({one.id: one for one in others})
            told = sorted((one.kind, one.about, one.count) for one in await left(billing))
            assert told == [("link", "sandbox", 2), ("vanished", "sandbox", 1)]
            assert item in await left(billing)

    run(work, ["sandbox"])


def test_a_worker_asks_for_a_few_subscriptions_a_turn_and_believes_no_refused_key() -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            for number in range(3):
                await street.buy(billing, "app:pro", f"cart-{number}", f"user_{number}")
            connection = billing.connections["sandbox"]
            original, asked = connection.fetch, []
            await billing._reconcile_schedule.turn()  # one page of each pass: of this one, the list
            billing.reconcile._held._listed.clear()  # another process goes on, and has seen no list

            async def counted(kind: str, object_id: str) -> object:
                asked.append(object_id)
                if len(asked) == 3:
                    raise AuthenticationFailed("no")
                return await original(kind, object_id)

            connection.fetch = counted  # type: ignore[method-assign,assignment]
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(held, "ASKED_PER_PAGE", 2)
                await billing._reconcile_schedule.turn()
                assert len(asked) == 2
                with pytest.raises(AuthenticationFailed):
                    await billing._reconcile_schedule.turn()
                noted = await billing.reconcile.open("sandbox", HELD)
                assert noted is not None
                assert noted.counts == {"same": 2, "vanished": 0}
                assert await left(billing) == []
                await billing._reconcile_schedule.turn()
            last = await billing.reconcile.last("sandbox", HELD, repair=True)
            assert last is not None
            assert (last.id, last.counts) == (noted.id, {"same": 3, "vanished": 0})
            assert len(asked) == 4

    run(work, ["sandbox"])


def test_f100_a_customer_that_was_deleted_has_its_subscriptions_ended_though_nothing_is_told() -> None:
    async def work(street: Street) -> None:
        never = {"events_every_seconds": 0}  # as if the events were too old to be listed
        async with street.opening(sold(), reconcile=never) as billing:
            await street.buy(billing, "app:pro")
            (row,) = await street.subscriptions(billing)
            (link,) = await billing.store.references_of("customer:ana", "customer")
            street.clock.advance(seconds=60)
            gone = f"{street.stripe.url}/v1/customers/{row.provider_customer}"
            async with httpx.AsyncClient() as client:
                answer = await client.delete(gone, auth=(ENVIRON["STRIPE_KEY"], ""))
            assert answer.json()["deleted"] is True
            street.stripe.webhooks()  # and none arrives
            await worked(billing)
            (row,) = await street.subscriptions(billing)
            assert row.status == "canceled"
            assert await billing.store.references_of("customer:ana", "customer") == [link]
            assert [(one.kind, one.count) for one in await left(billing)] == [("gone", 1)]
            found, counts = await looked(billing, "stripe", CUSTOMERS)
            assert ([one.about for one in found], counts) == ([link.object], {"gone": 1})
            assert await looked(billing, "stripe", HELD) == ([], {})

    run(work, ["stripe"])


async def gone(street: Street, provider: str, customer: str) -> None:
    """Somebody deletes a customer at the provider, or archives it."""
    if provider == "sandbox":
        sandbox_subscriptions.delete_customer(street.sandbox.account.book, customer)
    elif provider == "paddle":
        archived = paddle_requests.Customer(status="archived")
        paddle_customers.change_customer(street.paddle.book, customer, archived)
    else:
        async with httpx.AsyncClient(base_url=street.stripe.url) as client:
            path = f"/v1/customers/{customer}"
            (await client.delete(path, auth=(ENVIRON["STRIPE_KEY"], ""))).raise_for_status()


async def links(billing: Billing) -> list[str]:
    found = await billing.store.references_of("customer:ana", "customer")
    return [one.object.rpartition(":")[2] for one in found]


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_f100_nothing_is_sold_to_a_customer_that_is_gone(provider: str, noted: bool) -> None:
    """Whether a pass has noted it, or the checkout is refused: another takes its place, or it says why."""

    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            await street.buy(billing, "app:pro")
            (first,) = await links(billing)
            await gone(street, provider, first)
            await street.deliver(billing)
            if noted:
                (found,), _ = await looked(billing, provider, CUSTOMERS, repair=True)
                assert (found.what, found.about) == ("gone", f"customer:{provider}:{first}")
                assert [(one.kind, one.count) for one in await left(billing)] == [("gone", 1)]
            street.clock.advance(seconds=120)
            if provider == "paddle":  # an address has one customer, archived or not
                with pytest.raises(ProviderRefused) as refused:
                    await street.start(billing, "app:pro", "cart-2")
                assert "Restore" in refused.value.hint
                active = paddle_requests.Customer(status="active")
                paddle_customers.change_customer(street.paddle.book, first, active)
                again = await street.start(billing, "app:pro", "cart-3")
                assert again.session
                assert await links(billing) == [first]
                return
            await street.buy(billing, "app:pro", "cart-2")
            both = await links(billing)
            assert len(both) == 2
            assert {row.provider_customer for row in await street.subscriptions(billing)} == set(both)
            live = [row for row in await street.subscriptions(billing) if row.status == "active"]
            assert [(row.bound, row.lane) for row in live] == [(True, "customer:ana")]
            assert await street.cases(billing) == []
            await street.start(billing, "app:pro", "cart-3")
            assert await links(billing) == both, "one is enough"
            assert (await looked(billing, provider, CUSTOMERS, repair=True))[0] == []
            assert await left(billing) == []
            if provider == "sandbox":  # the simulated Stripe wants settings of its portal first
                assert (await billing.portal.create_session("ana")).connection == provider
            assert list(problems(street.memory.database, now=street.clock.now())) == []

    run(work, [provider])


def test_who_is_gone_is_told_for_a_week_and_not_asked_for_any_longer() -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            await street.buy(billing, "app:pro")
            (first,) = await links(billing)
            await gone(street, "sandbox", first)
            assert (await looked(billing, "sandbox", CUSTOMERS))[1] == {"gone": 1}
            assert street.memory.database.commands.keys() == {"checkout.start:cart-1"}, (
                "who only looks notes nothing"
            )
            for days, told in ((0, 1), (7, 1), (1, 0)):
                street.clock.advance(days=days)
                _, counts = await looked(billing, "sandbox", CUSTOMERS, repair=True)
                assert counts.get("gone", 0) == told
            connection = billing.connections["sandbox"]
            connection.find_customer = None  # type: ignore[method-assign,assignment]
            assert await looked(billing, "sandbox", CUSTOMERS) == ([], {})

    run(work, ["sandbox"])
