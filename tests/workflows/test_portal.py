"""Pages of the provider, and of its bills: for the customer whose they are, and for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import AsyncMock, patch

import attrs
import pytest

from purchase_core.errors import CapabilityMissing, InvalidArgument, NotFound
from purchase_core.ports.provider import Capability, InvoiceLinks, PortalFlow, PortalRequest
from purchase_sandbox.account.objects import Customer
from tests.faults.shop import Shop, run

PAGE = "https://provider.example/portal"
RETURN = "https://shop.example/account"


@contextmanager
def pages(shop: Shop, *without: Capability) -> Iterator[AsyncMock]:
    """While the block lasts, the provider has every page, but for some."""
    known = shop.provider.capabilities
    whole = attrs.evolve(known, declared=frozenset(Capability) - set(without))
    opened = AsyncMock(return_value=PAGE)
    with ExitStack() as stack:
        stack.enter_context(patch.object(type(shop.provider), "capabilities", whole))
        stack.enter_context(patch.object(shop.provider, "create_portal", opened))
        yield opened


def test_the_overview_is_the_customers_own() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            with pages(shop) as opened:
                session = await shop.billing.portal.create_session("ana", return_url=RETURN)
            assert (session.url, session.connection) == (PAGE, "sandbox")
            opened.assert_awaited_once_with(
                PortalRequest(shop.made(Customer)[0].id, PortalFlow.OVERVIEW, "", RETURN)
            )

    run(work)


def test_a_flow_is_about_a_subscription_of_this_customer() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben")
            (row,) = await shop.billing.subscriptions.list("ana")
            portal = shop.billing.portal
            with pages(shop) as opened:
                await portal.create_session("ana", flow=PortalFlow.CANCEL, subscription=row.key)
                assert opened.await_args is not None
                assert opened.await_args.args[0].subscription == row.provider_id
                with pytest.raises(InvalidArgument):
                    await portal.create_session("ana", flow=PortalFlow.CANCEL)
                with pytest.raises(NotFound):
                    await portal.create_session("ben", flow=PortalFlow.CANCEL, subscription=row.key)
            assert opened.await_count == 1

    run(work)


def test_a_customer_that_is_shared_gets_no_page() -> None:
    """Two of ours have become one of the provider's: its page would show one what is the other's."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.billing.customers.link("ben", "sandbox", shop.made(Customer)[0].id)
            with pages(shop) as opened:
                for customer in ("ana", "ben", "nobody"):
                    with pytest.raises(NotFound):
                        await shop.billing.portal.create_session(customer)
            assert opened.await_count == 0

    run(work)


def test_t05_it_leads_back_to_where_a_browser_may_go() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            with pages(shop) as opened:
                for url in ("//evil.example", "javascript:alert(1)", "http://shop.example/account"):
                    with pytest.raises(InvalidArgument):
                        await shop.billing.portal.create_session("ana", return_url=url)
            assert opened.await_count == 0

    run(work)


def test_what_the_provider_has_not_is_refused_with_a_way_out() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            with (
                pages(shop, Capability.PORTAL_RETURN) as opened,
                pytest.raises(CapabilityMissing, match="leave return_url away"),
            ):
                await shop.billing.portal.create_session("ana", return_url=RETURN)
            assert opened.await_count == 0

    run(work)


def test_a_customer_on_several_connections_says_which() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.billing.customers.link("ana", "elsewhere", "cus_other")
            with pages(shop) as opened:
                with pytest.raises(InvalidArgument, match="elsewhere, sandbox"):
                    await shop.billing.portal.create_session("ana")
                await shop.billing.portal.create_session("ana", connection="sandbox")
            assert opened.await_count == 1

    run(work)


def test_bills_have_pages_of_their_own() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            (bill,) = await shop.billing.invoices.list("ana")
            assert await shop.billing.invoices.open("ana") == []
            links = InvoiceLinks("https://provider.example/pay", "https://provider.example/pdf")
            with (
                pages(shop),
                patch.object(shop.provider, "invoice_links", AsyncMock(return_value=links)) as asked,
            ):
                assert await shop.billing.invoices.links("ana", bill.key) == links
                asked.assert_awaited_once_with(bill.provider_id)
                with pytest.raises(NotFound):
                    await shop.billing.invoices.links("ben", bill.key)

    run(work)
