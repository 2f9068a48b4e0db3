"""Circuits: what keeps failing at a provider is not asked for again for a while, connection by connection.

closed ──(failures in a row)──► open ──(a pause)──► half open ──(success)──► closed

While a circuit is open, a call fails at once, as one that provably did nothing: whoever waits is told how
long, and nothing is sent that would only add to an outage. An operation that fails opens its own circuit:
reads may work while writes do not. Whoever asks to be left alone (`Retry-After`) is, altogether, for as long.
Which connection takes a checkout is another matter (`routing/breaker.py`), on the same terms.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from purchase_core.errors import OutcomeUnknown, ProviderRefused, ProviderUnavailable
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.provider import OPERATIONS, Provider
from purchase_core.routing.breaker import BreakerSettings, HealthBook

HOLD_SECONDS_MAX = 3_600.0  # a provider that says more is asked again after this long


class Circuits:
    """The circuits of one connection, in one process."""

    def __init__(self, connection: str, clock: Clock, settings: BreakerSettings | None = None) -> None:
        self._connection = connection
        self._clock = clock
        self._settings = settings or BreakerSettings()
        self._health = HealthBook(self._settings)
        self._opened: dict[str, Instant] = {}
        self._held_until = Instant(0)

    def check(self, operation: str) -> None:
        """Raises ProviderUnavailable while an operation is not to be asked for."""
        now = self._clock.now()
        until = self._held_until
        if self._health.health(operation, now).state == "open":
            until = max(until, Instant(self._opened[operation] + self._settings.open_seconds * SECOND))
        if now < until:
            raise ProviderUnavailable(
                f"{operation}: {self._connection} is left alone for a while, after it failed or asked for it",
                provider_code="circuit_open",
                retry_after_seconds=(until - now) / SECOND,
            )

    def failed(self, operation: str, retry_after_seconds: float | None) -> None:
        """It could not be reached, or nobody knows what came of it."""
        now = self._clock.now()
        self._health.failed(operation, now)
        self._opened[operation] = now
        if retry_after_seconds is not None:
            held = min(retry_after_seconds, HOLD_SECONDS_MAX)
            # Calls that were under way together come back one by one: the longest wish counts.
            self._held_until = max(self._held_until, Instant(now + int(held * SECOND)))

    def answered(self, operation: str) -> None:
        """It has answered, be it with a refusal."""
        self._health.succeeded(operation, self._clock.now())


def protect(provider: Provider, clock: Clock, settings: BreakerSettings | None = None) -> None:
    """From now on, every operation of this provider goes through its circuit."""
    circuits = Circuits(provider.connection.name, clock, settings)
    for operation in OPERATIONS:
        setattr(provider, operation, _protected(getattr(provider, operation), operation, circuits))


def _protected(
    call: Callable[..., Awaitable[object]], operation: str, circuits: Circuits
) -> Callable[..., Awaitable[object]]:
    @functools.wraps(call)
    async def protected(*arguments: object, **options: object) -> object:
        circuits.check(operation)
        try:
            answer = await call(*arguments, **options)
        except ProviderUnavailable as error:
            circuits.failed(operation, error.retry_after_seconds)
            raise
        except OutcomeUnknown:
            circuits.failed(operation, None)
            raise
        except ProviderRefused:
            circuits.answered(operation)
            raise
        circuits.answered(operation)
        return answer

    return protected
