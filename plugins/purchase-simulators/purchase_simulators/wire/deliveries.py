"""Deliveries of events to webhook endpoints: planned, tried, tried again, and logged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol

import attrs

from purchase_core.errors import InvalidArgument
from purchase_core.identifiers import IdSource
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.secret import Secret, checked_webhook_secret

from .chaos import Chaos

ENDPOINTS_MAX = 20
LIVE_SECRETS_MAX = 3
DELIVERIES_KEPT_MAX = 20_000
SUCCESS = range(200, 300)


class NotThere(LookupError):
    """There is no such endpoint."""


class JournalEvent(Protocol):
    """Something that happened. `body` is what webhooks carry, to the byte."""

    @property
    def id(self) -> str:
        """The provider's id of it."""

    @property
    def type(self) -> str:
        """What happened."""

    @property
    def created(self) -> Instant:
        """When."""

    @property
    def about(self) -> str:
        """The id of its main object."""

    @property
    def body(self) -> bytes:
        """The whole of it."""


class Journal(Protocol):
    """The events of an account, in order."""

    def events_since(self, count: int) -> Sequence[JournalEvent]:
        """The events after the first `count`."""

    def newest_event(self) -> int:
        """How many there have been."""

    def event(self, identifier: str) -> JournalEvent:
        """One of them. Raises as the provider refuses what is not there."""


