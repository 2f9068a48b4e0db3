"""What an adapter's author provides to have a provider tested."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from purchase_contract_tests.contract import Contract
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_core.ports.provider import Provider

IDEMPOTENCY_KEYS = "idempotency_keys"
"""Required by promises about keys: the adapter declares a key lifetime over 0."""


class ProviderPromises(Contract[ProviderBench]):
    """The hooks that every file of promises relies on. What the adapter declares is read from it."""

    title = "ProviderContract"

    provider_type: ClassVar[type[Provider]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "provider_type"):
            declared = cls.provider_type.capabilities
            keys = {IDEMPOTENCY_KEYS} if declared.key_lifetime_seconds else set()
            cls.capabilities = frozenset(declared.declared) | keys

    def bench(self) -> AbstractAsyncContextManager[ProviderBench]:
        """A bench over an account of its own, closed at the end."""
        raise NotImplementedError

    def subject(self) -> AbstractAsyncContextManager[ProviderBench]:
        """The bench itself."""
        return self.bench()
