"""What the world tells a process, and the time that both live by."""

from __future__ import annotations

import time

import attrs
import msgspec

from purchase_core.instants import Instant
from purchase_core.testing.clocks import ManualClock


class Life(msgspec.Struct, frozen=True):
    """How a process begins: where its database and provider are, where it listens, what it writes down.

    `epoch` is the machine's time, in nanoseconds, from which time runs `speed` times as fast.
    """

    number: int
    database: str
    schema: str
    provider: str
    socket: str
    journal: str
    epoch: int
    speed: int
    bug: str = ""


class FastClock(ManualClock):
    """The machine's time, but faster: leases and pauses are those of production, and nobody waits for them.

    All processes of a campaign agree on it. The sandbox moves its clock on for each thing that happens, by
    a microsecond; this one has moved by itself.
    """

    def __init__(self, epoch: int, speed: int) -> None:
        super().__init__(Instant(epoch // 1_000))
        self._epoch, self._speed = epoch, speed

    def now(self) -> Instant:
        """The present instant."""
        return Instant((self._epoch + (time.time_ns() - self._epoch) * self._speed) // 1_000)

    def set_to(self, moment: Instant) -> Instant:
        """Nothing: it runs."""
        return moment


class Ask(msgspec.Struct, frozen=True):
    """What a buyer, or somebody on the buyer's behalf, asks of the application: checkout | refund | spend."""

    what: str
    customer: str
    key: str
    offer: str = ""
    intent: str = ""
    amount: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What came of it. `error` "": it is done. `odd`: the error is none of ours."""

    said: str = ""
    intent: str = ""
    error: str = ""
    odd: bool = False


@attrs.define
class Tally:
    """What a wave did, and what was done to it."""

    sales: int = 0
    events: int = 0
    sent: int = 0
    twice: int = 0
    late: int = 0
    again: int = 0
    kills: int = 0
    stalls: int = 0
    crashes: int = 0
    restarts: int = 0
    refunds: int = 0
    spendings: int = 0
    claims: int = 0
    told: int = 0
    told_again: int = 0
    seconds: float = 0.0
    settling: float = 0.0
    findings: list[str] = attrs.field(factory=list)

    def add(self, other: Tally) -> None:
        """Both together."""
        for one in attrs.fields(Tally):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
