"""Webhook endpoints and events: https://docs.stripe.com/api/webhook_endpoints, https://docs.stripe.com/api/events."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument
from purchase_core.instants import DAY, SECOND
from purchase_core.secret import Secret

from . import metadata as meta
from .book import Event
from .call import Answered, Call, Routes
from .forms import Params
from .objects.endpoints import TestClock, WebhookEndpoint
from .paging import ListParams, Page, Range, newest_first, page
from .refusal import invalid
from .versions import API_VERSION

EVENTS_KEPT_DAYS = 30
TYPES_MAX = 20
ALL = "*"


class MakeEndpoint(Params, frozen=True, kw_only=True):
    """POST /v1/webhook_endpoints."""

    url: str
    enabled_events: list[str]
    api_version: str | None = None
    description: str | None = None
    connect: bool = False
    metadata: meta.Asked = UNSET


class ChangeEndpoint(Params, frozen=True, kw_only=True):
    """POST /v1/webhook_endpoints/{id}. The API version is fixed when it is made."""

    url: str | UnsetType = UNSET
    enabled_events: list[str] | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    metadata: meta.Asked = UNSET


class ListEvents(ListParams, frozen=True, kw_only=True):
    """GET /v1/events: those of the last thirty days, newest first."""

    type: str | None = None
    types: list[str] | None = None
    created: Range | int | None = None
    delivery_success: bool | None = None


class MakeClock(Params, frozen=True, kw_only=True):
    """POST /v1/test_helpers/test_clocks."""

    frozen_time: int
    name: str | None = None


class Advance(Params, frozen=True, kw_only=True):
    """POST /v1/test_helpers/test_clocks/{id}/advance."""

    frozen_time: int


# --- endpoints ---------------------------------------------------------------------------------


def make_endpoint(call: Call) -> Answered:
    """The secret is in this answer, and never again. Events come in the API version that is given now."""
    asked, book = call.params(MakeEndpoint), call.book
    if not asked.enabled_events:
        raise invalid("Missing required param: enabled_events.", "enabled_events", "parameter_missing")
    if asked.api_version not in (None, API_VERSION):
        raise invalid(f"Invalid API version; the simulator speaks {API_VERSION}.", "api_version")
    secret = book.ids.new("whsec")
    endpoint = WebhookEndpoint(
        id=book.new_id(WebhookEndpoint),
        api_version=asked.api_version,
        created=book.now(),
        description=asked.description,
        enabled_events=tuple(asked.enabled_events),
        metadata=meta.merged({}, asked.metadata),
        url=asked.url,
    )
    try:
        call.account.deliveries.add(asked.url, Secret(secret), identifier=endpoint.id,
                                    types=_types(asked.enabled_events))  # fmt: skip
    except InvalidArgument as error:
        raise invalid(f"Invalid URL: {error.message}", "url", "url_invalid") from None
    book.put(endpoint)
    return replace(endpoint, secret=secret)


def change_endpoint(call: Call) -> Answered:
    asked, book = call.params(ChangeEndpoint), call.book
    known = book.get(WebhookEndpoint, call.id)
    given = {name: value for name in ("url", "description") if (value := getattr(asked, name)) is not UNSET}
    if not isinstance(asked.enabled_events, UnsetType):
        given["enabled_events"] = tuple(asked.enabled_events)
    if not isinstance(asked.disabled, UnsetType):
        given["status"] = "disabled" if asked.disabled else "enabled"
    changed = replace(known, **given, metadata=meta.merged(known.metadata, asked.metadata))
    try:
        call.account.deliveries.change(call.id, url=changed.url, types=_types(list(changed.enabled_events)),
                                       enabled=changed.status == "enabled")  # fmt: skip
    except InvalidArgument as error:
        raise invalid(f"Invalid URL: {error.message}", "url", "url_invalid") from None
    return book.put(changed)


def delete_endpoint(call: Call) -> Answered:
    endpoint = call.book.get(WebhookEndpoint, call.id)
    call.account.deliveries.remove(endpoint.id)
    call.book.remove(endpoint)
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}


def list_endpoints(call: Call) -> Answered:
    asked = call.params(ListParams)
    return page(newest_first(call.book.all(WebhookEndpoint)), asked, lambda one: one.id)


def _types(asked: list[str]) -> frozenset[str]:
    return frozenset() if ALL in asked else frozenset(asked)


# --- events ------------------------------------------------------------------------------------


def list_events(call: Call) -> Answered:
    asked, book = call.params(ListEvents), call.book
    if asked.type is not None and asked.types is not None:
        raise invalid("You may only specify one of these parameters: type, types.", "types")
    if asked.types is not None and len(asked.types) > TYPES_MAX:
        raise invalid(f"You can pass up to {TYPES_MAX} types.", "types")
    oldest = book.now() - EVENTS_KEPT_DAYS * DAY // SECOND
    rows = [
        one
        for one in reversed(book.events)
        if one.created // SECOND >= oldest
        and _is_of(one.type, asked)
        and _is_when(one.created // SECOND, asked.created)
        and _is_delivered(call, one, asked.delivery_success)
    ]
    found = page(rows, asked, lambda one: one.id)
    return Page([msgspec.Raw(one.body) for one in found.data if isinstance(one, Event)], found.has_more)


def show_event(call: Call) -> Answered:
    found: dict[str, object] = msgspec.json.decode(call.book.event(call.id).body)
    return found


def _is_of(event_type: str, asked: ListEvents) -> bool:
    wanted = asked.types if asked.types is not None else [asked.type] if asked.type else None
    if wanted is None:
        return True
    return any(one == event_type or (one.endswith("*") and event_type.startswith(one[:-1])) for one in wanted)


def _is_when(second: int, asked: Range | int | None) -> bool:
    if isinstance(asked, Range):
        return asked.holds(second)
    return asked in (None, second)


def _is_delivered(call: Call, event: Event, asked: bool | None) -> bool:  # noqa: FBT001  # as Stripe's parameter
    return asked is None or call.account.deliveries.is_delivered(event.id) == asked


# --- test clocks -------------------------------------------------------------------------------


def make_clock(call: Call) -> Answered:
    """The simulator has one time. A clock shows it, and advances it for everybody."""
    asked, book = call.params(MakeClock), call.book
    clock = TestClock(
        id=book.new_id(TestClock),
        created=book.now(),
        deletes_after=book.now() + 30 * DAY // SECOND,
        frozen_time=max(asked.frozen_time, book.now()),
        name=asked.name,
    )
    call.account.advance_to(clock.frozen_time)
    return book.made("test_helpers.test_clock.created", clock)


def advance_clock(call: Call) -> Answered:
    asked, book = call.params(Advance), call.book
    clock = book.get(TestClock, call.id)
    if asked.frozen_time <= clock.frozen_time:
        raise invalid("frozen_time must be after the clock's current frozen_time.", "frozen_time")
    book.changed("test_helpers.test_clock.advancing", replace(clock, status="advancing"))
    call.account.advance_to(asked.frozen_time)
    return book.changed("test_helpers.test_clock.ready", replace(clock, frozen_time=asked.frozen_time))


def list_clocks(call: Call) -> Answered:
    asked = call.params(ListParams)
    return page(newest_first(call.book.all(TestClock)), asked, lambda one: one.id)


ROUTES: Routes = (
    ("POST", "/v1/webhook_endpoints", make_endpoint),
    ("GET", "/v1/webhook_endpoints", list_endpoints),
    ("GET", "/v1/webhook_endpoints/{id}", lambda call: call.book.get(WebhookEndpoint, call.id)),
    ("POST", "/v1/webhook_endpoints/{id}", change_endpoint),
    ("DELETE", "/v1/webhook_endpoints/{id}", delete_endpoint),
    ("GET", "/v1/events", list_events),
    ("GET", "/v1/events/{id}", show_event),
    ("POST", "/v1/test_helpers/test_clocks", make_clock),
    ("GET", "/v1/test_helpers/test_clocks", list_clocks),
    ("GET", "/v1/test_helpers/test_clocks/{id}", lambda call: call.book.get(TestClock, call.id)),
    ("POST", "/v1/test_helpers/test_clocks/{id}/advance", advance_clock),
)
