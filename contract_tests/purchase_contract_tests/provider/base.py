"""What an adapter's author provides to have a provider tested."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from purchase_contract_tests.contract import Contract
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_core.ports.provider import Capabilities, Provider

# What promises may require besides capabilities: traits, and their contraries.
IDEMPOTENCY_KEYS = "idempotency_keys"  # a key lifetime over 0
OWN_CUSTOMERS = "own_customers"  # every customer of ours is one of theirs
UNIQUE_EMAILS = "unique_emails"
REFUND_APPROVAL = "refund_approval"
PRICE_TRIALS = "price_trials"
DELAYED_PAYMENTS = "delayed_payments"
EMPTY_ACCOUNT = "empty_account"  # of the bench: a real one is not, and a list of all of it is not ours alone


def traits(declared: Capabilities) -> frozenset[str]:
    """The traits of an adapter, as words that promises can require."""
    known = {
        IDEMPOTENCY_KEYS: declared.key_lifetime_seconds > 0,
        OWN_CUSTOMERS: not declared.unique_emails,
        UNIQUE_EMAILS: declared.unique_emails,
        REFUND_APPROVAL: declared.refund_approval,
        PRICE_TRIALS: declared.price_trials,
        DELAYED_PAYMENTS: declared.delayed_payments,
    }
    return frozenset(name for name, holds in known.items() if holds)


class ProviderPromises(Contract[ProviderBench]):
    """The hooks that every file of promises relies on. What the adapter declares is read from it."""

    title = "ProviderContract"

    provider_type: ClassVar[type[Provider]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "provider_type"):
            declared = cls.provider_type.capabilities
            own = () if cls.live else (EMPTY_ACCOUNT,)
            cls.capabilities = frozenset(declared.declared) | traits(declared) | frozenset(own)

    def bench(self) -> AbstractAsyncContextManager[ProviderBench]:
        """A bench over an account of its own, closed at the end."""
        raise NotImplementedError

    def subject(self) -> AbstractAsyncContextManager[ProviderBench]:
        """The bench itself."""
        return self.bench()
