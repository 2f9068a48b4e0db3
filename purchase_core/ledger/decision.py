"""A decision about credits or quotas: what a request does to the live document of its lane.

It is taken where facts are recorded, on the document as it is then, and committed under the version of the
lane: of two that were taken on one document, one is taken again. So nothing is spent twice, whoever asks at
the same time, in whatever process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Self

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.access.live import Live
from purchase_core.catalog.versions import OfferVersion
from purchase_core.instants import Instant
from purchase_core.records.ledger_rows import LedgerRow
from purchase_core.records.movement import Movement
from purchase_core.values import Value


class Answer(Value, frozen=True):
    """What whoever asked is told, and told again under the same key.

    `movement` is the movement's key. `balance` is what can be spent afterwards, and `until` when a
    reservation ends. Of the use of a quota, `balance` is what is left of its `limit` in the window from
    `since` to `until`.
    """

    movement: str
    kind: str
    unit: str
    amount: int
    balance: int
    until: Instant | None = None
    limit: int | None = None
    since: Instant | None = None


def decode_answer(movement: Movement) -> Answer:
    """What the request of a movement was told."""
    return _ANSWER.decode(movement.answer)


_ANSWER = msgspec.json.Decoder(Answer)


class Request(Value, frozen=True):
    """Who wants what, under which key. `fingerprint` identifies the arguments."""

    key: str
    kind: str
    lane: str
    unit: str
    amount: int
    fingerprint: str
    reason: str = ""


class Decided(Value, frozen=True):
    """What the document becomes, what is written beside it, and what moved; movements have no place yet."""

    live: Live
    rows: tuple[LedgerRow, ...]
    movements: tuple[Movement, ...]


@attrs.frozen
class Decision(ABC):
    """One decision, of one request."""

    request: Request

    def about(self, lane: str) -> Self:
        """The same about a lane: that of whom the customer was merged into, if they were."""
        if lane == self.request.lane:
            return self
        return attrs.evolve(self, request=replace(self.request, lane=lane))

    def versions(self, live: Live) -> frozenset[str]:
        """Offer versions that `decide` will want."""
        return frozenset()

    def lacks(self, live: Live, now: Instant) -> int:
        """How many credits of lots that are not named it will want; their lots are to be named then."""
        return 0

    @abstractmethod
    def decide(
        self,
        live: Live,
        offers: Mapping[str, OfferVersion],
        moved: tuple[Movement, ...],
        now: Instant,
    ) -> Decided:
        """Decide. `live` may be changed; `moved` is what facts that are recorded with it have moved.

        Raises ExceedsBalance, or WrongState: then nothing is written.
        """
