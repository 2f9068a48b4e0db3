"""Observing a provider: every awaited operation is timed and told of, without its arguments or answer."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from copy import copy

from purchase_core.errors import PurchaseError
from purchase_core.instants import Clock
from purchase_core.plugins.hookspecs import ProviderCall
from purchase_core.ports.provider import OPERATIONS, Provider


def observe(provider: Provider, clock: Clock, tell: Callable[[ProviderCall], None]) -> None:
    """From now on, tell of every call of this provider when it has ended."""
    for operation in OPERATIONS:
        setattr(provider, operation, _observed(provider, operation, clock, tell))


def unobserved(provider: Provider) -> Provider:
    """A copy that tells nobody; its operations are its own, and not those of the one that was observed."""
    other = copy(provider)
    for operation in OPERATIONS:
        vars(other).pop(operation, None)
    return other


def _observed(
    provider: Provider, operation: str, clock: Clock, tell: Callable[[ProviderCall], None]
) -> Callable[..., Awaitable[object]]:
    call: Callable[..., Awaitable[object]] = getattr(provider, operation)

    @functools.wraps(call)
    async def observed(*arguments: object, **options: object) -> object:
        started, outcome = clock.now(), "ok"
        try:
            return await call(*arguments, **options)
        except BaseException as error:
            outcome = error.code if isinstance(error, PurchaseError) else type(error).__name__
            raise
        finally:
            took = clock.now() - started
            tell(ProviderCall(provider.connection.name, provider.plugin, operation, outcome, took))

    return observed
