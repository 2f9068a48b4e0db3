"""The book of an account: its objects, each in its newest state, and all events in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, cast

import attrs
import msgspec

from purchase_core.identifiers import IdSource
from purchase_core.instants import Instant
from purchase_simulators.wire.clock import ProviderClock

from .objects import NEVER, Thing, falls_due
from .refusal import Refusal, invalid, missing

API_VERSION = "2026-11-01"
MODE = "test"
OBJECTS_MAX = 200_000
EVENTS_KEPT_MAX = 200_000
PAGE_MAX = 100

T = TypeVar("T", bound=Thing)


@attrs.frozen
class Event:
    """Something that happened. `body` is what webhooks carry, to the byte, and what lists show."""

    id: str
    type: str
    created: Instant
    about: str
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class Page:
    """Some rows as JSON. `next_cursor` is the id to start after, where there are more."""

    data: tuple[msgspec.Raw, ...]
    next_cursor: str | None


class Book:
    """Objects and events of one account. Every change of an object is an event, and gets a stamp."""

    def __init__(self, account: str, clock: ProviderClock, ids: IdSource) -> None:
        self.account = account
        self.clock = clock
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] | None = None
        self.forgotten_events = 0
        self.refund_approval = False  # whether somebody has to agree to each refund
        self._ids = ids
        self._things: dict[type, dict[str, Thing]] = {}
        self._event_places: dict[str, int] = {}
        self._agenda: list[tuple[Instant, int, Thing]] = []

    def new_id(self, kind: str) -> str:
        """An id that nothing has yet."""
        return self._ids.new(kind)

    def tell(self, type_: str, thing: T, at: Instant | None = None) -> T:
        """Keep the new state of an object, and note the event. Returns the object as it is kept."""
        stamp = self.clock.stamp(at)
        kept = attrs.evolve(thing, updated=stamp, created=stamp if thing.created == NEVER else thing.created)
        shelf = self._things.setdefault(type(thing), {})
        if kept.id not in shelf and len(shelf) >= OBJECTS_MAX:
            raise Refusal(429, "account_full", f"a sandbox account holds {OBJECTS_MAX} objects of a kind")
        shelf[kept.id] = kept
        self._note(type_, kept.id, stamp, kept)
        due = falls_due(kept)
        if due is not None:
            heapq.heappush(self._agenda, (due, stamp, kept))
        return kept

    def remove(self, type_: str, thing: Thing) -> None:
        """Keep an object no more, and note the event. Only of what never falls due."""
        del self._things[type(thing)][thing.id]
        self._note(type_, thing.id, self.clock.stamp(None), thing)

    def get(self, kind: type[T], identifier: str) -> T:
        """The newest state of an object. Raises Refusal (404)."""
        found = self._things.get(kind, {}).get(identifier)
        if found is None:
            raise missing(kind.__name__.lower())
        return cast("T", found)

    def has(self, kind: type[Thing], identifier: str) -> bool:
        """Whether there is such an object."""
        return identifier in self._things.get(kind, {})

    def all(self, kind: type[T]) -> Iterable[T]:
        """Every object of a kind, in the order of their making."""
        return cast("Iterable[T]", self._things.get(kind, {}).values())

    def page(
        self, kind: type[T], *, after: str, limit: int, metadata: Mapping[str, str], keep: Callable[[T], bool]
    ) -> Page:
        """Objects of a kind that carry all of this metadata, in the order of their making."""
        if after:
            self.get(kind, after)
        wanted = metadata.items()
        rows: list[T] = []
        passed = not after
        for one in self.all(kind):
            if passed and wanted <= one.metadata.items() and keep(one):
                rows.append(one)
            passed = passed or one.id == after
            if len(rows) > limit:
                break
        return _page([(one.id, msgspec.json.encode(one)) for one in rows], limit)

    def event_page(self, *, after: str, limit: int) -> Page:
        """Events in the order in which they happened."""
        start = 0
        if after:
            if after not in self._event_places:
                raise invalid("the cursor is of no event that is kept")
            start = self._event_places[after] + 1 - self.forgotten_events
        rows = self.events[start : start + limit + 1]
        return _page([(one.id, one.body) for one in rows], limit)

    def event(self, identifier: str) -> Event:
        """One event. Raises Refusal (404)."""
        if identifier not in self._event_places:
            raise missing("event")
        return self.events[self._event_places[identifier] - self.forgotten_events]

    def newest_event(self) -> int:
        """How many events there have been."""
        return self.forgotten_events + len(self.events)

    def events_since(self, count: int) -> list[Event]:
        """The events after the first `count`, as far as they are kept."""
        return self.events[max(count - self.forgotten_events, 0) :]

    def next_due(self) -> tuple[Instant, Thing] | None:
        """What falls due next, and when. Of one instant, what was settled first comes first."""
        while self._agenda:
            due, _, thing = self._agenda[0]
            if self._things[type(thing)][thing.id] is thing:
                return due, thing
            heapq.heappop(self._agenda)  # it has changed since, and stands further down if it is due at all
        return None

    def _note(self, type_: str, about: str, stamp: Instant, thing: Thing) -> None:
        identifier = self.new_id("evt")
        body = msgspec.json.encode(
            {
                "id": identifier,
                "object": "event",
                "type": type_,
                "api_version": API_VERSION,
                "account": self.account,
                "mode": MODE,
                "created": stamp,
                "data": {"object": thing},
            }
        )
        self._event_places[identifier] = self.forgotten_events + len(self.events)
        event = Event(identifier, type_, stamp, about, body)
        self.events.append(event)
        if len(self.events) > EVENTS_KEPT_MAX:
            forgotten = self.events.pop(0)
            del self._event_places[forgotten.id]
            self.forgotten_events += 1
        if self.on_event:
            self.on_event(event)


def _page(rows: list[tuple[str, bytes]], limit: int) -> Page:
    shown = rows[:limit]
    cursor = shown[-1][0] if len(rows) > limit else None
    return Page(tuple(msgspec.Raw(body) for _, body in shown), cursor)
