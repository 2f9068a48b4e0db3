"""What a router's author provides to have a router tested."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from purchase_contract_tests.contract import Contract
from purchase_core.ports.router import Router


class RouterPromises(Contract[Router]):
    """The hook that every file of promises relies on."""

    title = "RouterContract"

    def router(self) -> Router:
        """A router, always configured alike. It must be able to take connections that can do everything."""
        raise NotImplementedError

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Router]:
        """A fresh router."""
        yield self.router()
