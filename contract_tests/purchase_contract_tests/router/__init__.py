"""The contract of routers: subclass `RouterContract`, say how to make a router, and run pytest."""

from purchase_contract_tests.router.contract import RouterContract

__all__ = ["RouterContract"]
