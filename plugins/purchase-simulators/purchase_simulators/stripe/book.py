"""The book of an account: its objects in their newest state, its events, and what falls due by itself."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias, TypeVar, cast

import attrs
import msgspec

from purchase_core.instants import SECOND, Instant
from purchase_simulators.wire.clock import ProviderClock

from .ids import StripeIds
from .objects.thing import Hidden, Thing
from .refusal import Refusal, missing
from .versions import API_VERSION

OBJECTS_MAX = 200_000
STEPS_MAX = 100_000  # of one catching up; ten years of daily renewals are 3,660

T = TypeVar("T", bound=Thing)
Act: TypeAlias = "Callable[[Book, str], None]"
"""Something that falls due, for the object of an id. It looks whether it still applies."""


@attrs.frozen
class Event:
    """Something that happened. `body` is what webhooks carry, to the byte, and what lists show."""

    id: str
    type: str
    created: Instant
    about: str
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class Cause:
    """The request that causes what happens now; empty for what happens by itself."""

    request: str | None = None
    idempotency_key: str | None = None


class Book:
    """Objects and events of one account. `listening` says how many endpoints want a type of event."""

    def __init__(self, clock: ProviderClock, ids: StripeIds) -> None:
        self.clock = clock
        self.ids = ids
        self.events: list[Event] = []
        self.cause = Cause()
        self.api_version = API_VERSION
        self.tax_percent = 20
        self.when_unpaid = "cancel"  # after the last try at a renewal: cancel | unpaid | past_due
        self.pages = ""  # the address that hosted pages begin with
        self.on_event: Callable[[Event], None] | None = None
        self.listening: Callable[[str], int] = lambda event_type: 0
        self._at: Instant | None = None
        self._things: dict[type, dict[str, Thing]] = {}
        self._event_places: dict[str, int] = {}
        self._agenda: list[tuple[int, int, Act, str]] = []
        self._planned = 0
        self._undo: list[Callable[[], object]] | None = None

    # --- time ------------------------------------------------------------------------------------

    def now(self) -> int:
        """The account's time, in seconds since the epoch."""
        return (self.clock.now() if self._at is None else self._at) // SECOND

    def plan(self, at: int, act: Act, about: str) -> None:
        """Have something done at a time in seconds, unless it has happened by then."""
        self._planned += 1
        heapq.heappush(self._agenda, (at, self._planned, act, about))

    def catch_up(self) -> None:
        """Do all that is due by now, each at its own instant, in order."""
        now = self.clock.now() // SECOND
        for _ in range(STEPS_MAX):
            if not self._agenda or self._agenda[0][0] > now:
                return
            at, _, act, about = heapq.heappop(self._agenda)
            self._at, self.cause = Instant(at * SECOND), Cause()
            try:
                act(self, about)
            finally:
                self._at = None

    # --- objects ---------------------------------------------------------------------------------

    def new_id(self, kind: type[Thing]) -> str:
        """An id that nothing has yet."""
        return self.ids.new(kind.prefix)

    def put(self, thing: T) -> T:
        """Keep the new state of an object, and tell nobody."""
        shelf = self._things.setdefault(type(thing), {})
        if thing.id not in shelf and len(shelf) >= OBJECTS_MAX:
            raise Refusal(
                429, f"A simulated account holds {OBJECTS_MAX} objects of a kind.", kind="api_error"
            )
        self._note_undo(shelf, thing.id)
        shelf[thing.id] = thing
        return thing

    def remove(self, thing: Thing) -> None:
        """Keep it no more."""
        shelf = self._things[type(thing)]
        self._note_undo(shelf, thing.id)
        del shelf[thing.id]

    def get(self, kind: type[T], identifier: str, param: str = "id") -> T:
        """The newest state of an object. Raises Refusal."""
        found = self.find(kind, identifier)
        if found is None:
            raise missing(kind.noun, identifier, param)
        return found

    def find(self, kind: type[T], identifier: str) -> T | None:
        """The newest state of an object, if there is one."""
        return cast("T | None", self._things.get(kind, {}).get(identifier))

    def any(self, identifier: str) -> Thing | None:
        """The object of this id, whatever it is."""
        shelves = [shelf for kind, shelf in self._things.items() if not issubclass(kind, Hidden)]
        return next((shelf[identifier] for shelf in shelves if identifier in shelf), None)

    def all(self, kind: type[T]) -> Iterable[T]:
        """Every object of a kind, in the order of their making."""
        return cast("Iterable[T]", tuple(self._things.get(kind, {}).values()))

    # --- what happens ----------------------------------------------------------------------------

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What a refusal breaks off has not happened, unless the refusal says that it stays."""
        events, self._undo = len(self.events), []
        try:
            yield
        except Refusal as refusal:
            if not refusal.keeps:
                for undo in reversed(self._undo):
                    undo()
                for event in self.events[events:]:
                    del self._event_places[event.id]
                del self.events[events:]
            raise
        finally:
            self._undo = None
            for event in self.events[events:]:
                if self.on_event:
                    self.on_event(event)

    def made(self, event_type: str, thing: T) -> T:
        """A new object, and the event that says so."""
        self.put(thing)
        self.tell(event_type, thing)
        return thing

    def changed(self, event_type: str, thing: T) -> T:
        """The new state of an object, and the event, with what the fields were before."""
        before = self.find(type(thing), thing.id)
        self.put(thing)
        previous: dict[str, object] = {}
        if before is not None:
            old, new = _document(before), _document(thing)
            previous = {name: old.get(name) for name in new if old.get(name) != new[name]}
        self.tell(event_type, thing, previous)
        return thing

    def tell(self, event_type: str, thing: Thing, previous: Mapping[str, object] | None = None) -> None:
        """Note that something happened to an object."""
        stamp = self.clock.stamp(self._at)
        data: dict[str, object] = {"object": thing}
        if previous:
            data["previous_attributes"] = dict(previous)
        identifier = self.ids.new("evt")
        body = msgspec.json.encode(
            {
                "id": identifier,
                "object": "event",
                "api_version": self.api_version,
                "created": stamp // SECOND,
                "data": data,
                "livemode": False,
                "pending_webhooks": self.listening(event_type),
                "request": {"id": self.cause.request, "idempotency_key": self.cause.idempotency_key},
                "type": event_type,
            }
        )
        self._event_places[identifier] = len(self.events)
        event = Event(identifier, event_type, stamp, thing.id, body)
        self.events.append(event)
        if self._undo is None and self.on_event:
            self.on_event(event)

    # --- the journal, as deliveries read it ------------------------------------------------------

    def event(self, identifier: str) -> Event:
        """One event. Raises Refusal (404)."""
        if identifier not in self._event_places:
            raise missing("event", identifier)
        return self.events[self._event_places[identifier]]

    def newest_event(self) -> int:
        """How many events there have been."""
        return len(self.events)

    def events_since(self, count: int) -> list[Event]:
        """The events after the first `count`."""
        return self.events[count:]

    def _note_undo(self, shelf: dict[str, Thing], identifier: str) -> None:
        if self._undo is None:
            return
        before = shelf.get(identifier)
        if before is None:
            self._undo.append(lambda: shelf.pop(identifier, None))
        else:
            self._undo.append(lambda: shelf.__setitem__(identifier, before))


def _document(thing: Thing) -> dict[str, object]:
    return cast("dict[str, object]", msgspec.to_builtins(thing))
