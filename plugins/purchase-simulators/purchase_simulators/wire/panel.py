"""The control panel for programs, `/sandbox/…`: `purchase sandbox` speaks to every simulator alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar, Protocol, TypeAlias

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from purchase_core.errors import InvalidArgument, MalformedBody, NotFound, WrongState
from purchase_core.instants import to_datetime
from purchase_core.strict_json import decode

from .chaos import CERTAIN_PPM, Chaos, parse_odds
from .clock import ProviderClock
from .deliveries import Deliveries, Delivery, Journal, JournalEvent
from .spans import after

LOG_ROWS_MAX = 100
BODY_BYTES_MAX = 64 * 1024
TIME_HEADER = "sandbox-time"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

Shown: TypeAlias = dict[str, object]
Trigger: TypeAlias = Callable[[str], None]
"""Makes something happen to the object that is named, or ("") to the newest that it fits."""


class Simulator(Protocol):
    """A provider's time, and what goes wrong there."""

    chaos: Chaos

    @property
    def clock(self) -> ProviderClock:
        """The provider's own time."""

    def advance(self, microseconds: int) -> None:
        """Let time pass, and everything happen that falls due on the way."""


class Telling(Protocol):
    """An account that tells of what happens by `Deliveries` of a `Journal`."""

    @property
    def id(self) -> str:
        """The provider's id of it."""

    @property
    def book(self) -> Journal:
        """What has happened."""

    @property
    def deliveries(self) -> Deliveries:
        """Who is told of it."""

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""


class Played(ABC):
    """One account of a simulator, and the simulator's time, as those who try things out play with them.

    `refusal` is what the provider says no with.
    """

    refusal: ClassVar[type[Exception]]

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    @property
    def chaos(self) -> Chaos:
        """What goes wrong."""
        return self._simulator.chaos

    @property
    def clock(self) -> ProviderClock:
        """The provider's own time."""
        return self._simulator.clock

    def advance(self, microseconds: int) -> None:
        """Let time pass, and everything happen that falls due on the way."""
        self._simulator.advance(microseconds)

    @abstractmethod
    def events(self, limit: int) -> Sequence[Shown]:
        """The newest events, oldest first: `id`, `type`, `created`, `object`."""

    @abstractmethod
    def deliveries(self, limit: int) -> Sequence[Shown]:
        """Webhooks that were sent, newest first: `id`, `event`, `type`, `endpoint`, `state`, `attempts`."""

    @abstractmethod
    def send_again(self, event: str) -> Sequence[Shown]:
        """Send an event's webhooks once more. Raises NotFound where there is no such event."""

    @abstractmethod
    def triggers(self) -> Mapping[str, Trigger]:
        """What can be made to happen by hand, by name (`payment.failed`). They raise `refusal`."""

    def trigger(self, name: str, about: str = "") -> Sequence[Shown]:
        """Make something happen; the events that tell of it. Raises NotFound, WrongState."""
        found = self.triggers().get(name)
        if found is None:
            known = ", ".join(sorted(self.triggers()))
            raise NotFound(f"no trigger {name[:40]!r}; there are {known}")
        before = {one["id"] for one in self.events(LOG_ROWS_MAX)}
        try:
            found(about)
        except self.refusal as refused:
            raise WrongState(str(refused)) from None
        return [one for one in self.events(LOG_ROWS_MAX) if one["id"] not in before]


class PlayedDeliveries(Played):
    """One whose account tells of what happens by `Deliveries`."""

    def __init__(self, simulator: Simulator, account: Telling) -> None:
        super().__init__(simulator)
        self._telling = account

    def events(self, limit: int) -> Sequence[Shown]:
        self._telling.catch_up()
        book = self._telling.book
        return [event_shown(one) for one in book.events_since(max(book.newest_event() - limit, 0))]

    def deliveries(self, limit: int) -> Sequence[Shown]:
        self._telling.catch_up()
        self._telling.deliveries.plan()
        return [delivery_shown(one) for one in self._telling.deliveries.newest(limit)]

    def send_again(self, event: str) -> Sequence[Shown]:
        self._telling.deliveries.plan()
        try:
            return [delivery_shown(one) for one in self._telling.deliveries.redeliver(event)]
        except self.refusal:
            raise NotFound(f"no event {event[:64]!r}") from None


