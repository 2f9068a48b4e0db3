"""Events, of both kinds."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from .parts import Head, Id, Part, Seconds, Unread, Version, Word


class EventData(Part, frozen=True, kw_only=True):
    """What an event is about, not read yet."""

    object: Unread


class Event(Head, frozen=True, kw_only=True):
    """An event. `created` has whole seconds. `account` is there where it is another one's (Connect)."""

    type: Word
    api_version: Version | None
    created: Seconds
    livemode: bool
    account: Id | UnsetType = UNSET
    data: EventData


class Related(Part, frozen=True, kw_only=True):
    """What a thin event is about."""

    id: Id
    type: Word


class ThinEvent(Head, frozen=True, kw_only=True):
    """An event of the second kind, without its object."""

    type: Word
    created: str
    livemode: bool
    related_object: Related | None = None
