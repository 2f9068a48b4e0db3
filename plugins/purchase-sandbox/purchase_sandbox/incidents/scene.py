"""The scene of an incident: an application on a SQLite file, a sandbox that it sells through, its operator.

Everything that the application does is a process of its own: opened, and closed again. The operator has
nothing but the command line.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import attrs

from purchase_core.billing import Billing
from purchase_core.catalog.catalog import Catalog
from purchase_core.cli.main import run
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND, Instant
from purchase_core.opening import Opening
from purchase_core.plugins.descriptors import NoConfig, ProviderOpening, ProviderPlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.provider import Provider
from purchase_core.testing.clocks import ManualClock
from purchase_core.workflows.checkout import Checkout
from purchase_sandbox.config import CAPABILITIES
from purchase_sandbox.testing import WEBHOOK_SECRET, SandboxHarness, Webhook

T = TypeVar("T")

START = Instant(1_790_000_000 * SECOND)
MODULE = "purchase_sandbox_incident"
ENVIRON = {"KEY": "sk_unused_0123456789", "WEBHOOK": WEBHOOK_SECRET.reveal()}


class StoryFailed(Exception):
    """A story did not end as it should."""


def must(truth: object, otherwise: str = "it is not so") -> None:
    """Raise StoryFailed where something is not as the story says; `python -O` leaves this in."""
    if not truth:
        raise StoryFailed(otherwise)


@attrs.frozen
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str

    @property
    def document(self) -> Any:
        """What it printed, where that was JSON."""
        return json.loads(self.out)


class Scene:
    """`release` is the version of the application that runs; `tell` is told what happens."""

    def __init__(self, folder: Path, catalog: Catalog, tell: Callable[[str], None]) -> None:
        self.file = folder / "purchase.db"
        self.clock = ManualClock(START)
        self.harness = SandboxHarness(self.clock)
        self.release = "1"
        self.tell = tell
        self._catalog = catalog
        self._ids = SeededIds(7)

    def opening(self) -> Opening:
        """The application as it is deployed now, not opened."""
        connection = {
            "plugin": "sandbox",
            "mode": "test",
            "api_key": "env:KEY",
            "webhook_secrets": ["env:WEBHOOK"],
        }
        config: dict[str, object] = {
            "project": self.harness.connection.project,
            "environment": self.harness.connection.environment,
            "release": self.release,
            "connections": {"sandbox": connection},
            "store": {"plugin": "sqlite", "path": str(self.file)},
            "inbox": {"attempts_max": 3},
        }
        return Billing.open(
            catalog=self._catalog,
            config=config,
            plugins=[_Sandbox(self.harness)],
            environ=ENVIRON,
            clock=self.clock,
            ids=self._ids,
        )

    # --- what the application does ---------------------------------------------------------------

    def do(self, work: Callable[[Billing], Awaitable[T]]) -> T:
        """One process of the application, from its start to its end."""

        async def lived() -> T:
            async with self.opening() as billing:
                return await work(billing)

        return asyncio.run(lived())

    def buy(self, *keys: str, offer: str = "app:pro", cart: str = "cart") -> list[Checkout]:
        """Customers of these names buy, and pay; what is sent of it is not delivered yet."""

        async def bought(billing: Billing) -> list[Checkout]:
            found = []
            for key in keys:
                checkout = await billing.checkout.start(
                    customer=key,
                    offer=offer,
                    success_url="https://shop.example/thanks",
                    cancel_url="https://shop.example/cart",
                    idempotency_key=f"{cart}-{key}",
                )
                await self.harness.pay(checkout.session)
                found.append(checkout)
            return found

        return self.do(bought)

    def deliver(self, webhooks: Sequence[Webhook] | None = None) -> list[str]:
        """These webhooks arrive, or all that were sent since last time; what became of each."""
        sent = self.harness.webhooks() if webhooks is None else webhooks

        async def taken(billing: Billing) -> list[str]:
            return [
                (await billing.webhooks.receive("sandbox", one.body, self.harness.sign(one.body))).status
                for one in sent
            ]

        return self.do(taken)

    def has(self, customer: str, feature: str) -> bool:
        """Whether a customer may use a feature now."""

        async def asked(billing: Billing) -> bool:
            return (await billing.customers.entitlements(customer)).has(feature)

        return self.do(asked)

    # --- what the operator does ------------------------------------------------------------------

    def purchase(self, *arguments: str) -> Ended:
        """A command of the operator's."""
        self.tell(f"$ purchase {' '.join(arguments)}")
        out, err = io.StringIO(), io.StringIO()
        with _importable(self.opening), redirect_stdout(out), redirect_stderr(err):
            code = run(["--app", f"{MODULE}:opening", *arguments])
        return Ended(code, out.getvalue())


@contextmanager
def _importable(factory: Callable[[], Opening]) -> Iterator[None]:
    """While the block lasts, the command line can import the application."""
    module = ModuleType(MODULE)
    vars(module)["opening"] = factory
    path = list(sys.path)
    sys.modules[MODULE] = module
    try:
        yield
    finally:
        del sys.modules[MODULE]
        sys.path[:] = path


class _Sandbox:
    """The sandbox of the scene, as a plugin."""

    __name__ = "incident"

    def __init__(self, harness: SandboxHarness) -> None:
        self._harness = harness

    @hookimpl
    def purchase_register_providers(self) -> tuple[ProviderPlugin[NoConfig], ...]:
        """The adapter on the scene's account."""

        async def opened(opening: ProviderOpening[NoConfig]) -> Provider:
            return self._harness.open(opening.connection)

        return (ProviderPlugin("sandbox", CAPABILITIES, NoConfig, opened, test_only=True),)
