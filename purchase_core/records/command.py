"""The command: a request with an outward effect. Its row is committed before the provider is called."""

from __future__ import annotations

import attrs

from purchase_core.canonical import content_hash
from purchase_core.instants import Instant

PLANNED = "planned"
SENDING = "sending"
CONFIRMED = "confirmed"
REFUSED = "refused"
UNKNOWN = "unknown"
OPEN_STATES = (PLANNED, SENDING, UNKNOWN)
BY_HAND = "by hand"  # the detail of a last stage that is a person's word, and that no provider has shown


@attrs.frozen
class Stage:
    """Something that really happened. `detail` holds ids and codes, no bodies."""

    name: str
    at: Instant
    detail: str = ""


@attrs.frozen
class Command:
    """A request with an idempotency key, and the stages it went through: the receipt is read from it.

    Unique by `key` (kind and the caller's idempotency key). `fingerprint` identifies the arguments.
    `reference` is ours and travels in the provider's metadata; `decision` is the routing decision's JSON;
    `result` is the JSON of what the caller was told.
    """

    key: str
    id: str
    kind: str
    lane: str
    fingerprint: str
    state: str
    connection: str
    reference: str
    created_at: Instant
    updated_at: Instant
    stages: tuple[Stage, ...] = ()
    decision: bytes = b""
    request: bytes = b""
    result: bytes = b""

    @property
    def refusal(self) -> str:
        """Why it was refused, in codes; "" if it was not. What was noted since is another matter."""
        return next((one.detail for one in reversed(self.stages) if one.name == REFUSED), "")

    @property
    def is_by_hand(self) -> bool:
        """Whether it has ended by a person's word: what a provider shows of it later counts for more."""
        last = self.stages[-1] if self.stages else None
        return last is not None and last.name in (CONFIRMED, REFUSED) and last.detail == BY_HAND

    @property
    def version(self) -> str:
        """What identifies it as it stands. Asking in vain, which touches it, changes nothing of this."""
        return content_hash([self.state, self.connection, [[one.name, one.detail] for one in self.stages]])
