"""Stripe's adapter keeps every promise of the provider contract, over HTTP on a simulated Stripe."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from purchase_contract_tests.provider import ProviderBench, ProviderContract
from purchase_stripe.adapter import StripeProvider

from .bench import opened


class TestStripeProvider(ProviderContract):
    provider_type = StripeProvider

    def bench(self) -> AbstractAsyncContextManager[ProviderBench]:
        return opened()
