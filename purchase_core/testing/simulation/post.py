"""The post: what the provider has to deliver, what was taken, and what may come once more."""

from __future__ import annotations

from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Headers
from purchase_core.secret import Secret
from purchase_core.testing.simulation.chance import Chance
from purchase_core.testing.simulation.process import SECRET
from purchase_core.testing.simulation.provider.account import Account, Sent
from purchase_core.testing.simulation.provider.adapter import FORM

STRANGER = Secret("whsec_" + "somebody-else" * 3)


class Post:
    """The deliveries of one account. `waiting`: not taken yet; `taken`: answered with success."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.waiting: list[Sent] = []
        self.taken: dict[str, Sent] = {}
        self.gone = 0  # deliveries that will never come
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

    def lose(self, sent: Sent) -> None:
        """It will never come."""
        self.waiting.remove(sent)
        self.gone += 1

    def forged(self, chance: Chance, now: Instant) -> tuple[str, bytes, Headers]:
        """A delivery that is not genuine: how, its body and its headers."""
        sent = chance.one_of(self.account.events)
        name, body = f"{sent.id}x{now}".encode(), sent.body
        body = body.replace(f'"{sent.id}"'.encode(), b'"' + name + b'"', 1)
        if chance.below(2):  # something else than there is
            body = body.replace(b'"amount":', b'"amount":1').replace(b'"status":"', b'"status":"p')
        how = chance.one_of(("unsigned", "of a stranger", "of another account", "of another mode", "old"))
        if how == "of another account":
            body = body.replace(self.account.name.encode(), b"acct_other", 1)
        elif how == "of another mode":
            body = body.replace(b'"mode":"test"', b'"mode":"live"', 1)
        secret = STRANGER if how == "of a stranger" else SECRET
        at = Instant(now - 3_600 * SECOND) if how == "old" else now
        headers = () if how == "unsigned" else FORM.headers(body, at=at, secrets=(secret,))
        return how, body, headers

    @staticmethod
    def signed(body: bytes, now: Instant) -> Headers:
        """The headers of a delivery that is sent now."""
        return FORM.headers(body, at=now, secrets=(SECRET,))
