"""The contract of providers, whole."""

from __future__ import annotations

from purchase_contract_tests.provider.capabilities import Capabilities
from purchase_contract_tests.provider.catalog import Catalog
from purchase_contract_tests.provider.changes import Changes
from purchase_contract_tests.provider.checkout import Checkouts
from purchase_contract_tests.provider.customers import Customers
from purchase_contract_tests.provider.delayed import Delayed
from purchase_contract_tests.provider.disputes import Disputes
from purchase_contract_tests.provider.endpoints import Endpoints
from purchase_contract_tests.provider.forgery import Forgery
from purchase_contract_tests.provider.invoices import Invoices
from purchase_contract_tests.provider.listing import Listing
from purchase_contract_tests.provider.options import Options
from purchase_contract_tests.provider.parsing import Parsing
from purchase_contract_tests.provider.pauses import Pauses
from purchase_contract_tests.provider.portal import Portal
from purchase_contract_tests.provider.prices import Prices
from purchase_contract_tests.provider.refunds import Refunds
from purchase_contract_tests.provider.sales import Sales
from purchase_contract_tests.provider.subscriptions import Subscriptions
from purchase_contract_tests.provider.troubles import Troubles
from purchase_contract_tests.provider.unknown import Unknown
from purchase_contract_tests.provider.webhooks import Webhooks


class ProviderContract(
    Capabilities,
    Webhooks,
    Forgery,
    Parsing,
    Sales,
    Delayed,
    Customers,
    Prices,
    Catalog,
    Checkouts,
    Options,
    Subscriptions,
    Changes,
    Pauses,
    Invoices,
    Refunds,
    Disputes,
    Portal,
    Endpoints,
    Troubles,
    Unknown,
    Listing,
):
    """What every provider promises. Subclass it in a test module, and say how to set up a bench:

    class TestMyProvider(ProviderContract):
        provider_type = MyProvider

        @asynccontextmanager
        async def bench(self):
            async with MySimulator() as simulator:
                yield MyBench(simulator)
    """