class State(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up
    DROPPED = "dropped"  # chaos: never sent


@attrs.frozen
class Endpoint:
    """Where webhooks are sent. While a secret is being rotated there are several, newest first.

    `types`: the only types of events that it is told; none: all. `enabled`: whether it is told anything.
    """

    id: str
    url: str
    secrets: tuple[Secret, ...]
    created: Instant
    types: frozenset[str] = frozenset()
    enabled: bool = True

    def wants(self, event_type: str) -> bool:
        """Whether it is told of such an event."""
        return self.enabled and (not self.types or event_type in self.types)


@attrs.frozen
class Attempt:
    """One try. `status` 0: there was no answer, and `problem` says why."""

    at: Instant
    status: int
    problem: str = ""


@attrs.frozen
class Delivery:
    """One event on its way to one endpoint. Copies and redeliveries are deliveries of their own."""

    id: str
    event: str
    type: str
    endpoint: str
    state: State
    due: Instant
    number: int
    attempts: tuple[Attempt, ...] = ()
    body: bytes = attrs.field(default=b"", repr=False)


class Deliveries:
    """All deliveries of one account. Time and chance come from outside; nothing is sent here.

    `retry_seconds`: how long after each failed try the next one follows, on the provider's clock. After the
    last it is given up.
    """

    def __init__(
        self, journal: Journal, clock: Clock, ids: IdSource, chaos: Chaos, retry_seconds: Sequence[int]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._retry_seconds = tuple(retry_seconds)
        self._ids = ids
        self._chaos = chaos
        self._endpoints: dict[str, Endpoint] = {}
        self._known: dict[str, Delivery] = {}
        self._waiting: dict[str, Delivery] = {}
        self._seen_events = 0
        self._count = 0

    # --- endpoints -------------------------------------------------------------------------------

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """All endpoints, oldest first."""
        return tuple(self._endpoints.values())

    def add(
        self, url: str, secret: Secret, *, identifier: str = "", types: frozenset[str] = frozenset()
    ) -> Endpoint:
        """One more endpoint; it is told what happens from now on. Raises InvalidArgument, SecretMissing."""
        if len(self._endpoints) >= ENDPOINTS_MAX:
            raise InvalidArgument(f"an account has at most {ENDPOINTS_MAX} endpoints")
        check_url(url)
        self.plan()  # what happened before is not for the new one
        checked = checked_webhook_secret("a webhook secret", secret)
        name = identifier or self._ids.new("we")
        return self._keep(Endpoint(name, url, (checked,), self._clock.now(), types))

    def change(
        self,
        identifier: str,
        *,
        url: str | None = None,
        types: frozenset[str] | None = None,
        enabled: bool | None = None,
    ) -> Endpoint:
        """Send other things, or elsewhere, from now on; None leaves as it is. Raises as `add` does."""
        endpoint = self._endpoint(identifier)
        if url is not None:
            check_url(url)
        self.plan()  # what happened before is sent as it would have been
        return self._keep(
            attrs.evolve(
                endpoint,
                url=endpoint.url if url is None else url,
                types=endpoint.types if types is None else types,
                enabled=endpoint.enabled if enabled is None else enabled,
            )
        )

    def rotate(self, identifier: str, secret: Secret) -> Endpoint:
        """Sign with one more secret; the older ones go on counting until they are retired."""
        endpoint = self._endpoint(identifier)
        checked = checked_webhook_secret("a webhook secret", secret)
        return self._keep(attrs.evolve(endpoint, secrets=(checked, *endpoint.secrets)[:LIVE_SECRETS_MAX]))

    def retire(self, identifier: str) -> Endpoint:
        """Sign with the newest secret only."""
        endpoint = self._endpoint(identifier)
        return self._keep(attrs.evolve(endpoint, secrets=endpoint.secrets[:1]))

    def remove(self, identifier: str) -> Endpoint:
        """Send it nothing any more."""
        endpoint = self._endpoint(identifier)
        del self._endpoints[identifier]
        for one in [one for one in self._waiting.values() if one.endpoint == identifier]:
            self._settle(attrs.evolve(one, state=State.FAILED))
        return endpoint

    # --- deliveries ------------------------------------------------------------------------------

    def plan(self) -> None:
        """Plan the deliveries of whatever has happened since this was last called."""
        fresh = self._journal.events_since(self._seen_events)
        self._seen_events = self._journal.newest_event()
        for event in fresh:
            for endpoint in self._endpoints.values():
                if endpoint.wants(event.type):
                    self._plan(event, endpoint.id)

    def redeliver(self, event_id: str) -> tuple[Delivery, ...]:
        """Send an event again, to every endpoint, at once and undisturbed."""
        event = self._journal.event(event_id)
        now = self._clock.now()
        return tuple(self._new(event, endpoint, now) for endpoint in self._endpoints)

    def due(self, now: Instant) -> list[tuple[Delivery, Endpoint]]:
        """What is to be sent now, in the order of sending."""
        ready = [one for one in self._waiting.values() if one.due <= now]
        ready.sort(key=lambda one: (one.due, one.number))
        return [(one, self._endpoints[one.endpoint]) for one in ready]

    def next_due(self) -> Instant | None:
        """When something is to be sent next."""
        return min((one.due for one in self._waiting.values()), default=None)

    def tried(self, delivery: Delivery, attempt: Attempt) -> Delivery:
        """Note a try. A failed one is followed by another after a while, until there were enough."""
        attempts = (*delivery.attempts, attempt)
        after = attrs.evolve(delivery, attempts=attempts)
        if attempt.status in SUCCESS:
            return self._settle(attrs.evolve(after, state=State.DELIVERED))
        if len(attempts) > len(self._retry_seconds) or delivery.endpoint not in self._endpoints:
            return self._settle(attrs.evolve(after, state=State.FAILED))
        pause = self._retry_seconds[len(attempts) - 1] * SECOND
        return self._await(attrs.evolve(after, due=Instant(attempt.at + pause)))

    def is_delivered(self, event_id: str) -> bool:
        """Whether every endpoint that was to be told of an event has taken it."""
        return all(one.state is State.DELIVERED for one in self._known.values() if one.event == event_id)

    def newest(self, limit: int) -> Iterable[Delivery]:
        """The log, newest first."""
        return list(reversed(self._known.values()))[:limit]

    def _plan(self, event: JournalEvent, endpoint: str) -> None:
        delays = self._chaos.of_webhook()
        now = max(event.created, self._endpoints[endpoint].created)
        if not delays:
            dropped = self._new(event, endpoint, now)
            self._settle(attrs.evolve(dropped, state=State.DROPPED))
        for delay in delays:
            self._new(event, endpoint, Instant(now + delay))

    def _new(self, event: JournalEvent, endpoint: str, due: Instant) -> Delivery:
        self._count += 1
        return self._await(
            Delivery(
                id=self._ids.new("wd"),
                event=event.id,
                type=event.type,
                endpoint=endpoint,
                state=State.WAITING,
                due=due,
                number=self._count,
                body=event.body,
            )
        )

    def _await(self, delivery: Delivery) -> Delivery:
        self._known[delivery.id] = self._waiting[delivery.id] = delivery
        while len(self._known) > DELIVERIES_KEPT_MAX:
            oldest = next(iter(self._known))
            self._known.pop(oldest)
            self._waiting.pop(oldest, None)
        return delivery

    def _settle(self, delivery: Delivery) -> Delivery:
        self._known[delivery.id] = delivery
        self._waiting.pop(delivery.id, None)
        return delivery

    def _keep(self, endpoint: Endpoint) -> Endpoint:
        self._endpoints[endpoint.id] = endpoint
        return endpoint

    def _endpoint(self, identifier: str) -> Endpoint:
        if identifier not in self._endpoints:
            raise NotThere(identifier)
        return self._endpoints[identifier]


def check_url(url: str) -> None:
    """Raise InvalidArgument unless webhooks could be sent there."""
    if not url.startswith(("http://", "https://")) or not url.isprintable() or " " in url:
        raise InvalidArgument("an endpoint is the address of a web page")
