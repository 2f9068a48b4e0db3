"""The sandbox on this machine: `LocalProvider` over it."""

from __future__ import annotations

from purchase_core.errors import InvalidArgument
from purchase_core.instants import Clock
from purchase_simulators.wire.local import DeliveringProvider, Wanted, hearing, noticing

from .account.account import Account
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
    _account: Account

    def _open(self, wanted: Wanted, clock: Clock) -> SandboxServer:
        if wanted.documents is not None:
            raise InvalidArgument("the sandbox provider has no document", hint="Choose another --provider.")
        sandbox = Sandbox(clock=clock, chaos=self.chaos)
        self._account = sandbox.open_account(wanted.account or DEFAULT_ACCOUNT, (self.api_key,))
        self._account.book.refund_approval = wanted.approve_refunds
        self.played = PlayedSandbox(sandbox, self._account)
        sandbox.listeners.append(hearing(wanted))
        return SandboxServer(
            sandbox, host=wanted.host, port=wanted.port, expose=wanted.expose, notice=noticing(wanted)
        )

    def payments(self) -> int:
        return sum(1 for one in self._account.book.all(Invoice) if one.amount_paid > 0)
