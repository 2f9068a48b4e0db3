"""Code that misreads deliveries, and what is stored of them."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import attrs

from purchase_core.errors import (
    MalformedBody,
)
from purchase_core.operations.replay import Replayed
from purchase_core.operations.replay_runs import Plan
from purchase_core.ports.provider import Event, Normalised
from purchase_core.records.run import Run
from purchase_sandbox.adapter import SandboxProvider
from tests.faults.shop import Shop


def image(shop: Shop) -> tuple[Any, ...]:
    """Everything that the database holds."""
    return tuple(repr(getattr(shop.memory, field.name)) for field in attrs.fields(type(shop.memory)))


def blind(kind: str) -> Any:
    """An adapter of yesterday that did not read one kind of object."""
    original = SandboxProvider.normalise

    def normalise(self: SandboxProvider, event: Event) -> Normalised:
        meaning = original(self, event)
        if any(fact.kind == kind for fact in meaning.facts):
            return Normalised(ignored="yesterday's code did not know it")
        return meaning

    return patch.object(SandboxProvider, "normalise", normalise)


def broken() -> Any:
    def normalise(self: SandboxProvider, event: Event) -> Normalised:
        raise MalformedBody("today's code is broken")

    return patch.object(SandboxProvider, "normalise", normalise)


async def replayed(
    shop: Shop, plan: Plan, lines: list[bytes] | None = None, *, dry_run: bool = False
) -> tuple[Run, list[Replayed]]:
    found: list[Replayed] = []
    last = shop.billing.replay_runs.start(plan, note="ops: why")
    async for noted, done in shop.billing.replay_runs.run(last, lines=lines or (), dry_run=dry_run):
        last = noted
        found += done
    return last, found


async def misread(shop: Shop) -> None:
    """Sales to two customers of which yesterday's code saw no bill."""
    with blind("invoice"):
        await shop.sold()
        await shop.sold("cart-2", customer="ben")
        shop.advance(days=32)
        await shop.deliver()


async def well_read(shop: Shop) -> None:
    await shop.sold()
    await shop.sold("cart-2", customer="ben")
    shop.advance(days=32)
    await shop.deliver()
