"""What a provider tells: events, what they mean, and objects as they were fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

from purchase_core.facts.fact import Fact
from purchase_core.instants import Instant
from purchase_core.values import Value

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Header names in lower case, in order of arrival, repeated ones repeated."""

EVENT_PAGE_MAX = 100
SIGNATURE_WINDOW_SECONDS = 300  # either side of our clock
WEBHOOK_SECRET_BYTES_MIN = 24

Payload: TypeAlias = object


@attrs.frozen
class Event:
    """A verified event, parsed. `object` is its main object's key; `payload` is the adapter's own."""

    id: str
    type: str
    object: str
    occurred_at: Instant
    account: str
    mode: str
    api_version: str
    payload: Payload = attrs.field(repr=False, eq=False)


class Need(Value, frozen=True):
    """An object that must be fetched before the event can be understood. `kind` as in facts."""

    kind: str
    id: str
    why: str


class CustomerClaim(Value, frozen=True):
    """A provider's customer says that it is one of ours. Believed only of a customer that we know."""

    provider_customer: str
    customer: str


class Normalised(Value, frozen=True):
    """What an event means. Exactly one of: facts, needs, or a reason to ignore it."""

    facts: tuple[Fact, ...] = ()
    claims: tuple[CustomerClaim, ...] = ()
    needs: tuple[Need, ...] = ()
    ignored: str = ""


@attrs.frozen
class Fetched:
    """An object as the provider answered: stored, so that replay needs no network.

    `order` is the response's time less the call's duration, rounded down to the provider's resolution.
    """

    kind: str
    id: str
    order: Instant
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class EventPage:
    """Bodies of events, oldest first, as the webhook would have carried them. `cursor` "" = the end."""

    bodies: tuple[bytes, ...]
    cursor: str


@attrs.frozen
class ObjectPage:
    """Objects of one kind, as fetched. `cursor` "" = the end."""

    objects: tuple[Fetched, ...]
    cursor: str
