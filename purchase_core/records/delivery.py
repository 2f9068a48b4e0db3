"""The inbox row: a verified event as it arrived, and how far it got. The row is the queue."""

from __future__ import annotations

from purchase_core.instants import Instant
from purchase_core.values import Value

PENDING = "pending"
DONE = "done"
IGNORED = "ignored"
QUARANTINED = "quarantined"
DELIVERY_STATES = (PENDING, DONE, IGNORED, QUARANTINED)

OVER = (DONE, IGNORED)  # nothing is left to do: a settlement that comes after that is refused

WEBHOOK = "webhook"
LISTED = "listed"
FETCH = "fetch"
LOOKUP = "look-up"

EPOCH = Instant(0)


class Delivery(Value, frozen=True):
    """One event. Unique by (connection, event_id).

    `source`: webhook | listed (by the provider, when it was asked) | fetch (an object as it was looked up) |
    look-up (one that is to be looked up). Only a webhook carries a signature.

    `object` is a scheduling hint only. `headers` are the few that verification needs again on replay.
    `state`: pending | done | ignored | quarantined, with a `reason` for the last two; a pending row is
    tried again from `available_at`. `fence` grows with each claim; the claimant quotes it when it settles.
    `code` is the version of the code that judged it last.
    """

    id: str
    connection: str
    event_id: str
    event_type: str
    object: str
    occurred_at: Instant
    received_at: Instant
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source: str = WEBHOOK
    state: str = PENDING
    reason: str = ""
    attempts: int = 0
    available_at: Instant = EPOCH
    fence: int = 0
    code: str = ""

    def __repr__(self) -> str:
        """Without the body: it is the customer's business, not the log's."""
        return f"Delivery({self.id!r}, {self.connection!r}, {self.event_id!r}, state={self.state!r})"


class Settlement(Value, frozen=True):
    """How a claimed inbox row goes on. Refused with LeaseLost unless `fence` is the row's current one, and
    the row is not OVER: who has settled it, and never learnt of that, takes nothing back.

    A settlement also ends the claim; `state` pending means: again from `available_at`.
    """

    id: str
    fence: int
    state: str
    reason: str
    attempts: int
    available_at: Instant
    code: str = ""
