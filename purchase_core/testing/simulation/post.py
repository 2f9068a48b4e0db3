"""The post: what the provider has to deliver, what was taken, and what may come once more."""

from __future__ import annotations

from purchase_core.instants import Instant
from purchase_core.ports.provider import Headers
from purchase_core.testing.simulation.process import SECRET
from purchase_core.testing.simulation.provider.account import Account, Sent
from purchase_core.testing.simulation.provider.adapter import FORM


class Post:
    """The deliveries of one account. `waiting`: not taken yet; `taken`: answered with success."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.waiting: list[Sent] = []
        self.taken: dict[str, Sent] = {}
        self._told = 0

    def collect(self) -> None:
        """What the account has told since."""
        events = self.account.events
        self.waiting += events[self._told :]
        self._told = len(events)

    def take(self, sent: Sent) -> None:
        """It was answered with success: the provider does not send it again by itself."""
        self.taken[sent.id] = sent
        if sent in self.waiting:
            self.waiting.remove(sent)

    @staticmethod
    def signed(body: bytes, now: Instant) -> Headers:
        """The headers of a delivery that is sent now."""
        return FORM.headers(body, at=now, secrets=(SECRET,))
