"""The contract of providers: subclass `ProviderContract`, say how to set up a bench, and run pytest."""

from purchase_contract_tests.provider.bench import Discount, Key, ProviderBench, Trouble, Webhook
from purchase_contract_tests.provider.contract import ProviderContract

__all__ = ["Discount", "Key", "ProviderBench", "ProviderContract", "Trouble", "Webhook"]
