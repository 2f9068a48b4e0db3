"""Stripe on this machine: `LocalProvider` over its simulator."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.instants import Clock
from purchase_simulators.wire.clock import ProviderClock
from purchase_simulators.wire.local import DeliveringProvider, Wanted, hearing, noticing
from purchase_simulators.wire.panel import Trigger
from purchase_simulators.wire.running import SimulatorServer

from . import portal
from .objects.payments import Charge
from .played import PlayedStripe
from .server.app import application
from .simulator import DEFAULT_ACCOUNT, StripeSimulator


class LocalStripe(DeliveringProvider):
    """A simulated Stripe."""

    plugin = "stripe"
    title = "Stripe"
    key_prefix = "sk_test_"

    def _open(self, wanted: Wanted, clock: Clock) -> SimulatorServer:
        self.simulator = StripeSimulator(clock=clock, chaos=self.chaos)
        self._account = self.simulator.open_account(wanted.account or DEFAULT_ACCOUNT, (self.api_key,))
        portal.save_default(self._account.book)
        self._journal, self._deliveries = self._account.book, self._account.deliveries
        self.simulator.listeners.append(hearing(wanted))
        return SimulatorServer(
            self.simulator,
            application(self.simulator),
            host=wanted.host,
            port=wanted.port,
            expose=wanted.expose,
            notice=noticing(wanted),
            date_header=False,
        )

    @property
    def account(self) -> str:
        return self._account.id

    def settings(self, checkout_url: str) -> Mapping[str, str]:
        return {"base_url": self.url, "account": self.account}

    @property
    def clock(self) -> ProviderClock:
        return self.simulator.clock

    def advance(self, microseconds: int) -> None:
        self.simulator.advance(microseconds)

    def payments(self) -> int:
        return sum(one.paid for one in self._account.book.all(Charge))

    def triggers(self) -> Mapping[str, Trigger]:
        return PlayedStripe(self.simulator, self._account).triggers()
