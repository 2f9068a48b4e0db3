"""The stage of an incident: an application on a SQLite file, a provider that it sells through, its operator.

Everything that the application does is a process of its own: opened, and closed again. The operator has
nothing but the command line. The provider listens in a thread, and all have one time.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from unittest.mock import patch

import attrs
from anyio.from_thread import start_blocking_portal

from purchase_core.billing import Billing
from purchase_core.cli.main import run
from purchase_core.console import Operator, Role
from purchase_core.errors import DeliveryRefused, MalformedBody
from purchase_core.facts.rows import InvoiceRow
from purchase_core.identifiers import IdSource, SeededIds
from purchase_core.opening import Opening
from purchase_core.ports.provider import Event, Normalised, Provider
from purchase_core.secret import Secret
from purchase_core.workflows.checkout import Checkout
from purchase_sandbox.demo.catalog import CATALOG
from purchase_simulators.wire.embedded import EmbeddedServer

from .sides import SIDES, Sent, Side
from .telling import Audience, Scene, must

T = TypeVar("T")

MODULE = "purchase_incident"
CONNECTION = "main"
OFFER, FEATURE, PRICE = "app:pro_monthly", "export", 1_200
HOUR_SECONDS = 3_600
OPERATOR = Operator("olga", frozenset(Role))


@attrs.frozen
class Ended:
    """How a command ended, and what it printed: data, and talk."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, where that was JSON."""
        return json.loads(self.out)


