"""The sandbox on this machine: `LocalProvider` over it."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.instants import Clock
from purchase_simulators.wire.clock import ProviderClock
from purchase_simulators.wire.local import DeliveringProvider, Wanted, hearing, noticing
from purchase_simulators.wire.panel import Trigger

from .account.objects import Invoice
from .config import PLUGIN
from .played import PlayedSandbox
from .sandbox import DEFAULT_ACCOUNT, Sandbox
from .server.running import SandboxServer


class LocalSandbox(DeliveringProvider):
    """The sandbox."""

    plugin = PLUGIN
    title = "Sandbox"
    key_prefix = "sk_sandbox_"

    def _open(self, wanted: Wanted, clock: Clock) -> SandboxServer:
        self.sandbox = Sandbox(clock=clock, chaos=self.chaos)
        self._account = self.sandbox.open_account(wanted.account or DEFAULT_ACCOUNT, (self.api_key,))
        self._account.book.refund_approval = wanted.approve_refunds
        self._journal, self._deliveries = self._account.book, self._account.deliveries
        self.sandbox.listeners.append(hearing(wanted))
        return SandboxServer(
            self.sandbox, host=wanted.host, port=wanted.port, expose=wanted.expose, notice=noticing(wanted)
        )

    @property
    def account(self) -> str:
        return self._account.id

    def settings(self, checkout_url: str) -> Mapping[str, str]:
        return {"base_url": self.url, "account": self.account}

    @property
    def clock(self) -> ProviderClock:
        return self.sandbox.clock

    def advance(self, microseconds: int) -> None:
        self.sandbox.advance(microseconds)

    def payments(self) -> int:
        return sum(1 for one in self._account.book.all(Invoice) if one.amount_paid > 0)

    def triggers(self) -> Mapping[str, Trigger]:
        return PlayedSandbox(self.sandbox, self._account).triggers()
