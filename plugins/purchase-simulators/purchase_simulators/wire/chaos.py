"""Chaos: what goes wrong, how often, and the same again for the same seed.

Chance is a hash of (seed, what, how many times it was asked), so that a run can be repeated, and one kind of
trouble does not change when another is switched on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from hashlib import sha256

from purchase_core.errors import InvalidArgument
from purchase_core.instants import SECOND

CERTAIN_PPM = 1_000_000  # odds are parts per million
DELAY_SECONDS = 30
OVERTAKEN_SECONDS = 2


class Fault(StrEnum):
    """What can go wrong."""

    # with a webhook
    DUPLICATE = "duplicate"  # sent twice
    REORDER = "reorder"  # overtaken by those that follow within two seconds
    DELAY = "delay"  # sent half a minute late
    DROP = "drop"  # never sent
    # with a call of the API
    UNREACHABLE = "unreachable"  # the connection is cut before anything has happened
    BUSY = "busy"  # 429, before anything has happened
    BROKEN = "broken"  # 500, before anything has happened
    BROKEN_AFTER = "broken_after"  # 500, although a change has happened; reads are answered
    GARBLED = "garbled"  # 200 and a page of HTML, before anything has happened
    LOST_ANSWER = "lost_answer"  # a change has happened, and then the connection is cut; reads are answered


WEBHOOK_FAULTS = (Fault.DUPLICATE, Fault.REORDER, Fault.DELAY, Fault.DROP)
API_FAULTS = tuple(fault for fault in Fault if fault not in WEBHOOK_FAULTS)


class Chaos:
    """Decides what goes wrong. Without odds nothing does."""

    def __init__(self, seed: int = 0, odds_ppm: Mapping[Fault, int] | None = None) -> None:
        self.seed = seed
        self._odds_ppm: dict[Fault, int] = {}
        self._asked: Counter[str] = Counter()
        for fault, odds in (odds_ppm or {}).items():
            self.set(fault, odds)

    @property
    def odds_ppm(self) -> Mapping[Fault, int]:
        """How likely each fault is, in parts per million; those that never happen are left out."""
        return dict(self._odds_ppm)

    def set(self, fault: Fault, odds_ppm: int) -> None:
        """Make a fault as likely as this; 0 switches it off. Raises InvalidArgument."""
        if not 0 <= odds_ppm <= CERTAIN_PPM:
            raise InvalidArgument("odds are between 0 and 1")
        self._odds_ppm.pop(fault, None)
        if odds_ppm:
            self._odds_ppm[fault] = odds_ppm

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._odds_ppm.clear()

    def strikes(self, fault: Fault) -> bool:
        """Whether it happens this time."""
        self._asked[fault] += 1
        odds = self._odds_ppm.get(fault, 0)
        if odds in (0, CERTAIN_PPM):
            return bool(odds)
        drawn = sha256(f"{self.seed}:{fault}:{self._asked[fault]}".encode()).digest()
        return int.from_bytes(drawn[:8]) % CERTAIN_PPM < odds

    def of_call(self) -> Fault | None:
        """What happens to a call. All faults are asked, so that each has luck of its own."""
        struck = [fault for fault in API_FAULTS if self.strikes(fault)]
        return struck[0] if struck else None

    def of_webhook(self) -> tuple[int, ...]:
        """When a webhook is sent, in microseconds from now, once for each copy; () = never."""
        struck = {fault for fault in WEBHOOK_FAULTS if self.strikes(fault)}
        if Fault.DROP in struck:
            return ()
        late = DELAY_SECONDS if Fault.DELAY in struck else 0
        late += OVERTAKEN_SECONDS if Fault.REORDER in struck else 0
        return (late * SECOND,) * (2 if Fault.DUPLICATE in struck else 1)


def parse_odds(text: str) -> dict[Fault, int]:
    """Odds as people write them: `duplicate=0.2,lost_answer=1`. Raises InvalidArgument."""
    odds: dict[Fault, int] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, chance = part.partition("=")
        try:
            fault, share = Fault(name.strip()), Decimal(chance)
        except (ValueError, InvalidOperation):
            known = ", ".join(Fault)
            raise InvalidArgument(
                f"not a fault and its odds: {part[:40]!r}", hint=f"Write fault=0.2. Faults: {known}."
            ) from None
        if not share.is_finite() or not 0 <= share <= 1:
            raise InvalidArgument("odds are between 0 and 1")
        odds[fault] = int(share * CERTAIN_PPM)
    return odds
