"""Pages for the customer: each flow leads to a page of its own, and only to one of that customer."""

from __future__ import annotations

import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.checkout import assert_safe
from purchase_contract_tests.provider.sale import Wish, only, sell, states
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.ports.provider import Capability, PortalFlow, PortalRequest

RETURN_URL = "http://127.0.0.1/account?back=1"
FLOWS = {
    PortalFlow.OVERVIEW: Capability.PORTAL,
    PortalFlow.PAYMENT_METHOD: Capability.PORTAL_PAYMENT_METHOD,
    PortalFlow.CANCEL: Capability.PORTAL_CANCEL,
    PortalFlow.CHANGE: Capability.PORTAL_CHANGE,
}


async def a_subscriber(bench: ProviderBench) -> tuple[str, str]:
    """A customer and a subscription of that customer's, as the provider names them."""
    sale, facts = await sell(bench, Wish())
    return sale.request.customer, only(states(facts, SubscriptionSeen)).id


class Portal(ProviderPromises):
    """`create_portal`."""

    @requires(Capability.PORTAL)
    @promise
    async def a_portal_is_a_page_of_the_customer(self, bench: ProviderBench) -> None:
        sale, _ = await sell(bench)
        assert_safe(await bench.provider.create_portal(PortalRequest(sale.request.customer)))

    @requires(Capability.PORTAL)
    @promise
    async def nobody_who_does_not_exist_has_a_portal(self, bench: ProviderBench) -> None:
        with pytest.raises(ProviderRefused):
            await bench.provider.create_portal(PortalRequest("unknown"))

    @requires(Capability.PORTAL, Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def each_flow_leads_to_a_page_of_its_own(self, bench: ProviderBench) -> None:
        customer, subscription = await a_subscriber(bench)
        declared = [flow for flow, needed in FLOWS.items() if needed in bench.provider.capabilities]
        pages = [
            await bench.provider.create_portal(PortalRequest(customer, flow, subscription))
            for flow in declared
        ]
        for page in pages:
            assert_safe(page)
        assert len(set(pages)) == len(declared)

    @requires(Capability.PORTAL_CANCEL, Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def t10_no_flow_leads_to_another_customers_subscription(self, bench: ProviderBench) -> None:
        customer, _ = await a_subscriber(bench)
        _, facts = await sell(bench, Wish(2, "ben"))
        theirs = only(states(facts, SubscriptionSeen)).id
        for subscription in (theirs, "unknown"):
            with pytest.raises(ProviderRefused):
                await bench.provider.create_portal(PortalRequest(customer, PortalFlow.CANCEL, subscription))

    @requires(Capability.PORTAL_RETURN)
    @promise
    async def a_portal_leads_back_to_the_application(self, bench: ProviderBench) -> None:
        """Where to is not in the page's address at every provider; that it is taken is all that is asked."""
        sale, _ = await sell(bench)
        request = PortalRequest(sale.request.customer, return_url=RETURN_URL)
        assert_safe(await bench.provider.create_portal(request))