class Stage:
    """`release`, `catalog` and `secrets` are those of the application that is deployed.

    `file` is its database; the operator's own files go into `folder`. `ids`: by default, always the same.
    """

    def __init__(
        self,
        folder: Path,
        side: Side,
        audience: Audience,
        file: Path | None = None,
        ids: IdSource | None = None,
    ) -> None:
        self.file = file or folder / "purchase.db"
        self.folder = folder
        self.side = side
        self.release = "1"
        self.catalog = CATALOG
        self.secrets = [side.secret]
        self._ids = ids or SeededIds(7)
        self._audience, self._number = audience, 0

    def opening(self) -> Opening:
        """The application as it is deployed now, not opened."""
        environ = {f"SECRET_{place}": one.reveal() for place, one in enumerate(self.secrets)}
        connection: dict[str, object] = {
            "plugin": self.side.plugin,
            "mode": "test",
            "api_key": "env:KEY",
            "webhook_secrets": [f"env:{name}" for name in environ],
            **self.side.settings(),
        }
        config: dict[str, object] = {
            "project": "shop",
            "environment": "dev",
            "release": self.release,
            "connections": {CONNECTION: connection},
            "store": {"plugin": "sqlite", "path": str(self.file)},
            "inbox": {"attempts_max": 3},
        }
        return Billing.open(
            catalog=self.catalog,
            config=config,
            environ={"KEY": self.side.key.reveal(), **environ},
            clock=self.side.clock,
            ids=self._ids,
        )

    # --- what the application does ---------------------------------------------------------------

    def do(self, work: Callable[[Billing], Awaitable[T]]) -> T:
        """One process of the application, from its start to its end."""

        async def lived() -> T:
            async with self.opening() as billing:
                return await work(billing)

        return asyncio.run(lived())

    def buy(self, *names: str, cart: str = "cart") -> list[Checkout]:
        """Customers of these names buy, and pay; what is sent of it is not delivered yet."""

        async def bought(billing: Billing) -> list[Checkout]:
            found = []
            for name in names:
                checkout = await billing.checkout.start(
                    customer=name,
                    offer=OFFER,
                    email=f"{name}@example.com",
                    success_url="https://shop.example/thanks",
                    cancel_url="https://shop.example/cart",
                    idempotency_key=f"{cart}-{name}",
                )
                self.side.pay(checkout.session)
                found.append(checkout)
            return found

        return self.do(bought)

    def sent(self, secret: Secret | None = None) -> list[Sent]:
        """The webhooks since last time, to be signed with this secret; by default, with that of old."""
        return [Sent(body, secret or self.side.secret) for body in self.side.sent()]

    def deliver(self, sent: Sequence[Sent] | None = None) -> list[str]:
        """These webhooks arrive, or all that were sent since last time; what became of each."""
        arriving = self.sent() if sent is None else sent

        async def taken(billing: Billing) -> list[str]:
            found = []
            for one in arriving:
                headers = self.side.sign(one.body, one.secret)
                try:
                    receipt = await billing.webhooks.receive(CONNECTION, one.body, headers)
                except DeliveryRefused as refused:
                    found.append(refused.code)
                else:
                    found.append(receipt.status)
            await billing.webhooks.drain()
            return found

        return self.do(taken)

    def has(self, *names: str) -> list[bool]:
        """Whether these customers have what they paid for."""

        async def asked(billing: Billing) -> list[bool]:
            return [(await billing.customers.entitlements(name)).has(FEATURE) for name in names]

        return self.do(asked)

    def paid(self, name: str) -> list[int]:
        """What a customer has paid, bill by bill, in minor units."""

        async def asked(billing: Billing) -> list[int]:
            return [
                row.paid for row in await billing.store.rows(InvoiceRow) if row.lane == f"customer:{name}"
            ]

        return sorted(one for one in self.do(asked) if one)

    @contextmanager
    def broken(self, meant: Callable[[Event], bool], error: Exception | None = None) -> Iterator[None]:
        """While the block lasts, the adapter that is deployed fails on some events."""
        adapter = self.do(_class_of_adapter)
        original = adapter.normalise

        def normalise(provider: Provider, event: Event) -> Normalised:
            if meant(event):
                raise error or MalformedBody("this release cannot read it")
            return original(provider, event)

        with patch.object(adapter, "normalise", normalise):
            yield

    # --- what the operator does ------------------------------------------------------------------

    def runs(self, *arguments: str, code: int = 0, says: Sequence[str] = ()) -> Ended:
        """A command of the operator's, told with what it prints. Raises StoryFailed if it ends otherwise."""
        number, command = self._next(), self._short(shlex.join(["purchase", *arguments]))
        self._audience.coming(number, command)
        ended = self._purchase(arguments)
        lines = tuple(self._short(line) for line in (*ended.out.splitlines(), *_talk(ended.err)))
        self._audience.told(Scene(number, "runs", "", command, ended.code, lines))
        must(ended.code == code, f"{command} ended with {ended.code} instead of {code}: {ended.err}")
        words = " ".join(f"{ended.out} {ended.err}".split())
        for one in says:
            must(one in words, f"{command} does not say {one!r}: {words}")
        return ended

    def asks(self, *arguments: str) -> Any:
        """What a command says to machines; it is not told."""
        return self._purchase([*arguments, "--json"]).document

    def _purchase(self, arguments: Sequence[str]) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        # Whoever reads along is not who is asked: the operator has said what they want, or is refused.
        nobody = patch.object(sys, "stdin", io.StringIO())
        with _importable(self.opening), redirect_stdout(out), redirect_stderr(err), nobody:
            code = run(["--color", "never", "--app", f"{MODULE}:opening", *arguments])
        return Ended(code, out.getvalue(), err.getvalue())

    def works(self) -> None:
        """A worker does what there is to do; it is not told."""
        self._purchase(["work", "--once"])

    @asynccontextmanager
    async def console(self, port: int = 0, *, operator: Operator = OPERATOR) -> AsyncIterator[str]:
        """The application is up, and an operator at its console; the address. Raises PluginMissing.

        Whoever reaches this machine's own address is let in: nothing here is anybody's.
        """
        async with self.opening() as billing:
            app = billing.console(auth=lambda _: operator)
            async with EmbeddedServer(app, port=port) as server:
                yield server.url

    # --- what is told ----------------------------------------------------------------------------

    def happens(self, text: str) -> None:
        """Tell what happens, beyond the operator's doing."""
        self._audience.told(Scene(self._next(), "happens", text))

    def now(self, text: str, *truths: object) -> None:
        """Tell what is true now. Raises StoryFailed unless it is."""
        must(all(truths), f"it is not so: {text}")
        self._audience.told(Scene(self._next(), "now", text))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _short(self, text: str) -> str:
        return text.replace(f"{self.folder}/", "")


@contextmanager
def stage_on(provider: str, folder: Path, audience: Audience, file: Path | None = None) -> Iterator[Stage]:
    """A stage with one of `SIDES`, for as long as the block lasts; its database is that file, or in there."""
    # Answers are broken off on purpose; the server need not say each time that it noticed.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    side = SIDES[provider]()
    with start_blocking_portal() as portal:
        portal.call(side.start)
        try:
            yield Stage(folder, side, audience, file)
        finally:
            portal.call(side.stop)


async def _class_of_adapter(billing: Billing) -> type[Provider]:
    return type(billing.connections[CONNECTION])


def _talk(err: str) -> list[str]:
    """What a command says besides, but for which application it has found."""
    return [line for line in err.splitlines() if not line.startswith("Using ")]


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
