"""Stripe on this machine: `LocalProvider` over its simulator."""

from __future__ import annotations

from purchase_core.instants import Clock
from purchase_simulators.wire.local import DeliveringProvider, Wanted, hearing, noticing
from purchase_simulators.wire.running import SimulatorServer

from . import portal
from .account import Account
from .objects.payments import Charge
from .openapi import compared
from .played import PlayedStripe
from .server.app import application
from .simulator import DEFAULT_ACCOUNT, StripeSimulator


class LocalStripe(DeliveringProvider):
    """A simulated Stripe."""

    plugin = "stripe"
    title = "Stripe"
    key_prefix = "sk_test_"
    _account: Account

    def _open(self, wanted: Wanted, clock: Clock) -> SimulatorServer:
        simulator = StripeSimulator(clock=clock, chaos=self.chaos)
        self._account = simulator.open_account(wanted.account or DEFAULT_ACCOUNT, (self.api_key,))
        self.played = PlayedStripe(simulator, self._account)
        portal.save_default(self._account.book)
        simulator.listeners.append(hearing(wanted))
        app = application(simulator)
        return SimulatorServer(
            simulator,
            compared(app, wanted.documents) if wanted.documents else app,
            host=wanted.host,
            port=wanted.port,
            expose=wanted.expose,
            notice=noticing(wanted),
            date_header=False,
        )

    def payments(self) -> int:
        return sum(one.paid for one in self._account.book.all(Charge))
