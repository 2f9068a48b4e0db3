"""Notification settings, and the notifications that go to them: one for each event and destination.

Sources: api-reference/notification-settings, /notifications, webhooks/respond-to-webhooks (any answer but 2xx
within five seconds is tried again, up to 60 times in three days), webhooks/replay. A replay is a notification
of its own with a new id, and the same event id. Pure: nothing is sent here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from purchase_core.instants import SECOND, Instant
from purchase_simulators.wire.chaos import Chaos

from .book import Book, Event
from .refusal import bad, field, missing
from .requests import NotificationSetting, given, needed
from .shapes import Document
from .stamps import read as read_instant
from .stamps import written

RETRIES_MAX = 60
RETRY_SECONDS = tuple(int(10 * 1.147**number) for number in range(RETRIES_MAX))
KEPT_MAX = 20_000
SUCCESS = range(200, 300)
NOT_ATTEMPTED, NEEDS_RETRY, DELIVERED, FAILED = "not_attempted", "needs_retry", "delivered", "failed"
PLATFORM = ("platform", "all")


class Notifications:
    """All notifications of one account."""

    def __init__(self, book: Book, chaos: Chaos) -> None:
        self._book, self._chaos = book, chaos
        self._known: dict[str, Document] = {}
        self._due: dict[str, Instant] = {}
        self._copies: dict[str, tuple[Instant, ...]] = {}
        self._logs: dict[str, list[Document]] = {}

    # --- settings --------------------------------------------------------------------------------

    def add(self, asked: NotificationSetting) -> Document:
        """POST /notification-settings."""
        needed(asked, "description", "type", "destination", "subscribed_events")
        self._check(asked)
        active = [one for one in self._book.rows("ntfset") if one["active"]]
        if len(active) >= self._book.settings.destinations_max:
            raise bad("notification_maximum_active_settings_reached", "no more can be active")
        identifier = self._book.ids.new("ntfset")
        letters = identifier.removeprefix("ntfset_")
        document: Document = {
            "id": identifier, "active": True, "api_version": 1, "include_sensitive_fields": False,
            "traffic_source": "platform",
            "endpoint_secret_key": self._book.ids.secret(f"pdl_ntfset_{letters}_", 32),
        }  # fmt: skip
        return self._book.keep(document | self._given(asked))

    def change(self, setting: str, asked: NotificationSetting) -> Document:
        """PATCH /notification-settings/{id}."""
        document = self._book.find("ntfset", setting)
        self._check(asked)
        document |= self._given(asked)
        return document

    def remove(self, setting: str) -> None:
        """DELETE /notification-settings/{id}."""
        self._book.remove(self._book.find("ntfset", setting))

    # --- notifications ---------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Plan the notifications of an event, one for each setting that wants it."""
        for setting in self._book.rows("ntfset"):
            wanted = {one["name"] for one in setting["subscribed_events"]}
            if setting["active"] and event.type in wanted and setting["traffic_source"] in PLATFORM:
                self._plan(event, setting["id"], "event")

    def replay(self, notification: str) -> Document:
        """POST /notifications/{id}/replay. Only what an event sent, and not what a replay did."""
        document = self.find(notification)
        if document["origin"] != "event":
            raise bad("notification_replay_invalid_origin_type", "only notifications of events are replayed")
        if document["status"] == NOT_ATTEMPTED:
            raise bad("notification_cannot_replay", "it was not attempted yet")
        document["replayed_at"] = self._book.stamp()
        event = next((one for one in self._book.events if one.id == document["payload"]["event_id"]), None)
        if event is None:
            raise missing(document["payload"]["event_id"])
        return self._plan(event, document["notification_setting_id"], "replay")

    def send_again(self, event: str = "") -> list[Document]:
        """Tell an event once more, at once and undisturbed; without one, every event."""
        settings = [one for one in self._book.rows("ntfset") if one["active"]]
        return [
            self._plan(one, setting["id"], "replay", disturbed=False)
            for one in list(self._book.events)
            for setting in settings
            if event in ("", one.id) and one.type in {told["name"] for told in setting["subscribed_events"]}
        ]

    def next_due(self) -> Instant | None:
        """When something is to be sent next."""
        return min(self._due.values(), default=None)

    def find(self, notification: str) -> Document:
        """A notification. Raises Refusal (404)."""
        if notification not in self._known:
            raise missing(notification)
        return self._known[notification]

    def rows(self) -> list[Document]:
        """The notifications of the last 90 days, oldest first."""
        kept = {one.id for one in self._book.recent()}
        return [one for one in self._known.values() if one["payload"]["event_id"] in kept]

    def logs(self, notification: str) -> list[Document]:
        """Every try of a notification, oldest first."""
        self.find(notification)
        return self._logs.get(notification, [])

    def due(self, now: Instant) -> list[tuple[Document, Document]]:
        """What is to be sent by now, with its setting, in the order of sending."""
        ready = sorted((at, identifier) for identifier, at in self._due.items() if at <= now)
        settings = {one["id"]: one for one in self._book.rows("ntfset")}
        found = []
        for _, identifier in ready:
            document = self._known[identifier]
            setting = settings.get(document["notification_setting_id"])
            if setting is None:
                self._due.pop(identifier)
                document["status"] = FAILED
            else:
                found.append((document, setting))
        return found

    def tried(self, document: Document, status: int, kind: str = "", answer: str = "") -> None:
        """Note a try; 0 = no answer. A failed one is followed by another, until there were enough."""
        now = self._book.clock.now()
        log = {
            "id": self._book.ids.new("ntflog"),
            "response_code": status,
            "response_content_type": kind or None,
            "response_body": answer,
            "attempted_at": written(now),
        }
        self._logs.setdefault(document["id"], []).append(log)
        times = document["times_attempted"] = document["times_attempted"] + 1
        document |= {"last_attempt_at": written(now), "retry_at": None}
        if status in SUCCESS:
            document |= {"status": DELIVERED, "delivered_at": document["delivered_at"] or written(now)}
            self._next_copy(document["id"])
        elif times > RETRIES_MAX:
            document["status"] = FAILED
            self._due.pop(document["id"], None)
        else:
            at = Instant(now + RETRY_SECONDS[times - 1] * SECOND)
            document |= {"status": NEEDS_RETRY, "retry_at": written(at)}
            self._due[document["id"]] = at

    def _plan(self, event: Event, setting: str, origin: str, *, disturbed: bool = True) -> Document:
        identifier = self._book.ids.new("ntf")
        document: Document = {
            "id": identifier,
            "type": event.type,
            "status": NOT_ATTEMPTED,
            "payload": event.document() | {"notification_id": identifier},
            "occurred_at": event.occurred_at,
            "delivered_at": None,
            "replayed_at": None,
            "origin": origin,
            "last_attempt_at": None,
            "retry_at": None,
            "times_attempted": 0,
            "notification_setting_id": setting,
        }
        self._known[identifier] = document
        while len(self._known) > KEPT_MAX:
            oldest = next(iter(self._known))
            for table in (self._known, self._due, self._logs, self._copies):
                table.pop(oldest, None)
        happened = read_instant("occurred_at", event.occurred_at)
        start = happened if origin == "event" else self._book.clock.now()
        delays = self._chaos.of_webhook() if disturbed else (0,)
        copies = tuple(Instant(start + delay) for delay in delays)
        self._copies[identifier] = copies
        self._next_copy(identifier)
        return document

    def _next_copy(self, identifier: str) -> None:
        """Chaos may want a notification sent twice, or never."""
        waiting = self._copies.get(identifier, ())
        self._due.pop(identifier, None)
        if waiting:
            self._due[identifier], self._copies[identifier] = waiting[0], waiting[1:]

    def _check(self, asked: NotificationSetting) -> None:
        if asked.type == "url" and isinstance(asked.destination, str):
            parts = urlsplit(asked.destination)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise bad("url_notification_setting_incorrect", "the destination is no address of a page")
        if isinstance(asked.subscribed_events, list):
            unknown = [one for one in asked.subscribed_events if one not in EVENT_TYPES]
            if unknown:
                raise field("subscribed_events", f"unknown event type {unknown[0][:64]}")

    def _given(self, asked: NotificationSetting) -> Document:
        found = given(asked)
        if "subscribed_events" in found:
            found["subscribed_events"] = [described(name) for name in found["subscribed_events"]]
        return found


def body_of(document: Document) -> bytes:
    """The bytes that a notification carries."""
    return msgspec.json.encode(document["payload"])


def described(name: str) -> Document:
    """An event type as Paddle lists it."""
    group = name.partition(".")[0].replace("_", " ").capitalize()
    return {
        "name": name,
        "description": f"Occurs on {name}.",
        "group": group,
        "available_versions": [1],
    }


EVENT_TYPES = frozenset(
    f"{entity}.{what}"
    for entity, whats in {
        "address": "created imported updated",
        "adjustment": "created updated",
        "api_key": "created expired expiring revoked updated",
        "business": "created imported updated",
        "customer": "created imported updated",
        "discount": "created imported updated",
        "payment_method": "saved deleted",
        "payout": "created paid",
        "price": "created imported updated",
        "product": "created imported updated",
        "report": "created updated",
        "subscription": "activated canceled created imported past_due paused resumed trialing updated",
        "transaction": "billed canceled completed created paid past_due payment_failed ready updated revised",
    }.items()
    for what in whats.split()
)
