"""Deliveries of events to webhook endpoints: planned, tried, tried again, and logged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import attrs

from purchase_core.identifiers import IdSource
from purchase_core.instants import SECOND, Instant
from purchase_core.secret import Secret, checked_webhook_secret

from .account.book import Book, Event
from .account.refusal import invalid, missing
from .chaos import Chaos

RETRY_SECONDS = (5, 30, 120, 600, 3_600, 21_600, 86_400)
"""How long after each failed try the next one follows, on the provider's clock. Then it is given up."""

TRIES_MAX = len(RETRY_SECONDS) + 1
ENDPOINTS_MAX = 20
LIVE_SECRETS_MAX = 3
DELIVERIES_KEPT_MAX = 20_000
SUCCESS = range(200, 300)


class State(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up
    DROPPED = "dropped"  # chaos: never sent


@attrs.frozen
class Endpoint:
    """Where webhooks are sent. While a secret is being rotated there are several, newest first."""

    id: str
    url: str
    secrets: tuple[Secret, ...]
    created: Instant


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
    """All deliveries of one account. Time and chance come from outside; nothing is sent here."""

    def __init__(self, book: Book, ids: IdSource, chaos: Chaos) -> None:
        self._book = book
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

    def add(self, url: str, secret: Secret) -> Endpoint:
        """One more endpoint; it is told what happens from now on. Raises Refusal, SecretMissing."""
        if len(self._endpoints) >= ENDPOINTS_MAX:
            raise invalid(f"an account has at most {ENDPOINTS_MAX} endpoints")
        if not url.startswith(("http://", "https://")) or not url.isprintable() or " " in url:
            raise invalid("an endpoint is the address of a web page")
        self.plan()  # what happened before is not for the new one
        checked = checked_webhook_secret("a webhook secret", secret)
        endpoint = Endpoint(self._ids.new("we"), url, (checked,), self._book.clock.now())
        self._endpoints[endpoint.id] = endpoint
        return endpoint

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
        fresh = self._book.events_since(self._seen_events)
        self._seen_events = self._book.newest_event()
        for event in fresh:
            for endpoint in self._endpoints:
                self._plan(event, endpoint)

    def redeliver(self, event_id: str) -> tuple[Delivery, ...]:
        """Send an event again, to every endpoint, at once and undisturbed. Raises Refusal (404)."""
        event = self._book.event(event_id)
        now = self._book.clock.now()
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
        if len(attempts) >= TRIES_MAX or delivery.endpoint not in self._endpoints:
            return self._settle(attrs.evolve(after, state=State.FAILED))
        pause = RETRY_SECONDS[len(attempts) - 1] * SECOND
        return self._await(attrs.evolve(after, due=Instant(attempt.at + pause)))

    def newest(self, limit: int) -> Iterable[Delivery]:
        """The log, newest first."""
        return list(reversed(self._known.values()))[:limit]

    def _plan(self, event: Event, endpoint: str) -> None:
        delays = self._chaos.of_webhook()
        now = max(event.created, self._endpoints[endpoint].created)
        if not delays:
            dropped = self._new(event, endpoint, now)
            self._settle(attrs.evolve(dropped, state=State.DROPPED))
        for delay in delays:
            self._new(event, endpoint, Instant(now + delay))

    def _new(self, event: Event, endpoint: str, due: Instant) -> Delivery:
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
            raise missing("endpoint")
        return self._endpoints[identifier]