def event_shown(one: JournalEvent) -> Shown:
    """An event of a journal, as the panel lists it."""
    return {"id": one.id, "type": one.type, "created": one.created, "object": one.about}


def delivery_shown(one: Delivery) -> Shown:
    """A delivery, as the panel lists it."""
    return {
        "id": one.id,
        "object": "delivery",
        "event": one.event,
        "type": one.type,
        "endpoint": one.endpoint,
        "state": one.state,
        "due": one.due,
        "attempts": one.attempts,
    }


Enter: TypeAlias = Callable[[str], Played | None]
"""The account that an API key opens."""

Act: TypeAlias = Callable[[Played, Request, Mapping[str, object]], Shown]


def panel_routes(enter: Enter) -> list[Route]:
    """Everything under /sandbox, for whoever has an API key."""
    table: list[tuple[str, str, Act]] = [
        ("GET", "/sandbox/clock", _clock),
        ("POST", "/sandbox/clock", _advance),
        ("GET", "/sandbox/chaos", _chaos),
        ("POST", "/sandbox/chaos", _set_chaos),
        ("GET", "/sandbox/events", _events),
        ("POST", "/sandbox/events/{id}/redeliver", _redeliver),
        ("GET", "/sandbox/deliveries", _deliveries),
        ("GET", "/sandbox/trigger", _triggers),
        ("POST", "/sandbox/trigger", _trigger),
    ]

    def endpoint(
        act: Callable[[Played, Request, Mapping[str, object]], Shown],
    ) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            played = enter(key.strip()) if scheme.lower() == "bearer" else None
            if played is None:
                return _answer(
                    401, _error("unknown_api_key", "send a known key: Authorization: Bearer <key>")
                )
            try:
                status, shown = 200, act(played, request, await _asked(request))
            except NotFound as error:
                status, shown = 404, _error("not_found", error.message)
            except WrongState as error:
                status, shown = 400, _error("wrong_state", error.message)
            except (InvalidArgument, MalformedBody) as error:
                status, shown = 400, _error("invalid_request", error.message)
            return _answer(status, shown, {TIME_HEADER: str(played.clock.now())})

        return answer

    return [Route(path, endpoint(act), methods=[method]) for method, path, act in table]


def _clock(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    now = played.clock.now()
    return {"now": now, "time": to_datetime(now).isoformat()}


def _advance(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    now = played.clock.now()
    played.advance(after(now, _text(asked, "by")) - now)
    return _clock(played, request, asked)


def _chaos(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    odds = {fault: str(Decimal(ppm) / CERTAIN_PPM) for fault, ppm in played.chaos.odds_ppm.items()}
    return {"seed": played.chaos.seed, "odds": odds}


def _set_chaos(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    for fault, odds in parse_odds(_text(asked, "odds")).items():
        played.chaos.set(fault, odds)
    return _chaos(played, request, asked)


def _events(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    limit = request.query_params.get("limit", "")
    return {"data": played.events(min(int(limit) if limit.isdecimal() else LOG_ROWS_MAX, LOG_ROWS_MAX))}


def _redeliver(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    return {"data": played.send_again(request.path_params["id"])}


def _deliveries(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    return {"data": played.deliveries(LOG_ROWS_MAX)}


def _triggers(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    return {"data": sorted(played.triggers())}


def _trigger(played: Played, request: Request, asked: Mapping[str, object]) -> Shown:
    return {"data": played.trigger(_text(asked, "type"), _text(asked, "object"))}


def _text(asked: Mapping[str, object], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be a text")
    return value


async def _asked(request: Request) -> Mapping[str, object]:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise InvalidArgument("the request is too large")
    except ClientDisconnect:
        raise InvalidArgument("the request was not whole") from None
    found = decode(bytes(body) or b"{}")
    if not isinstance(found, dict):
        raise InvalidArgument("the request must be a JSON object")
    return found


def _error(code: str, message: str) -> Shown:
    return {"error": {"code": code, "message": message}}


def _answer(status: int, shown: Shown, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    known = {"cache-control": "no-store", **headers}
    return Response(msgspec.json.encode(shown), status, known, "application/json")
