"""What an adapter declares, and what it says of the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from purchase_contract_tests.contract import promise
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench, Trouble
from purchase_core.currencies import DECIMALS
from purchase_core.errors import CapabilityMissing
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    Capability,
    ChangeRequest,
    OurReference,
    Override,
    PauseRequest,
    PortalFlow,
    PortalRequest,
    PriceRequest,
    Proration,
    Provider,
    RefundRequest,
)


def operations(provider: Provider) -> Mapping[Capability, Callable[[], Awaitable[object]]]:
    """A call of each operation that needs a capability of its own."""

    def cancel(*, at_period_end: bool) -> Awaitable[object]:
        return provider.cancel_subscription("sub_1", at_period_end=at_period_end, key="k")

    def refund(amount: int | None) -> Awaitable[object]:
        return provider.refund(RefundRequest("in_1", amount, OurReference(command="c_1")), key="k")

    def pause(**options: Any) -> Awaitable[object]:
        return provider.pause_subscription(PauseRequest("sub_1", **options), key="k")

    def portal(flow: PortalFlow = PortalFlow.OVERVIEW, return_url: str = "") -> Awaitable[object]:
        return provider.create_portal(PortalRequest("cus_1", flow, "sub_1", return_url))

    def change(**options: Any) -> Awaitable[object]:
        return provider.change_subscription(ChangeRequest("sub_1", "price_1", 1, **options), key="k")

    def price(override: Override) -> Awaitable[object]:
        request = PriceRequest("app:pro", "v", "App Pro", 100, "USD", "month", overrides=(override,))
        return provider.ensure_price(request, key="k")

    return {
        Capability.CURRENCY_OVERRIDES: lambda: price(Override(90, "EUR")),
        Capability.COUNTRY_OVERRIDES: lambda: price(Override(90, "EUR", ("DE",))),
        Capability.CATALOG: lambda: provider.products(cursor=""),
        Capability.EXPIRE_CHECKOUT: lambda: provider.expire_checkout("cs_1", key="k"),
        Capability.CANCEL_NOW: lambda: cancel(at_period_end=False),
        Capability.CANCEL_AT_PERIOD_END: lambda: cancel(at_period_end=True),
        Capability.UNCANCEL: lambda: provider.uncancel_subscription("sub_1", key="k"),
        Capability.CHANGE_SUBSCRIPTION: change,
        Capability.CHANGE_AT_PERIOD_END: lambda: change(at_period_end=True),
        Capability.CHANGE_ON_NEXT_INVOICE: lambda: change(proration=Proration.NEXT_INVOICE),
        Capability.CHANGE_WITHOUT_PRORATION: lambda: change(proration=Proration.NONE),
        Capability.PREVIEW_CHANGE: lambda: provider.preview_change(ChangeRequest("sub_1", "price_1", 1)),
        Capability.PAUSE: pause,
        Capability.PAUSE_AT_PERIOD_END: lambda: pause(at_period_end=True),
        Capability.PAUSE_UNTIL: lambda: pause(resumes_at=Instant(1)),
        Capability.PAUSE_COLLECTION: lambda: pause(collection_only=True),
        Capability.PAUSE_COLLECTION_UNTIL: lambda: pause(collection_only=True, resumes_at=Instant(1)),
        Capability.REFUND: lambda: refund(None),
        Capability.PARTIAL_REFUND: lambda: refund(1),
        Capability.INVOICE_LINKS: lambda: provider.invoice_links("in_1"),
        Capability.PORTAL: portal,
        Capability.PORTAL_PAYMENT_METHOD: lambda: portal(PortalFlow.PAYMENT_METHOD),
        Capability.PORTAL_CANCEL: lambda: portal(PortalFlow.CANCEL),
        Capability.PORTAL_CHANGE: lambda: portal(PortalFlow.CHANGE),
        Capability.PORTAL_RETURN: lambda: portal(return_url="http://127.0.0.1/"),
        Capability.WEBHOOK_ENDPOINTS: lambda: provider.create_endpoint("https://shop.example/", key="k"),
        Capability.LIST_EVENTS: lambda: provider.events(cursor=""),
        Capability.LIST_OBJECTS: lambda: provider.objects("subscription", cursor=""),
    }


class Capabilities(ProviderPromises):
    """`Provider.capabilities` and its consequences."""

    @promise
    async def what_is_declared_can_be_read_without_opening(self, bench: ProviderBench) -> None:
        provider = bench.provider
        assert type(provider) is self.provider_type
        assert provider.capabilities is self.provider_type.capabilities
        assert provider.plugin == provider.connection.plugin
        assert provider.signature_headers
        assert all(name == name.lower() for name in provider.signature_headers)
        assert provider.capabilities.key_lifetime_seconds >= 0
        assert (provider.capabilities.currencies or frozenset()) <= set(DECIMALS)

    @promise
    async def what_is_not_declared_is_refused_with_a_way_out(self, bench: ProviderBench) -> None:
        """Refused before any call: the trouble is that nothing was declared, not that the id is unknown."""
        async with bench.trouble(Trouble.UNREACHABLE):  # so that a call would tell another error
            for capability, operation in operations(bench.provider).items():
                if capability not in bench.provider.capabilities:
                    with pytest.raises(CapabilityMissing) as missing:
                        await operation()
                    assert capability.value in missing.value.message
                    assert missing.value.hint
