"""A simulator of traffic and outages: what a policy does over some hours, by the code that decides live.

Everything is drawn by hash from the seed, so that the same world gives the same picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import attrs
from msgspec.structs import replace

from purchase_core.instants import MINUTE, Instant
from purchase_core.ports.router import Candidate, Evidence, Health, Router, RouteRequest
from purchase_core.routing.breaker import HealthBook
from purchase_core.routing.chance import LOTS, draw
from purchase_core.routing.failover import FailoverPolicy
from purchase_core.values import Value

EPOCH = Instant(0)


class Outage(Value, frozen=True):
    """A stretch of minutes in which a connection cannot be reached."""

    connection: str
    starts: int
    ends: int


@attrs.frozen
class World:
    """What happens: `per_minute` checkouts over `minutes`, by `customers` who come back.

    `success` is each connection's part of opened checkouts that are paid, from 0 to 1; `latency_ms` how long
    opening takes. What is known of an outcome is known `horizon_minutes` later.
    """

    success: Mapping[str, float]
    latency_ms: Mapping[str, int] = attrs.Factory(dict)
    outages: tuple[Outage, ...] = ()
    minutes: int = 240
    per_minute: int = 20
    customers: int = 2_000
    horizon_minutes: int = 30
    seed: int = 1
    starts: Instant = EPOCH


class Slice(Value, frozen=True):
    """Some minutes: checkouts opened and paid by connection, those that failed over, those that found no way.

    `tried` counts attempts that met an outage.
    """

    minute: int
    opened: dict[str, int]
    paid: dict[str, int]
    failed_over: int
    nowhere: int
    tried: dict[str, int]


class Simulated(Value, frozen=True):
    """The whole of it, in slices of `slice_minutes`."""

    policy: str
    seed: int
    slice_minutes: int
    connections: tuple[str, ...]
    outages: tuple[Outage, ...]
    slices: tuple[Slice, ...]

    def total(self, part: str) -> dict[str, int]:
        """Sums over all slices of `opened`, `paid` or `tried`, by connection."""
        return {
            name: sum(getattr(one, part).get(name, 0) for one in self.slices) for name in self.connections
        }


def simulate(
    router: Router,
    request: RouteRequest,
    candidates: tuple[Candidate, ...],
    world: World,
    *,
    failover: FailoverPolicy | None = None,
    slice_minutes: int = 5,
) -> Simulated:
    """Send the request again and again, by other customers at other times, through a world with outages."""
    run = _Run(router, request, candidates, world, failover or FailoverPolicy())
    slices = [run.slice(start, slice_minutes) for start in range(0, world.minutes, slice_minutes)]
    names = tuple(one.connection for one in candidates)
    return Simulated(router.policy, world.seed, slice_minutes, names, world.outages, tuple(slices))


class _Run:
    def __init__(
        self,
        router: Router,
        request: RouteRequest,
        candidates: tuple[Candidate, ...],
        world: World,
        failover: FailoverPolicy,
    ) -> None:
        self._router = router
        self._request = request
        self._candidates = candidates
        self._world = world
        self._failover = failover
        self._health = HealthBook()
        self._evidence: dict[str, Evidence] = {}
        self._pending: deque[tuple[Instant, str, bool]] = deque()

    def slice(self, start: int, minutes: int) -> Slice:
        """Everything that happens in some minutes."""
        opened: dict[str, int] = {}
        paid: dict[str, int] = {}
        tried: dict[str, int] = {}
        failed_over = nowhere = 0
        for key, at in self._arrivals(start, minutes):
            met, where = self._send(key, at)
            for name in met:
                tried[name] = tried.get(name, 0) + 1
            if not where:
                nowhere += 1
                continue
            failed_over += bool(met)
            opened[where] = opened.get(where, 0) + 1
            paid[where] = paid.get(where, 0) + self._pays(key, at, where)
        return Slice(start, opened, paid, failed_over, nowhere, tried)

    def _arrivals(self, start: int, minutes: int) -> Iterator[tuple[str, Instant]]:
        world = self._world
        gap = MINUTE // max(1, world.per_minute)
        for minute in range(start, min(start + minutes, world.minutes)):
            for number in range(world.per_minute):
                at = Instant(world.starts + minute * MINUTE + number * gap)
                yield f"{world.seed}:{minute}:{number}", at

    def _send(self, key: str, at: Instant) -> tuple[list[str], str]:
        """The connections that were down, and the one that opened it ("" for none)."""
        self._learn(at)
        customer = f"customer_{self._lot(key, 'who') * self._world.customers // LOTS}"
        request = replace(self._request, key=key, at=at, customer=customer)
        candidates = tuple(
            replace(
                one,
                health=self._known_health(one.connection, at),
                evidence=self._evidence.get(one.connection, one.evidence),
            )
            for one in self._candidates
        )
        met: list[str] = []
        for name in self._router.decide(request, candidates).order[: self._failover.attempts_max]:
            if not self._is_down(name, at):
                self._health.succeeded(name, at, milliseconds=self._world.latency_ms.get(name, 300))
                return met, name
            self._health.failed(name, at)
            met.append(name)
            if self._failover.on_unavailable == "stop":
                break
        return met, ""

    def _pays(self, key: str, at: Instant, where: str) -> bool:
        paid = self._lot(key, f"pays:{where}") < self._world.success.get(where, 0.0) * LOTS
        self._pending.append((Instant(at + self._world.horizon_minutes * MINUTE), where, paid))
        return paid

    def _learn(self, at: Instant) -> None:
        while self._pending and self._pending[0][0] <= at:
            _, where, paid = self._pending.popleft()
            known = self._evidence.get(where, Evidence())
            self._evidence[where] = Evidence(known.opened + 1, known.paid + paid)

    def _known_health(self, connection: str, at: Instant) -> Health:
        return self._health.health(connection, at)

    def _is_down(self, connection: str, at: Instant) -> bool:
        minute = (at - self._world.starts) // MINUTE
        return any(
            one.connection == connection and one.starts <= minute < one.ends for one in self._world.outages
        )

    def _lot(self, key: str, step: str) -> int:
        return draw(f"world:{self._world.seed}", step, key)
