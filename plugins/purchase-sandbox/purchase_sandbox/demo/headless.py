"""A first sale, played step by step: catalog, route, checkout, hosted page, webhooks, facts, entitlements."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import httpx

from purchase_core.catalog.grants import name_of
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.reads.receipts import Receipt
from purchase_core.records.effect import Effect
from purchase_core.workflows.checkout import Checkout
from purchase_sandbox.account.cards import GOOD_CARD

from .buyer import Buyer, forms_of
from .running import Demo, running

CUSTOMER, OFFER, FEATURE = "user_1", "app:pro_monthly", "export"
WEBHOOK_SECONDS_MAX = 10.0
POLL_SECONDS = 0.005


@attrs.frozen
class Step:
    """Something that has really happened: its name, what came of it, and how long it took."""

    name: str
    lines: tuple[str, ...]
    milliseconds: int


@attrs.frozen
class Sale:
    """What was played. `sold`: the entitlement is there."""

    steps: tuple[Step, ...]
    sold: bool
    receipt: str
    milliseconds: int


class SaleFailed(Exception):
    """A step did not lead where it should."""


class Hearing:
    """A plugin that waits for something to have become true."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.heard = asyncio.Event()

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        """Told by Purchase, after the commit."""
        if event.name == self._name:
            self.heard.set()


async def play(tell: Callable[[Step], None], database: Path | None = None) -> Sale:
    """Play the sale, and tell each step when it is done.

    In a file that is thrown away, unless a new one is named. Raises SaleFailed.
    """
    hearing = Hearing("subscription.started")
    with TemporaryDirectory(prefix="purchase-demo-") as folder:
        file = database or Path(folder) / "purchase.db"
        async with running(file, plugins=[hearing]) as demo, Buyer() as buyer:
            try:
                return await _Playing(demo, buyer, hearing, tell).play()
            except httpx.HTTPError as error:
                raise SaleFailed(f"{type(error).__name__}: {error}") from error


class _Playing:
    def __init__(self, demo: Demo, buyer: Buyer, hearing: Hearing, tell: Callable[[Step], None]) -> None:
        self._demo = demo
        self._buyer = buyer
        self._hearing = hearing
        self._tell = tell
        self._steps: list[Step] = []
        self._started = self._step_started = time.monotonic()

    async def play(self) -> Sale:
        self._done("catalog", self._catalog())
        checkout = await self._start()
        receipt = await self._demo.billing.receipts.get(checkout.receipt)
        self._done("route", _route(receipt))
        self._done("checkout", [f"{stage.name:9} {stage.detail}" for stage in receipt.stages])
        self._done("hosted page", await self._pay(checkout))
        self._done("webhooks", await self._webhooks())
        receipt = await self._demo.billing.receipts.get(receipt.id)
        self._done("facts", [fact.key.partition("@")[0] for fact in receipt.facts])
        rights = await self._demo.billing.customers.entitlements(CUSTOMER)
        held = [f"{FEATURE}: {'yes' if rights.has(FEATURE) else 'no'}"]
        held += [f"{name}: {quota.limit:,} a {quota.reset}" for name, quota in rights.quotas.items()]
        self._done("entitlements", held)
        shown = FEATURE in await self._buyer.read(f"{self._demo.shop_url}/account")
        took = round((time.monotonic() - self._started) * 1_000)
        return Sale(tuple(self._steps), rights.has(FEATURE) and shown, receipt.id, took)

    def _catalog(self) -> list[str]:
        lines = []
        for offer, version in self._demo.billing.catalog.offers.items():
            grants = ", ".join(map(name_of, version.grants))
            price = " or ".join(map(str, version.prices)) or "free"
            lines.append(f"{offer:18} {price:11} {grants}")
        return lines

    async def _start(self) -> Checkout:
        shop = self._demo.shop_url
        return await self._demo.billing.checkout.start(
            customer=CUSTOMER,
            offer=OFFER,
            success_url=f"{shop}/account?from=checkout",
            cancel_url=f"{shop}/",
            idempotency_key="first-sale",
        )

    async def _pay(self, checkout: Checkout) -> list[str]:
        """The provider's page, its form, and where paying leads."""
        page = await self._buyer.read(checkout.url)
        led_to = await self._buyer.send(checkout.url, forms_of(page)[0], action="pay", card=GOOD_CARD)
        if not led_to.startswith(self._demo.shop_url):
            raise SaleFailed(f"paying led to {led_to}")
        return [f"GET  {checkout.url}", f"POST {checkout.url}  card={GOOD_CARD}", f"303  {led_to}"]

    async def _webhooks(self) -> list[str]:
        """What has arrived, once all of it has."""
        try:
            async with asyncio.timeout(WEBHOOK_SECONDS_MAX):
                await self._hearing.heard.wait()
                while self._demo.account.deliveries.next_due() is not None:
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise SaleFailed(f"no webhook told of the sale within {WEBHOOK_SECONDS_MAX:.0f} s") from None
        found = await self._demo.billing.webhooks.list()
        return [f"{one.event_type:32} {one.state:8} {one.reason}".rstrip() for one in reversed(found)]

    def _done(self, name: str, lines: Sequence[str]) -> None:
        now = time.monotonic()
        step = Step(name, tuple(lines), round((now - self._step_started) * 1_000))
        self._step_started = now
        self._steps.append(step)
        self._tell(step)


def _route(receipt: Receipt) -> list[str]:
    decision = receipt.decision
    if decision is None:
        return []
    lines = [f"{one.connection}: {one.excluded or 'can take it'}" for one in decision.verdicts]
    return [*lines, f"router {decision.router!r} chose {decision.order[0]!r}"]
