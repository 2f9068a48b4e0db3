"""The mailbox: what one subscriber still has to be told of one lane's effects."""

from __future__ import annotations

from purchase_core.instants import Instant
from purchase_core.values import Value

IDLE = "idle"
WAITING = "waiting"
STUCK = "stuck"


class Mailbox(Value, frozen=True):
    """How far a subscriber has come in a lane. Unique by (subscriber, lane); made with the first effect.

    `told` and `newest` are places of effects (`Effect.place`): up to which the subscriber has been told, and
    up to which there are any. `state`: idle (nothing waits) | waiting (from `available_at` on) | stuck (given
    up, with a `reason`, until a person says how to go on). `attempts` counts the tries at the effect behind
    `told`. `fence` grows with each claim; the claimant quotes it when it says how far it came.
    """

    subscriber: str
    lane: str
    told: int
    newest: int
    state: str
    attempts: int
    available_at: Instant
    reason: str = ""
    fence: int = 0


class Told(Value, frozen=True):
    """How far the holder of a mailbox came. Refused with LeaseLost unless `fence` is the mailbox's own.

    It ends the claim. Where effects came meanwhile, an idle mailbox is waiting again.
    """

    subscriber: str
    lane: str
    fence: int
    told: int
    state: str
    attempts: int
    available_at: Instant
    reason: str = ""
