"""What an account holds: entities by id, and the events that told of them. One stamp, one change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import attrs

from purchase_core.instants import DAY, Instant
from purchase_simulators.wire.clock import ProviderClock

from .ids import PaddleIds
from .refusal import missing
from .settings import Settings
from .shapes import Document, snapshot
from .stamps import written

EVENTS_KEPT_MAX = 20_000
EVENTS_KEPT_DAYS = 90
NOT_TOLD = ("management_urls", "times_used", "discount_group")
"""Fields that no event carries: links are temporary, and of a discount an event shows less."""

PREFIXES = ("ctm", "add", "biz", "pro", "pri", "dsc", "txn", "sub", "adj", "paymtd", "ntfset")


@attrs.frozen
class Event:
    """One event: `data` is the entity as it was then."""

    id: str
    type: str
    occurred_at: str
    data: Document = attrs.field(repr=False)

    def document(self) -> Document:
        """As `GET /events` shows it; a notification adds its `notification_id`."""
        return {
            "event_id": self.id,
            "event_type": self.type,
            "occurred_at": self.occurred_at,
            "data": snapshot(self.data),
        }


class Book:
    """The entities and events of one account. Between two calls nothing is half done."""

    def __init__(self, clock: ProviderClock, ids: PaddleIds, settings: Settings) -> None:
        self.clock, self.ids, self.settings = clock, ids, settings
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] = lambda event: None
        self._tables: dict[str, dict[str, Document]] = {prefix: {} for prefix in PREFIXES}
        self._private: dict[str, dict[str, object]] = {}
        self._moment: Instant | None = None
        self.invoices = 0

    # --- time ------------------------------------------------------------------------------------

    def now(self) -> Instant:
        """The instant that things happen at: the clock's, or that of whatever has fallen due."""
        return self.clock.now() if self._moment is None else self._moment

    @contextmanager
    def at(self, moment: Instant) -> Iterator[None]:
        """What happens in the block happens at this instant, which may have passed."""
        before, self._moment = self._moment, moment
        try:
            yield
        finally:
            self._moment = before

    def stamp(self) -> str:
        """A new stamp; no two are alike."""
        return written(self.clock.stamp(self._moment))

    # --- entities --------------------------------------------------------------------------------

    def add(self, document: Document, *types: str) -> Document:
        """Keep a new entity, stamped, and tell of it."""
        created = document["created_at"] = self.stamp()
        document["updated_at"] = created
        self._tables[_prefix(document["id"])][document["id"]] = document
        self.tell(document, *types)
        return document

    def keep(self, document: Document) -> Document:
        """Keep a new entity that has stamps of its own; nobody is told."""
        self._tables[_prefix(document["id"])][document["id"]] = document
        return document

    def changed(self, document: Document, *types: str) -> Document:
        """Stamp an entity that was changed, and tell of it: every event shows this one state."""
        document["updated_at"] = self.stamp()
        self.tell(document, *types)
        return document

    def tell(self, document: Document, *types: str, **extra: object) -> None:
        """Events about an entity as it is now. `extra` are fields that only this event has."""
        for type_ in types:
            data = snapshot(document) | extra
            for name in NOT_TOLD:
                data.pop(name, None)
            event = Event(self.ids.new("evt"), type_, self.stamp(), data)
            self.events.append(event)
            del self.events[:-EVENTS_KEPT_MAX]
            self.on_event(event)

    def recent(self) -> list[Event]:
        """The events of the last 90 days: https://developer.paddle.com/api-reference/events/list-events."""
        since = written(Instant(self.now() - EVENTS_KEPT_DAYS * DAY))
        return [one for one in self.events if one.occurred_at >= since]

    def find(self, prefix: str, identifier: str) -> Document:
        """An entity. Raises Refusal (404)."""
        found = self._tables[prefix].get(identifier)
        if found is None:
            raise missing(identifier)
        return found

    def rows(self, prefix: str) -> Sequence[Document]:
        """All entities of a kind, oldest first."""
        return list(self._tables[prefix].values())

    def remove(self, document: Document) -> None:
        """Forget an entity."""
        del self._tables[_prefix(document["id"])][document["id"]]

    def note(self, identifier: str) -> dict[str, object]:
        """What is known of an entity and not shown on the wire."""
        return self._private.setdefault(identifier, {})


def _prefix(identifier: str) -> str:
    return identifier.partition("_")[0]
