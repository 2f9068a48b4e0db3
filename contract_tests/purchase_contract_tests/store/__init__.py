"""The contract of stores: subclass `StoreContract` in your tests, say how to open a store, and run pytest."""

from purchase_contract_tests.store.base import StoreCapability
from purchase_contract_tests.store.contract import StoreContract

__all__ = ["StoreCapability", "StoreContract"]
