"""Observing a provider: every awaited operation is timed and told of, without its arguments or answer."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from purchase_core.errors import PurchaseError
from purchase_core.instants import Clock
from purchase_core.plugins.hookspecs import ProviderCall
from purchase_core.ports.provider import Provider

OPERATIONS = (
    "fetch",
    "ensure_customer",
    "ensure_price",
    "create_checkout",
    "find_checkout",
    "expire_checkout",
    "cancel_subscription",
    "uncancel_subscription",
    "change_subscription",
    "preview_change",
    "pause_subscription",
    "resume_subscription",
    "refund",
    "find_refund",
    "invoice_links",
    "create_portal",
    "events",
    "objects",
    "products",
    "prices",
    "create_product",
    "create_price",
    "update_product",
    "update_price",
    "archive_product",
    "archive_price",
    "endpoints",
    "create_endpoint",
)


def observe(provider: Provider, clock: Clock, tell: Callable[[ProviderCall], None]) -> None:
    """From now on, tell of every call of this provider when it has ended."""
    for operation in OPERATIONS:
        setattr(provider, operation, _observed(provider, operation, clock, tell))


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
