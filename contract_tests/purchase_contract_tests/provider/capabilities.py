"""What an adapter declares, and what it says of the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from purchase_contract_tests.contract import promise
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_core.currencies import DECIMALS
from purchase_core.errors import CapabilityMissing
from purchase_core.ports.provider import Capability, Provider


def operations(provider: Provider) -> Mapping[Capability, Callable[[], Awaitable[object]]]:
    """A call of each operation that needs a capability of its own."""

    def cancel(*, at_period_end: bool) -> Awaitable[object]:
        return provider.cancel_subscription("sub_1", at_period_end=at_period_end, key="k")

    return {
        Capability.EXPIRE_CHECKOUT: lambda: provider.expire_checkout("cs_1", key="k"),
        Capability.CANCEL_NOW: lambda: cancel(at_period_end=False),
        Capability.CANCEL_AT_PERIOD_END: lambda: cancel(at_period_end=True),
        Capability.UNCANCEL: lambda: provider.uncancel_subscription("sub_1", key="k"),
        Capability.CHANGE_SUBSCRIPTION: lambda: provider.change_subscription(
            "sub_1", price="price_1", quantity=1, key="k"
        ),
        Capability.REFUND: lambda: provider.refund("in_1", amount=None, key="k"),
        Capability.PARTIAL_REFUND: lambda: provider.refund("in_1", amount=1, key="k"),
        Capability.PORTAL: lambda: provider.create_portal("cus_1", return_url="http://127.0.0.1/"),
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
        for capability, operation in operations(bench.provider).items():
            if capability not in bench.provider.capabilities:
                with pytest.raises(CapabilityMissing) as missing:
                    await operation()
                assert capability.value in missing.value.message
                assert missing.value.hint
