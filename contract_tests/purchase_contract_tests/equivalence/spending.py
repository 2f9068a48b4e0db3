"""What is asked of credits and quotas in a history, and what the readers of wallets say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from purchase_contract_tests.equivalence.steps import Spend
from purchase_core.access.policy import AccessPolicy
from purchase_core.errors import StoreError, UsageError
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.reads.wallets import Wallets
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.credits import Credits
from purchase_core.workflows.customers import ManagedCustomers
from purchase_core.workflows.requests import Requests
from purchase_core.workflows.usage import Usage

UNIT, QUOTA = "ai", "api"
TIMEOUT_SECONDS = 60


class Spending:
    """Credits and usage over one store."""

    def __init__(
        self, store: Store, recorder: Recorder, shelf: OfferShelf, clock: Clock, ids: IdSource, seed: int
    ) -> None:
        requests = Requests(store, recorder)
        self._credits = Credits(Wallets(store, shelf, clock), requests, clock, ids)
        self._usage = Usage(store, requests, shelf, AccessPolicy(), CATALOG.defaults, clock)
        self._customers = ManagedCustomers(
            store, recorder, shelf, CATALOG, AccessPolicy(), clock, ids, max_stale_seconds=0
        )
        self._seed = seed

    async def take(self, asked: Spend) -> str:
        """Ask for it, and say what was told, or which error it was."""
        try:
            return f"{await self._ask(asked)}"
        except (UsageError, StoreError) as error:
            return type(error).__name__

    async def take_all(self, asked: Sequence[Spend]) -> str:
        """Ask for all of them at once."""
        return " | ".join(await asyncio.gather(*map(self.take, asked)))

    async def merge(self, customer: str, into: str) -> str:
        """Have one customer be another from now on, and say how that ended."""
        try:
            await self._customers.merge(customer, into=into, reason="one person", by="mia")
        except UsageError as error:
            return type(error).__name__
        return "merged"

    async def tell(self, customer: str) -> object:
        """What the readers say of a customer."""
        verified = await self._credits.verify(customer)
        if verified.problems:
            raise AssertionError(f"the ledger contradicts itself: {verified.problems}")
        return [
            f"{await self._credits.wallet(customer, UNIT)}",
            f"{await self._usage.current(QUOTA, customer=customer)}",
            [verified.movements, verified.hash, verified.problems],
            await self._credits.history(customer),
        ]

    async def _ask(self, asked: Spend) -> object:
        customer, amount, key = asked.customer, asked.amount, f"{self._seed}:{asked.key}"
        reservation = f"reserve:{key}"
        credits_ = self._credits
        match asked.kind:
            case "grant":
                return await credits_.grant(customer, UNIT, amount, idempotency_key=key)
            case "consume":
                return await credits_.consume(customer, UNIT, amount, idempotency_key=key)
            case "reserve":
                return await credits_.reserve(
                    customer, UNIT, amount, idempotency_key=key, timeout_seconds=TIMEOUT_SECONDS
                )
            case "settle":
                return await credits_.settle(customer, reservation, amount, idempotency_key=key)
            case "release":
                return await credits_.release(customer, reservation, idempotency_key=key)
            case "adjust":
                sign = 1 if asked.key % 2 else -1
                return await credits_.adjust(
                    customer, UNIT, sign * amount, reason="\u2028 because", idempotency_key=key
                )
            case _:
                return await self._usage.try_use(QUOTA, amount, customer=customer, idempotency_key=key)
